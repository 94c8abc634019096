using System.Net.Sockets;
using System.Text;
using Granary.Testing.Brokers;
using Granary.Testing.Unkind;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>Clients that send octet by octet, or read nothing: each is cut off after a while, costs little until then, and nobody waits for it.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
[Collection(AbusedBroker.Collection)]
public sealed class SlowClientTests(AbusedBroker broker)
{
    private const int EachKind = 60, RequestsUnread = 200, UnreadIsCut = 1411;
    private const long MostGrowth = 96L << 20;
    private const string Login = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n";

    /// <summary>The server's own: 30 s for a head, some for what makes the clocks tick.</summary>
    private static readonly TimeSpan LongestHead = TimeSpan.FromSeconds(45), LongestBody = TimeSpan.FromSeconds(20), BetweenOctets = TimeSpan.FromMilliseconds(250);

    [Fact]
    public async Task Clients_ThatAreSlow_AreCutOffAndHoldUpNobody()
    {
        broker.Broker.Watched.Allow(UnreadIsCut);
        await DeclareManyAsync();
        var before = await broker.LookAsync();
        await using var others = OtherClients.Of(broker.Broker);
        Residue? worst = null;
        using var stop = new CancellationTokenSource();
        var watch = WatchAsync(residue => worst = worst is null || residue.ResidentBytes > worst.ResidentBytes ? residue : worst, stop.Token);

        await Task.WhenAll(
            ForEachAsync(() => DripAsync("GET /api/over", LongestHead)),
            ForEachAsync(() => DripAsync($"POST /api/definitions HTTP/1.1\r\nHost: x\r\n{Login}Content-Length: 100000\r\n\r\n[", LongestBody)),
            ForEachAsync(() => DripAsync($"PUT /api/queues/%2F/slow HTTP/1.1\r\nHost: x\r\n{Login}Transfer-Encoding: chunked\r\n\r\n5000\r\n[", LongestBody)),
            ForEachAsync(ReadNothingAsync));

        await stop.CancelAsync();
        await watch;
        await others.StopAsync();
        Assert.InRange(worst!.ResidentBytes - before.ResidentBytes, long.MinValue, MostGrowth);
        broker.CheckLog(UnreadIsCut);
    }

    private static Task ForEachAsync(Func<Task> act) => Task.WhenAll(Enumerable.Range(0, EachKind).Select(_ => act()));

    // Goes on until the server has closed the connection: what it answered before that, if anything, says why.
    private async Task DripAsync(string beginning, TimeSpan limit)
    {
        using var patience = new CancellationTokenSource(limit);
        using var socket = await RawHttp.ConnectAsync(broker.Broker.HttpPort);
        await socket.SendAsync(Encoding.ASCII.GetBytes(beginning));
        var answer = RawHttp.ReadAsync(socket, within: limit);
        try
        {
            while (!answer.IsCompleted)
            {
                await socket.SendAsync("a"u8.ToArray());
                await Task.Delay(BetweenOctets, patience.Token);
            }
        }
        catch (SocketException)
        {
            // Closed, as it should be.
        }

        Assert.Contains((await answer).Status, (int[])[408, 0]);
    }

    // Asks for much, and reads none of it.
    private async Task ReadNothingAsync()
    {
        using var patience = new CancellationTokenSource(LongestHead);
        using var socket = await RawHttp.ConnectAsync(broker.Broker.HttpPort, receiveBuffer: 4096);
        var requests = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat($"GET /api/queues/fz HTTP/1.1\r\nHost: x\r\n{Login}\r\n", RequestsUnread)));
        try
        {
            await socket.SendAsync(requests, patience.Token);
            while (true)
            {
                // Fails once the server has cut the connection.
                await socket.SendAsync("\r\n"u8.ToArray(), patience.Token);
                await Task.Delay(BetweenOctets, patience.Token);
            }
        }
        catch (SocketException)
        {
            // Cut off.
        }
    }

    private async Task WatchAsync(Action<Residue> seen, CancellationToken stop)
    {
        try
        {
            while (true)
            {
                seen(await broker.LookAsync());
                await Task.Delay(BetweenOctets, stop);
            }
        }
        catch (OperationCanceledException)
        {
            // Told to stop.
        }
    }

    // So that a list is more than the sockets take.
    private async Task DeclareManyAsync()
    {
        using var made = await broker.Client.PutAsync(new Uri("vhosts/fz", UriKind.Relative), null);
        for (var i = 0; i < 50; i++)
        {
            using var body = new StringContent("{}");
            using var declared = await broker.Client.PutAsync(new Uri($"queues/fz/slow-{i}", UriKind.Relative), body);
            Assert.True(declared.IsSuccessStatusCode);
        }
    }
}
