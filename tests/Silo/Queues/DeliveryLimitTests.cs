using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.DeadLetters;

namespace Granary.Silo.Tests.Queues;

/// <summary>Messages of quorum queues say how often they came back, and are not delivered for ever.</summary>
public sealed class DeliveryLimitTests
{
    [Fact]
    public void Requeue_IsCountedInAHeader_OfThatMessageAlone()
    {
        var link = Gateway().Open();
        link.Attach(1, prefetch: 3);
        link.Publish(0, 3);
        Assert.Equal([null, null, null], Counts(link.Items));

        Assert.Equal([1L], Counts(link.Settle(Settlement.Requeue, (1, 1))));
        Assert.Equal([2L], Counts(link.Settle(Settlement.Requeue, (1, 1))));
        Assert.Equal([1L, 3L], Counts(link.Settle(Settlement.Requeue, (0, 2))));
        Assert.Equal([0, 1, 2, 1, 1, 0, 1], link.GivenIds(1));
    }

    [Fact]
    public void WhatWasNeverWritten_DoesNotCount()
    {
        var link = Gateway().Open();
        link.Attach(1);
        link.Publish(0, 1);
        Assert.Equal([null], Counts(link.Settle(Settlement.Undelivered, (0, 1))));
    }

    [Fact]
    public void ClassicQueue_CountsNothing()
    {
        var link = new TestGateway().Declare().Open();
        link.Attach(1);
        link.Publish(0, 1);
        Assert.Equal([null], Counts(link.Settle(Settlement.Requeue, (0, 1))));
    }

    [Theory]
    [InlineData(null, 21)]
    [InlineData(3L, 4)]
    [InlineData(0L, 1)]
    public void Message_ThatCameBackTooOften_IsNotDeliveredAgain(long? limit, int deliveries)
    {
        var gateway = Gateway(limit is { } number ? [("x-delivery-limit", number)] : []);
        var link = gateway.Open();
        link.Attach(1, prefetch: 1);
        link.Publish(0, 2);
        for (var i = 0; i < deliveries; i++)
        {
            link.Settle(Settlement.Requeue, (0, 1));
        }

        Assert.Equal([.. Enumerable.Repeat(0L, deliveries), 1], link.GivenIds(1));
        Assert.Equal(1, gateway.Queue.Figures[QueueCount.Exhaust]);
        Assert.Empty(gateway.Slot.Dead);
    }

    [Fact]
    public void NegativeLimit_IsNone()
    {
        var link = Gateway(("x-delivery-limit", -1L)).Open();
        link.Attach(1);
        link.Publish(0, 1);
        for (var i = 0; i < 50; i++)
        {
            link.Settle(Settlement.Requeue, (0, 1));
        }

        Assert.Equal([50L], Counts(link.Items)[^1..]);
    }

    [Fact]
    public void Message_ThatCameBackTooOften_IsDeadLettered()
    {
        var gateway = Gateway(("x-delivery-limit", 1L), ("x-dead-letter-exchange", "dlx"));
        var link = gateway.Open();
        link.Attach(1);
        link.Publish(0, 4);
        link.Settle(Settlement.Requeue, (1, 2));
        link.Settle(Settlement.Requeue, (0, 4));
        Assert.Equal([1, 2], gateway.Slot.Dead.Select(dead => dead.Run.First));
        Assert.All(gateway.Slot.Dead, dead => Assert.Equal(("delivery_limit", 1), (DeathHistory.NameOf(dead.Reason), dead.Run.Count)));
    }

    [Fact]
    public void Close_CountsWhatItsLinkHeld()
    {
        var gateway = Gateway();
        var link = gateway.Open();
        link.Attach(1);
        link.Publish(0, 2);
        link.Send(new CloseItem());
        var other = gateway.Open();
        other.Attach(1);
        Assert.Equal([1L, 1L], Counts(other.Items));
    }

    [Fact]
    public void Session_ThatGoesOnOverAnotherLink_HasReturnedNothing()
    {
        var gateway = Gateway();
        var link = gateway.Open(SessionId.New());
        link.Attach(1);
        link.Publish(0, 2);
        var next = gateway.Open(link.Session, 2, TestLink.Attachment(1), new HoldItem(1, [new OffsetRange(0, 1)]));
        Assert.Equal([(1L, true)], TestLink.Given(next.Items, 1));
        Assert.Equal([null], Counts(next.Items));
        Assert.Equal([1L], Counts(next.Settle(Settlement.Requeue, (0, 1))));
    }

    [Fact]
    public void Acknowledged_LeavesNoCount()
    {
        var gateway = Gateway();
        var link = gateway.Open();
        link.Attach(1);
        link.Publish(0, 200);
        link.Settle(Settlement.Requeue, (0, 200));
        Assert.False(gateway.Queue.DeliveryCounts!.IsEmpty);
        link.Settle(Settlement.Ack, (0, 100));
        link.Settle(Settlement.Reject, (100, 100));
        Assert.True(gateway.Queue.DeliveryCounts.IsEmpty);
    }

    [Fact]
    public void Get_TellsTheCount_AndPurgeForgetsIt()
    {
        var gateway = Gateway();
        var link = gateway.Open();
        link.Publish(0, 2);
        link.Send(new GetItem(1, NoAck: false), new GetItem(2, NoAck: false));
        link.Settle(Settlement.Requeue, (0, 2));
        var got = Assert.IsType<GotItem>(Assert.Single(link.Send(new GetItem(3, NoAck: true)))).Message!.Value;
        Assert.Equal(1L, CountOf(got));
        gateway.Slot.Purge(gateway.Connection, 0);
        Assert.True(gateway.Queue.DeliveryCounts!.IsEmpty);
    }

    private static TestGateway Gateway(params (string, FieldValue)[] arguments) =>
        new TestGateway().Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of([("x-queue-type", "quorum"), .. arguments])));

    /// <summary>What each delivered message says, in the order of delivery.</summary>
    private static long?[] Counts(IEnumerable<LinkDownItem> items) =>
        [.. items.OfType<DeliveryItem>().SelectMany(item => item.Slices).SelectMany(slice => Enumerable.Repeat(CountOf(slice), slice.Batch.Count))];

    private static long? CountOf(DeliverySlice slice)
    {
        var view = BasicPropertiesView.Read(new MessageRecord(slice.Batch.Records.Span).Properties);
        return view.TryGetHeaders(out var headers) && FieldTable.Decode(headers).TryGetValue("x-delivery-count", out var value) && value.TryGetInteger(out var count)
            ? count
            : null;
    }
}
