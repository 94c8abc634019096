using System.Diagnostics;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Compat.Tests.BadClients;

/// <summary>Clients that take and do not give: the broker's memory stays as it is, and others are served.</summary>
public sealed class BadClientTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private const int EachKind = 3, SilentOnes = 50, TripsMeanwhile = 20;
    private const long MostGrowth = 64L << 20;

    /// <summary>Less than the 30 s after which a client that does not read is thrown out, and begins anew.</summary>
    private static readonly TimeSpan HeldWithin = TimeSpan.FromSeconds(20);

    private static readonly TimeSpan Watched = TimeSpan.FromSeconds(6), SlowestTrip = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Clients_ThatNeverReadOrNeverSpeak_CostNoMemoryAndHoldUpNobody()
    {
        await using var broker = await BrokerProcess.StartAsync();
        using var stop = new CancellationTokenSource();
        var sent = 0;
        Task[] bad =
        [
            .. Enumerable.Range(0, EachKind).Select(i => BadClient.PublishDeafAsync(broker.AmqpPort, $"deaf.publisher.{i}", () => Interlocked.Increment(ref sent), stop.Token)),
            .. Enumerable.Range(0, EachKind).Select(i => BadClient.ConsumeDeafAsync(broker.AmqpPort, $"deaf.consumer.{i}", stop.Token)),
            .. Enumerable.Range(0, SilentOnes).Select(_ => BadClient.SaySilentAsync(broker.AmqpPort, stop.Token)),
        ];
        try
        {
            // Windows and sockets fill first; then the publishers that read no confirm are not read either, while the broker does serve others.
            var (last, served, since) = (-1, 0, Stopwatch.GetTimestamp());
            while (served < TripsMeanwhile)
            {
                Assert.True(Stopwatch.GetElapsedTime(since) < HeldWithin, $"publishers that read no confirm are read for ever: {last} sends so far");
                var (more, _) = await ServeAsync(broker, TimeSpan.FromSeconds(1));
                served = last == (last = Volatile.Read(ref sent)) && last > 0 ? served + more : 0;
            }

            var before = Residue.Of(broker);
            var (trips, slowest) = await ServeAsync(broker, Watched);
            var after = Residue.Of(broker);

            output.WriteLine($"{trips} round trips, the slowest {slowest.TotalMilliseconds:0} ms; {before} before, {after} after");
            Assert.True(slowest < SlowestTrip, $"a round trip took {slowest}");
            Assert.InRange(after.ResidentBytes - before.ResidentBytes, long.MinValue, MostGrowth);
            Assert.DoesNotContain(" fail: ", broker.Log, StringComparison.Ordinal);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(bad);
        }
    }

    /// <summary>A good client: it publishes, has a confirm and takes its message, one after the other, and opens a connection for each hundred.</summary>
    private static async Task<(int Trips, TimeSpan Slowest)> ServeAsync(BrokerProcess broker, TimeSpan duration)
    {
        var (trips, slowest, since) = (0, TimeSpan.Zero, Stopwatch.GetTimestamp());
        while (Stopwatch.GetElapsedTime(since) < duration)
        {
            var opened = Stopwatch.GetTimestamp();
            await using var connection = await WireConnection.OpenAsync(broker.AmqpPort);
            await connection.CallAsync(1, QueueDeclare("good", durable: true), 50, 11);
            await connection.CallAsync(1, ConfirmSelect(), 85, 11);
            slowest = Longer(slowest, opened);
            for (var i = 0; i < 100 && Stopwatch.GetElapsedTime(since) < duration; i++)
            {
                var began = Stopwatch.GetTimestamp();
                await connection.PublishAsync(1, BasicPublish("", "good"), [1, 2, 3], flags: 1 << 12, properties: [2]);
                await connection.ExpectAsync(60, 80);
                await connection.CallAsync(1, BasicGet("good", noAck: true), 60, 71);
                await connection.ReadAsync();
                await connection.ReadAsync();
                (trips, slowest) = (trips + 1, Longer(slowest, began));
            }
        }

        return (trips, slowest);
    }

    private static TimeSpan Longer(TimeSpan slowest, long since) => Stopwatch.GetElapsedTime(since) is var took && took > slowest ? took : slowest;
}
