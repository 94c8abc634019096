using System.Diagnostics;
using System.Globalization;
using System.Text;
using Granary.Testing.Unkind;
using Granary.Testing.Wire;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>Passwords that are guessed, a thousand at a time, over HTTP, at the page's login and over AMQP: others are served, each guess waits, and all are counted.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
[Collection(AbusedBroker.Collection)]
public sealed class GuessingTests(AbusedBroker broker)
{
    private const int Guesses = 2_000, AtATime = 1_000, RefusedOverAmqp = 1105, RefusedByThePage = 1681, MostLinesEachSecond = 10;
    private const long MostGrowth = 96L << 20;

    /// <summary>A second, and what a busy machine adds.</summary>
    private static readonly TimeSpan Shortest = TimeSpan.FromSeconds(0.9), Longest = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Guesses_ByTheThousand_WaitAreCountedAndHarmNobody()
    {
        broker.Broker.Watched.Allow(RefusedOverAmqp, RefusedByThePage);
        var before = await broker.LookAsync();
        var (http, amqp) = (await FailedAsync("http"), await FailedAsync("amqp091"));
        await using var others = OtherClients.Of(broker.Broker);

        await Task.WhenAll(
            GuessAsync(() => GuessOverHttpAsync("GET /api/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Basic Z3Vlc3Q6d3Jvbmc=\r\nConnection: close\r\n\r\n")),
            GuessAsync(GuessOverAmqpAsync));
        var since = Stopwatch.GetTimestamp();
        const string Body = """{"username":"guest","password":"wrong"}""";
        await GuessAsync(() => GuessOverHttpAsync(string.Create(
            CultureInfo.InvariantCulture, $"POST /api/login HTTP/1.1\r\nHost: x\r\nOrigin: http://x\r\nX-Granary-Page: 1\r\nContent-Length: {Body.Length}\r\nConnection: close\r\n\r\n{Body}")));

        // The log stays readable: a user's lines are among a few of the guesser's.
        Assert.InRange(broker.Broker.Watched.Lines.Count(static line => line.Event == RefusedByThePage), 1, MostLinesEachSecond * (1 + (int)Stopwatch.GetElapsedTime(since).TotalSeconds));
        await others.StopAsync();
        Assert.Equal((http + (2 * Guesses), amqp + Guesses), (await FailedAsync("http"), await FailedAsync("amqp091")));
        var after = await broker.LookAsync();
        Assert.InRange(after.ResidentBytes - before.ResidentBytes, long.MinValue, MostGrowth);
        broker.CheckLog();
    }

    private static async Task GuessAsync(Func<Task> guess) =>
        await Parallel.ForAsync(0, Guesses, new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (_, _) => await guess());

    private async Task GuessOverHttpAsync(string request)
    {
        var since = Stopwatch.GetTimestamp();
        var answer = await RawHttp.AskAsync(broker.Broker.HttpPort, Encoding.ASCII.GetBytes(request));
        Assert.Equal(401, answer.Status);
        Assert.InRange(Stopwatch.GetElapsedTime(since), Shortest, Longest);
    }

    // A client that can be told so is told at once, as by RabbitMQ.
    private async Task GuessOverAmqpAsync()
    {
        var since = Stopwatch.GetTimestamp();
        await using var connection = await WireConnection.ConnectAsync(broker.Broker.AmqpPort);
        await connection.SendAsync(WireConnection.ProtocolHeader);
        await connection.ExpectAsync(10, 10);
        await connection.SendMethodAsync(0, WireMethods.StartOk("guest", "wrong"));
        Assert.Equal(403, (await connection.ExpectCloseAsync()).Code);
        Assert.InRange(Stopwatch.GetElapsedTime(since), TimeSpan.Zero, Longest);
    }

    private async Task<long> FailedAsync(string protocol)
    {
        var metrics = await broker.Client.GetStringAsync(new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{broker.Broker.MetricsPort}/metrics")));
        var begin = $"rabbitmq_auth_attempts_failed_total{{protocol=\"{protocol}\"}}";
        var line = metrics.Split('\n').SingleOrDefault(line => line.StartsWith(begin, StringComparison.Ordinal));
        return line is null ? 0 : long.Parse(line[line.LastIndexOf(' ')..], CultureInfo.InvariantCulture);
    }
}
