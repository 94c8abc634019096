using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Silo.Queues.Figures;

namespace Granary.Silo.Tests.Queues;

/// <summary>How old a queue says that its messages are.</summary>
public sealed class QueueAgeTests
{
    private readonly TestGateway _gateway = new();

    private QueueFigures Figures => _gateway.Queue.Figures;

    [Fact]
    public void OldestMessage_ThatWaitsOrIsHeld_IsTheOneThatCameFirst()
    {
        _gateway.Declare();
        var (publisher, consumer) = (_gateway.Open(), _gateway.Open());
        Assert.Equal((0, 0), (Figures.OldestReady, Figures.OldestUnacked));
        PublishAt(publisher, 5_000, 0, 2);
        PublishAt(publisher, 9_000, 2, 1);
        Assert.Equal((5_000, 0), (Figures.OldestReady, Figures.OldestUnacked));

        consumer.Attach(1);
        Tick();
        Assert.Equal((0, 5_000), (Figures.OldestReady, Figures.OldestUnacked));

        consumer.Settle(Settlement.Ack, (0, 2));
        Tick();
        Assert.Equal((0, 9_000), (Figures.OldestReady, Figures.OldestUnacked));

        PublishAt(publisher, 20_000, 3, 1);
        consumer.Settle(Settlement.Ack, (2, 2));
        Assert.Equal((0, 0), (Figures.OldestReady, Figures.OldestUnacked));
    }

    [Fact]
    public void OldestMessage_OfTwoConsumers_IsTheOtherOnesWhenTheFirstHasSettled()
    {
        _gateway.Declare();
        var (publisher, first, second) = (_gateway.Open(), _gateway.Open(), _gateway.Open());
        first.Attach(1);
        PublishAt(publisher, 5_000, 0, 1);
        first.Send(new DetachItem(1));
        second.Attach(1);
        PublishAt(publisher, 7_000, 1, 1);
        Tick();
        Assert.Equal(5_000, Figures.OldestUnacked);

        first.Settle(Settlement.Ack, (0, 1));
        Assert.True(_gateway.Slot.NeedsTick);
        Tick();
        Assert.Equal(7_000, Figures.OldestUnacked);
    }

    [Fact]
    public void OldestMessage_ThatCameBack_IsAsOldAsBefore()
    {
        _gateway.Declare();
        var (publisher, consumer) = (_gateway.Open(), _gateway.Open());
        consumer.Attach(1);
        PublishAt(publisher, 5_000, 0, 1);
        consumer.Send(new DetachItem(1));
        PublishAt(publisher, 60_000, 1, 1);
        consumer.Settle(Settlement.Requeue, (0, 1));
        Assert.Equal(5_000, Figures.OldestReady);
    }

    [Fact]
    public void OldestMessage_OfAnyPriority_IsTheOneThatCameFirst()
    {
        _gateway.Declare(arguments: EncodedTable.From(FieldTable.Of(("x-max-priority", 5))));
        var publisher = _gateway.Open();
        PublishAt(publisher, 5_000, 0, 1);
        _gateway.Now = 6_000;
        publisher.Send(new PublishItem(Batches.Of(1, 1, priority: static _ => 5), false));
        Assert.Equal(5_000, Figures.OldestReady);
    }

    [Fact]
    public void Waits_OfMessages_AreThoseUntilTheirFirstDelivery()
    {
        _gateway.Declare();
        var (publisher, consumer) = (_gateway.Open(), _gateway.Open());
        PublishAt(publisher, 5_000, 0, 3);
        _gateway.Now = 7_000;
        consumer.Send(new GetItem(1, NoAck: false));
        _gateway.Now = 9_000;
        consumer.Settle(Settlement.Requeue, (0, 1));
        consumer.Attach(1);

        Assert.NotNull(Figures.Waits);
        Assert.Equal((3, 2 + 4 + 4), (Figures.Waits.Counts.Sum(), Figures.Waits.Sum));
    }

    private void PublishAt(TestLink publisher, long now, int first, int count)
    {
        _gateway.Now = now;
        publisher.Publish(first, count);
    }

    private void Tick()
    {
        _gateway.Now += 1_000;
        _gateway.Slot.Tick(_gateway.Now);
    }
}
