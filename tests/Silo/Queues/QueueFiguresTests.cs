using System.Diagnostics.Metrics;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Silo.Queues.Figures;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Silo.Tests.Queues;

public sealed class QueueFiguresTests
{
    [Fact]
    public void Deliveries_AndWhatBecomesOfThem_AreCounted()
    {
        var gateway = new TestGateway().Declare();
        var (publisher, consumer) = (gateway.Open(), gateway.Open());
        consumer.Attach(1);
        publisher.Publish(0, 10);
        consumer.Send(new SettleItem(Settlement.Ack, [new OffsetRange(0, 4)]));
        consumer.Send(new SettleItem(Settlement.Reject, [new OffsetRange(4, 1)]));
        consumer.Send(new SettleItem(Settlement.Requeue, [new OffsetRange(5, 2)]));

        var figures = gateway.Queue.Figures;
        Assert.Equal(
            (10, 12, 4, 1, 2, 2),
            (figures[QueueCount.Publish], figures[QueueCount.Deliver], figures[QueueCount.Ack], figures[QueueCount.Reject], figures[QueueCount.Requeue],
                figures[QueueCount.Redeliver]));
        Assert.Equal((0, 5, 1), (figures.Ready, figures.Unacked, figures.Consumers));
        consumer.Send(new CloseItem());
        Assert.Equal((5, 0, 0), (figures.Ready, figures.Unacked, figures.Consumers));
    }

    [Fact]
    public void Gets_FoundOrNot_AreCounted()
    {
        var gateway = new TestGateway().Declare();
        var link = gateway.Open();
        link.Publish(0, 2);
        link.Send(new GetItem(1, NoAck: true));
        link.Send(new GetItem(2, NoAck: false));
        link.Send(new GetItem(3, NoAck: false));

        var figures = gateway.Queue.Figures;
        Assert.Equal((1, 1, 1, 1), (figures[QueueCount.GetNoAck], figures[QueueCount.Get], figures[QueueCount.GetEmpty], figures.Unacked));
    }

    [Fact]
    public void MessagesThatDie_AreCountedByReason()
    {
        var arguments = FieldTable.Of(("x-max-length", 3), ("x-message-ttl", 100), ("x-dead-letter-exchange", ""));
        var gateway = new TestGateway().Declare(arguments: EncodedTable.From(arguments));
        gateway.Open().Publish(0, 5);
        gateway.Now += 1_000;
        gateway.Slot.RunDue(gateway.Now);

        var figures = gateway.Queue.Figures;
        Assert.Equal((2, 3, 5), (figures[QueueCount.Drop], figures[QueueCount.Expire], figures[QueueCount.DeadLetter]));
    }

    [Fact]
    public async Task Meter_OfQueuesThatCameAndWent_KeepsWhatTheyDid()
    {
        await using var silo = await TestSilo.StartAsync();
        var queue = silo.Grains.GetGrain<IQueueGrain>(GrainKeys.For("/", "counted"));
        await queue.DeclareAsync(TestGateway.Declaration(default));
        await using (var link = await GrainLink.OpenAsync(silo.Grains, queue, default))
        {
            await link.SendAsync(new PublishItem(Batches.Of(0, 3), false));
        }

        Assert.Equal((3, 3, 1), Read(silo));
        await queue.DeleteAsync(default, ifUnused: false, ifEmpty: false);
        Assert.Equal((3, 0, 0), Read(silo));
    }

    private static (long Published, long Ready, long Queues) Read(TestSilo silo)
    {
        var read = new Dictionary<string, long>(StringComparer.Ordinal);
        var meters = silo.Services.GetRequiredService<IMeterFactory>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument.Meter.Name == SiloFigures.MeterName && ReferenceEquals(instrument.Meter.Scope, meters))
            {
                listening.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => read[instrument.Name] = value);
        listener.SetMeasurementEventCallback<int>((instrument, value, _, _) => read[instrument.Name] = value);
        listener.Start();
        listener.RecordObservableInstruments();
        return (read["granary.queue.messages.published"], read["granary.queue.messages.ready"], read["granary.queues"]);
    }
}
