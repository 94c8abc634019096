using System.Globalization;
using Xunit.Abstractions;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>A silo is killed while exclusive reply queues wait for answers.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class ReplyQueueTests(ITestOutputHelper output)
{
    private const int Silos = 3, Queues = 1000;

    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task Silo_KilledWhileReplyQueuesWait_EachRequestIsAnsweredAndNoAnswerComesTwice()
    {
        var rounds = int.TryParse(Environment.GetEnvironmentVariable("GRANARY_TEST_RPC_ROUNDS"), CultureInfo.InvariantCulture, out var told) ? told : 2;
        await using var cluster = await LocalCluster.StartAsync(Silos, gateways: 2);
        await using var requesters = await Requesters.StartAsync(cluster, Queues);
        await requesters.AskAllAsync();
        output.WriteLine("| round | killed | slowest answer, s | asked again |\n|---|---|---|---|");
        for (var round = 0; round < rounds; round++)
        {
            var silo = $"silo-{1 + round % Silos}";
            var asking = requesters.AskAllAsync();
            await cluster.SignalAsync(silo, "KILL");
            var (slowest, again) = await asking;
            output.WriteLine($"| {round + 1} | {silo} | {slowest.TotalSeconds:F2} | {again} |");
            requesters.Check();
            Assert.InRange(slowest, TimeSpan.Zero, Longest);
            await cluster.StartAgainAsync(silo);
            await requesters.AskAllAsync();
        }

        requesters.Check();
    }
}
