using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Topology;

namespace Granary.Silo.Tests.Queues;

public sealed class QueueLifeTests
{
    private static readonly BrokerError NoQueue = BrokerError.NoQueue("/", "q");

    [Fact]
    public void Link_ToAMissingQueue_EndsAtOnce()
    {
        var gateway = new TestGateway();
        Assert.Equal(new EndedItem(LinkEnd.NoQueue), Assert.Single(gateway.Open().Items));
        Assert.True(gateway.Slot.IsEmpty);
    }

    [Fact]
    public void Link_ToAQueue_OpensWithItsIncarnation()
    {
        var gateway = new TestGateway().Declare();
        Assert.Equal(new OpenedItem(gateway.Queue.Incarnation), Assert.Single(gateway.Open().Items));
    }

    [Fact]
    public void Delete_EndsAllLinks_AndCountsReadyMessages()
    {
        var gateway = new TestGateway().Declare();
        var (one, other) = (gateway.Open(), gateway.Open());
        one.Attach(1, prefetch: 1);
        other.Publish(0, 3);
        Assert.Equal(2, gateway.Delete().Messages);
        Assert.Equal(new EndedItem(LinkEnd.Deleted), one.Items[^1]);
        Assert.Equal(new EndedItem(LinkEnd.Deleted), other.Items[^1]);
        Assert.Null(gateway.Slot.Queue);
    }

    [Fact]
    public void PacketAfterTheEnd_IsNotApplied()
    {
        var gateway = new TestGateway().Declare();
        var link = gateway.Open();
        gateway.Delete();
        gateway.Declare();
        var answer = gateway.Slot.Send(link.Packet(2, new PublishItem(Batches.Of(0, 1), false)), gateway.Now);
        Assert.Equal(1, answer.ReceivedThrough);
        Assert.Equal(0, gateway.Queue.ReadyCount);
    }

    [Fact]
    public void Delete_IfUnusedOrIfEmpty_IsRefusedWhileUsedOrNotEmpty()
    {
        var gateway = new TestGateway().Declare();
        var link = gateway.Open();
        link.Attach(1, messages: 1);
        link.Publish(0, 2);
        Assert.Equal(new BrokerError(ReplyCode.PreconditionFailed, "queue 'q' in vhost '/' in use"), gateway.Delete(ifUnused: true, ifEmpty: true).Error);
        Assert.Equal(new BrokerError(ReplyCode.PreconditionFailed, "queue 'q' in vhost '/' not empty"), gateway.Delete(ifEmpty: true).Error);
        gateway.Slot.Purge(gateway.Connection, 0);
        link.Send(new DetachItem(1));
        Assert.Null(gateway.Delete(ifUnused: true, ifEmpty: true).Error);
    }

    [Fact]
    public void Delete_OwesTheRemovalOfBindings()
    {
        var gateway = new TestGateway().Declare();
        var incarnation = gateway.Slot.AddBindingSource(gateway.Connection, "x").Incarnation;
        gateway.Slot.AddBindingSource(gateway.Connection, "x");
        gateway.Slot.AddBindingSource(gateway.Connection, "y");
        gateway.Delete();
        var debt = Assert.Single(gateway.Debts);
        Assert.Equal(new Destination(DestinationKind.Queue, "q", incarnation), debt.Destination);
        Assert.Equal(["x", "y"], debt.Sources.Order());
    }

    [Fact]
    public void AutoDelete_WaitsForAConsumer_AndEndsWithTheLastOne()
    {
        var gateway = new TestGateway().Declare(autoDelete: true);
        var (one, other) = (gateway.Open(), gateway.Open());
        one.Send(new GetItem(1, NoAck: true));
        one.Attach(1);
        other.Attach(1);
        one.Send(new DetachItem(1));
        Assert.NotNull(gateway.Slot.Queue);
        Assert.Equal([new ClosedItem()], other.Send(new CloseItem()));
        Assert.Null(gateway.Slot.Queue);
        Assert.Equal(new EndedItem(LinkEnd.Deleted), one.Items[^1]);
    }

    [Fact]
    public void AutoDelete_InTheMiddleOfAPacket_LeavesNothingForTheRestOfIt()
    {
        var gateway = new TestGateway().Declare(autoDelete: true);
        var link = gateway.Open();
        link.Attach(1);
        var items = link.Send(
            new DetachItem(1), new PublishItem(Batches.Of(0, 1), false), new GetItem(5, NoAck: true),
            new AttachItem(2, "t", false, false, 0, false, default, new Window(10, 10)));
        LinkDownItem[] expected =
        [
            new DetachedItem(1), new PublishedItem(0, null), new GotItem(5, null, 0, NoQueue), new AttachedItem(2, NoQueue), new EndedItem(LinkEnd.Deleted),
        ];
        Assert.Equal(expected, items);
        Assert.Equal(1, link.Watermark);
    }

    [Fact]
    public void ExclusiveConsumer_StandsAlone()
    {
        var gateway = new TestGateway().Declare();
        var link = gateway.Open();
        var refused = BrokerError.QueueInExclusiveUse("/", "q");
        var rank = gateway.Now << 20;
        Assert.Equal(new AttachedItem(1, null, rank), Assert.Single(link.Attach(1)));
        Assert.Equal(new AttachedItem(2, refused), Assert.Single(link.Attach(2, exclusive: true)));
        link.Send(new DetachItem(1));
        Assert.Equal(new AttachedItem(2, null, rank + 1), Assert.Single(link.Attach(2, exclusive: true)));
        Assert.Equal(new AttachedItem(3, refused), Assert.Single(gateway.Open().Attach(3)));
        link.Send(new CloseItem());
        Assert.Equal(new AttachedItem(3, null, rank + 2), Assert.Single(gateway.Open().Attach(3)));
    }

    [Fact]
    public void ExclusiveQueue_RefusesConsumersAndGetsOfOthers_ButTakesTheirMessages()
    {
        var gateway = new TestGateway().Declare(exclusive: true);
        var stranger = gateway.Open(ConnectionId.New());
        var locked = BrokerError.QueueLocked("/", "q");
        Assert.Equal(new AttachedItem(1, locked), Assert.Single(stranger.Attach(1)));
        Assert.Equal(new GotItem(2, null, 0, locked), Assert.Single(stranger.Send(new GetItem(2, NoAck: true))));
        stranger.Publish(0, 1);
        Assert.Equal(1, gateway.Queue.ReadyCount);
    }

    [Fact]
    public void ConsumerPriority_MustBeAnInteger()
    {
        var gateway = new TestGateway().Declare();
        var arguments = EncodedTable.From(FieldTable.Of(("x-priority", "high")));
        var attach = new AttachItem(1, "t", false, false, 0, false, arguments, new Window(1, 1));
        var error = Assert.IsType<AttachedItem>(Assert.Single(gateway.Open().Send(attach))).Error;
        Assert.Equal("invalid arg 'x-priority' for queue 'q' in vhost '/': \"expected integer, got longstr\"", error?.Explanation);
    }
}
