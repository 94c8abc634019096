using System.Diagnostics;
using Granary.Core.Links;
using Xunit.Abstractions;

namespace Granary.Silo.Tests.Queues;

/// <summary>Figures to look at, by hand: <c>GRANARY_SPEED=1 dotnet test tests/Silo -c Release --filter QueueSpeed</c>.</summary>
public sealed class QueueSpeed(ITestOutputHelper output)
{
    private static bool IsAsked => Environment.GetEnvironmentVariable("GRANARY_SPEED") == "1";

    [Fact]
    public void Measure()
    {
        if (!IsAsked)
        {
            return;
        }

        Rounds("64 KiB of 1,600 messages to one no-ack consumer", new QueueLoad(1_600, 24, noAck: true, prefetch: 0, settle: 0), 1_600, 20_000);
        Rounds("one 16 B message to one no-ack consumer", new QueueLoad(1, 16, noAck: true, prefetch: 0, settle: 0), 1, 200_000);
        Rounds("50 of 1 KiB, prefetch 500, acks of 50", new QueueLoad(50, 1_024, noAck: false, prefetch: 500, settle: 50), 50, 50_000);
        Rounds("1,600 of 24 B, no prefetch, acks of 50", new QueueLoad(1_600, 24, noAck: false, prefetch: 0, settle: 50), 1_600, 5_000);
        Rounds("50 of 16 B, prefetch 500, acks of 50", new QueueLoad(50, 16, noAck: false, prefetch: 500, settle: 50), 50, 50_000);
        RandomOrder("a million random acks", Settlement.Ack, 1);
        RandomOrder("a million random requeues to a consumer that gets them again", Settlement.Requeue, 1);
        RandomOrder("a million random acks, two consumers in turn", Settlement.Ack, 2);
    }

    private void Rounds(string name, QueueLoad load, int messages, int rounds)
    {
        for (var i = 0; i < rounds / 2; i++)
        {
            load.Round();
        }

        var bytes = load.AllocatedPerRound(1_000);
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < rounds; i++)
        {
            load.Round();
        }

        var nanoseconds = watch.Elapsed.TotalNanoseconds / rounds;
        output.WriteLine($"{name}: {nanoseconds:F0} ns a round, {nanoseconds / messages:F2} ns a message, {bytes} B a round");
    }

    private void RandomOrder(string name, Settlement settlement, int consumers)
    {
        const int Count = 1_000_000;
        const int PerBatch = 1_600;
        var gateway = new TestGateway().Declare();
        var link = gateway.Open();
        for (var i = 0; i < consumers; i++)
        {
            link.Attach(i);
        }

        for (var i = 0; i < Count; i += PerBatch)
        {
            link.Send(new PublishItem(Batches.Of(i, PerBatch), false));
        }

        var order = Enumerable.Range(0, Count).ToArray();
        new Random(1).Shuffle(order);
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < Count; i += 100)
        {
            link.Send(new SettleItem(settlement, [.. order.AsSpan(i, 100).ToArray().Select(offset => new OffsetRange(offset, 1))]));
        }

        output.WriteLine($"{name}: {watch.Elapsed.TotalNanoseconds / Count:F0} ns a message");
    }
}
