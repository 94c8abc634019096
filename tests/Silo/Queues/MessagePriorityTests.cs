using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Silo.DeadLetters;

namespace Granary.Silo.Tests.Queues;

/// <summary>x-max-priority: the highest priority is given out first, and those of one priority in their order.</summary>
public sealed class MessagePriorityTests
{
    private readonly TestGateway _gateway = new();

    [Fact]
    public void Messages_AreGivenOutByPriority_AndThoseOfOneInTheirOrder()
    {
        Declare(5);
        var link = _gateway.Open();
        Publish(link, 0, 1, 3, 1, 0, 3);
        Publish(link, 5, 5, 2);
        link.Attach(1);
        Assert.Equal([5, 1, 4, 6, 0, 2, 3], link.GivenIds(1));
    }

    [Fact]
    public void Priorities_AboveTheHighest_AreAsGoodAsIt()
    {
        Declare(2);
        var link = _gateway.Open();
        Publish(link, 0, 2, 255, 3, 1);
        link.Attach(1);
        Assert.Equal([0, 1, 2, 3], link.GivenIds(1));
    }

    /// <summary>As rabbit_priority_queue counts: a highest priority of 0 is one of 1.</summary>
    [Fact]
    public void HighestPriority_Of0_IsOneOf1()
    {
        Declare(0);
        var link = _gateway.Open();
        Publish(link, 0, 0, 1, 9);
        link.Attach(1);
        Assert.Equal([1, 2, 0], link.GivenIds(1));
    }

    [Fact]
    public void Priorities_OfAQueueThatWasNotDeclaredWithThem_DoNotMatter()
    {
        _gateway.Declare();
        var link = _gateway.Open();
        Publish(link, 0, 1, 3, 2);
        link.Attach(1);
        Assert.Equal([0, 1, 2], link.GivenIds(1));
    }

    [Fact]
    public void Get_TakesTheHighest()
    {
        Declare(5);
        var link = _gateway.Open();
        Publish(link, 0, 1, 2);
        Assert.Equal([1, 0], Enumerable.Range(0, 2).Select(i => Batches.Ids(Got(link, i)!.Value).Single()));
        Assert.Null(Got(link, 3));
    }

    [Fact]
    public void Requeued_ReturnsToItsPlaceAmongThoseOfItsPriority()
    {
        Declare(5);
        var link = _gateway.Open();
        Publish(link, 0, 1, 4, 4, 1, 4);
        link.Attach(1, prefetch: 4);
        Assert.Equal([1, 2, 4, 0], link.GivenIds(1));
        link.Send(new DetachItem(1), new SettleItem(Settlement.Requeue, [new OffsetRange(0, 3)]));
        link.Attach(2);
        Assert.Equal([(1L, true), (2L, true), (0L, true), (3L, false)], TestLink.Given(link.Items, 2));
    }

    [Fact]
    public void Deliveries_OfSeveralPriorities_ThatComeBackTogether_GoBackToTheirOwn()
    {
        Declare(1);
        var link = _gateway.Open();
        link.Attach(1, prefetch: 2);
        link.Send(new PublishItem(Batches.InChunk(Batches.Of(0, 2, priority: static id => (byte)(1 - id))), false));
        Assert.Equal([0, 1], link.GivenIds(1));
        Publish(link, 2, 1);
        link.Send(new DetachItem(1), new SettleItem(Settlement.Undelivered, [new OffsetRange(0, 2)]));
        link.Attach(2);
        Assert.Equal([(0L, false), (2L, false), (1L, false)], TestLink.Given(link.Items, 2));
    }

    [Fact]
    public void Consumers_TakeTurnsOverPriorities()
    {
        Declare(5);
        var link = _gateway.Open();
        Publish(link, 0, 0, 5, 0, 5, 5, 0);
        link.Send(TestLink.Attachment(1, prefetch: 2), TestLink.Attachment(2, prefetch: 3));
        Assert.Equal([1, 4], link.GivenIds(1));
        Assert.Equal([3, 0, 2], link.GivenIds(2));
    }

    [Fact]
    public void Expired_LeavesWhereItIsFirstOfItsPriority()
    {
        Declare(5, ("x-dead-letter-exchange", "dlx"));
        var link = _gateway.Open();
        link.Send(new PublishItem(Batches.Of(0, 4, expiry: static id => id % 2 == 0 ? 50 : null, priority: static id => (byte)(id / 2)), false));
        Assert.Equal(_gateway.Now + 50, _gateway.Slot.NextDue);
        _gateway.Now += 50;
        _gateway.Slot.RunDue(_gateway.Now);
        Assert.Equal([2, 0], DeadIds(DeathReason.Expired));
        Assert.Equal(2, _gateway.Queue.ReadyCount);
    }

    /// <summary>As rabbit_priority_queue's drop: the head of the queue is that of the highest priority.</summary>
    [Fact]
    public void DropHead_DropsTheHighestFirst()
    {
        Declare(5, ("x-max-length", 2), ("x-dead-letter-exchange", "dlx"));
        var link = _gateway.Open();
        Publish(link, 0, 0, 4, 2, 4, 0);
        Assert.Equal([1, 3, 2], DeadIds(DeathReason.MaxLength));
    }

    [Fact]
    public void DropHead_ByBytes_CountsAllPriorities()
    {
        Declare(5, ("x-max-length-bytes", 20), ("x-dead-letter-exchange", "dlx"));
        var link = _gateway.Open();
        Publish(link, 0, 0, 4);
        Assert.Empty(_gateway.Slot.Dead);
        Publish(link, 2, 1);
        Assert.Equal([1], DeadIds(DeathReason.MaxLength));
    }

    [Fact]
    public void RejectPublish_RefusesWhateverItsPriority()
    {
        Declare(5, ("x-max-length", 2), ("x-overflow", "reject-publish"));
        var link = _gateway.Open();
        Publish(link, 0, 0, 1, 5);
        link.Attach(1);
        Assert.Equal([1, 0], link.GivenIds(1));
    }

    [Fact]
    public void Purge_LeavesWhatIsDelivered()
    {
        Declare(5);
        var link = _gateway.Open();
        Publish(link, 0, 0, 5, 3, 5);
        link.Attach(1, prefetch: 2);
        Assert.Equal(2, _gateway.Slot.Purge(_gateway.Connection, 0).Messages);
        link.Settle(Settlement.Requeue, (0, 10));
        Assert.Equal([1, 3, 1, 3], link.GivenIds(1));
    }

    [Fact]
    public void Redeclared_WithAnotherHighestPriority_IsRefused()
    {
        Declare(5);
        var other = EncodedTable.From(FieldTable.Of(("x-max-priority", 4)));
        Assert.Equal(
            "inequivalent arg 'x-max-priority' for queue 'q' in vhost '/': received '4' but current is '5'",
            _gateway.Slot.Declare(TestGateway.Declaration(_gateway.Connection, arguments: other), Guid.NewGuid(), 0).Error?.Explanation);
        Assert.Equal(
            "inequivalent arg 'x-max-priority' for queue 'q' in vhost '/': received none but current is the value '5' of type 'signedint'",
            _gateway.Slot.Declare(TestGateway.Declaration(_gateway.Connection), Guid.NewGuid(), 0).Error?.Explanation);
    }

    /// <summary>As rabbit_fifo has it (msg_priority): strict, 31 is the highest, and a message that says none has 4.</summary>
    [Fact]
    public void QuorumQueue_HasPrioritiesUpTo31_AndNoneIs4()
    {
        DeclareQuorum();
        var link = _gateway.Open();
        Publish(link, 0, null, null, 5, 4, 0, 200, 31, 3, null, 4);
        link.Attach(1);
        Assert.Equal([5, 6, 2, 0, 1, 3, 8, 9, 7, 4], link.GivenIds(1));
    }

    [Fact]
    public void QuorumQueue_KeepsWhatCameBeforeAnyPriority_InItsPlace()
    {
        DeclareQuorum();
        var link = _gateway.Open();
        Publish(link, 0, null, null, null);
        Publish(link, 3, 4, 9, null, 0);
        link.Attach(1, prefetch: 5);
        Assert.Equal([4, 0, 1, 2, 3], link.GivenIds(1));
        link.Send(new DetachItem(1), new SettleItem(Settlement.Requeue, [new OffsetRange(0, 5)]));
        Assert.Equal(7, _gateway.Queue.ReadyCount);
        link.Attach(2);
        Assert.Equal([(4L, true), (0L, true), (1L, true), (2L, true), (3L, true), (5L, false), (6L, false)], TestLink.Given(link.Items, 2));
    }

    [Fact]
    public void QuorumQueue_DeliveriesThatComeBackTogether_GoBackToTheirOwnPriorities()
    {
        DeclareQuorum();
        var link = _gateway.Open();
        link.Attach(1, prefetch: 4);
        link.Send(new PublishItem(Batches.InChunk(Batches.Of(0, 2)), false));
        link.Send(new PublishItem(Batches.InChunk(Batches.Of(2, 2, priority: static _ => 0)), false));
        Assert.Equal([0, 1, 2, 3], link.GivenIds(1));
        Publish(link, 4, null, 1);
        link.Send(new DetachItem(1), new SettleItem(Settlement.Undelivered, [new OffsetRange(0, 4)]));
        link.Attach(2);
        Assert.Equal([0, 1, 4, 5, 2, 3], link.GivenIds(2));
    }

    [Fact]
    public void QuorumQueue_WithALimit_DropsTheHighestFirst()
    {
        DeclareQuorum(("x-max-length", 2), ("x-dead-letter-exchange", "dlx"));
        Publish(_gateway.Open(), 0, null, 9, 0, null);
        Assert.Equal([1, 0], DeadIds(DeathReason.MaxLength));
    }

    [Fact]
    public void QuorumQueue_Expires_WhereItIsFirstOfItsPriority()
    {
        DeclareQuorum();
        var link = _gateway.Open();
        link.Send(new PublishItem(Batches.Of(0, 4, expiry: static id => id < 3 ? 50 : null, priority: static id => id is 0 or 2 ? null : (byte)id), false));
        _gateway.Now += 50;
        _gateway.Slot.RunDue(_gateway.Now);
        link.Attach(1);
        Assert.Equal([3], link.GivenIds(1));
    }

    /// <summary>What came before any priority stands before the others of priority 4.</summary>
    [Fact]
    public void QuorumQueue_BehindWhatCameBeforeAnyPriority_ExpiresWhereItStands()
    {
        DeclareQuorum();
        var link = _gateway.Open();
        Publish(link, 0, null, 9);
        link.Send(new PublishItem(Batches.Of(2, 1, expiry: static _ => 50), false));
        _gateway.Now += 51;
        _gateway.Slot.RunDue(_gateway.Now);
        Assert.Equal((2, long.MaxValue), (_gateway.Queue.ReadyCount, _gateway.Slot.NextDue));
        link.Attach(1);
        Assert.Equal([1, 0], link.GivenIds(1));
    }

    private static void Publish(TestLink link, long first, params byte?[] priorities) =>
        link.Send(new PublishItem(Batches.Of(first, priorities.Length, priority: id => priorities[id - first]), false));

    private void DeclareQuorum(params (string, FieldValue)[] arguments) =>
        _gateway.Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of([("x-queue-type", "quorum"), .. arguments])));

    private static DeliverySlice? Got(TestLink link, int request) => link.Send(new GetItem(request, NoAck: true)).OfType<GotItem>().Single().Message;

    private void Declare(int highest, params (string, FieldValue)[] arguments) =>
        _gateway.Declare(arguments: EncodedTable.From(FieldTable.Of([("x-max-priority", highest), .. arguments])));

    private long[] DeadIds(DeathReason reason)
    {
        Assert.All(_gateway.Slot.Dead, dead => Assert.Equal(reason, dead.Reason));
        return [.. _gateway.Slot.Dead.SelectMany(dead => Batches.Ids(dead.Run.ToSlice()))];
    }
}
