using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Silo.DeadLetters;

namespace Granary.Silo.Tests.Queues;

/// <summary>Messages whose time is up: never delivered, dropped from the head only, dead-lettered where that is asked for.</summary>
public sealed class MessageTtlTests
{
    private readonly TestGateway _gateway = new();

    [Fact]
    public void QueueTtl_RunsFromTheTimeOfTheEnqueue()
    {
        Declare(100);
        var link = _gateway.Open();
        link.Publish(0, 2);
        Pass(40);
        link.Publish(2, 2);
        Assert.Equal(1_100, _gateway.Slot.NextDue);
        Pass(59);
        Assert.Equal(4, _gateway.Queue.ReadyCount);
        Pass(1);
        Assert.Equal(2, _gateway.Queue.ReadyCount);
        Assert.Equal(1_140, _gateway.Slot.NextDue);
        Pass(40);
        Assert.Equal(0, _gateway.Queue.ReadyCount);
        Assert.Equal(long.MaxValue, _gateway.Slot.NextDue);
        Assert.Equal([0, 1, 2, 3], DeadIds(DeathReason.Expired));
    }

    [Fact]
    public void OrdinaryMessages_AreNeverDue()
    {
        _gateway.Declare();
        _gateway.Open().Publish(0, 3);
        Assert.Equal(long.MaxValue, _gateway.Slot.NextDue);
        Pass(1L << 40);
        Assert.Equal(3, _gateway.Queue.ReadyCount);
    }

    [Theory]
    [InlineData(null, 50L, 1_050L)]
    [InlineData(30L, 50L, 1_030L)]
    [InlineData(80L, 50L, 1_050L)]
    public void ShorterOfQueueTtlAndOwnExpiry_Counts(long? ttl, long own, long due)
    {
        Declare(ttl);
        _gateway.Open().Send(new PublishItem(Batches.Of(0, 3, expiry: _ => own), false));
        Assert.Equal(due, _gateway.Slot.NextDue);
        Pass(due - 1_000);
        Assert.Equal(0, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void OverdueMessage_BehindOneThatIsNot_WaitsForItsTurnAtTheHead()
    {
        Declare(null);
        var link = _gateway.Open();
        link.Send(new PublishItem(Batches.Of(0, 6, expiry: id => id switch { 0 or 4 => 500, 3 => null, _ => 10 }), false));
        Pass(100);
        Assert.Equal(6, _gateway.Queue.ReadyCount);
        link.Attach(1, prefetch: 2);
        Assert.Equal([0, 3], link.GivenIds(1));
        Assert.Equal([1, 2], DeadIds(DeathReason.Expired));
        link.Settle(Settlement.Ack, (0, 1), (3, 1));
        Assert.Equal([0, 3, 4], link.GivenIds(1));
        Assert.Equal([1, 2, 5], DeadIds(DeathReason.Expired));
    }

    [Fact]
    public void TtlOfNothing_IsDeliveredAtOnceOrExpires()
    {
        Declare(0);
        var link = _gateway.Open();
        link.Attach(1, prefetch: 2);
        link.Publish(0, 5);
        Assert.Equal([0, 1], link.GivenIds(1));
        Assert.Equal([2, 3, 4], DeadIds(DeathReason.Expired));
        Assert.Equal(0, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void Get_OfAnExpiredMessage_FindsNothing()
    {
        Declare(100);
        var link = _gateway.Open();
        link.Publish(0, 1);
        _gateway.Now += 100;
        Assert.Equal(new GotItem(1, null, 0, null), link.Send(new GetItem(1, NoAck: true))[0]);
        Assert.Equal([0], DeadIds(DeathReason.Expired));
    }

    [Fact]
    public void RequeuedMessage_KeepsItsTime()
    {
        Declare(100);
        var link = _gateway.Open();
        link.Attach(1, prefetch: 1);
        link.Publish(0, 2);
        _gateway.Now += 60;
        link.Settle(Settlement.Requeue, (0, 1));
        Assert.Equal([0, 0], link.GivenIds(1));
        _gateway.Now += 60;
        link.Settle(Settlement.Requeue, (0, 1));
        Assert.Equal([0, 0], link.GivenIds(1));
        Assert.Equal([0, 1], DeadIds(DeathReason.Expired));
    }

    [Fact]
    public void Rejected_IsDead_ButAcknowledgedRequeuedAndPurgedAreNot()
    {
        Declare(null);
        var link = _gateway.Open();
        link.Attach(1, prefetch: 5);
        link.Publish(0, 10);
        link.Settle(Settlement.Ack, (0, 1));
        link.Settle(Settlement.Requeue, (1, 1));
        link.Settle(Settlement.Reject, (2, 2));
        _gateway.Slot.Purge(_gateway.Connection, 0);
        Assert.Equal([2, 3], DeadIds(DeathReason.Rejected));
        _gateway.Delete();
        Assert.Equal(2, _gateway.Slot.Dead.Count == 0 ? 0 : DeadIds(DeathReason.Rejected).Length);
    }

    [Fact]
    public void WithoutADeadLetterExchange_NothingIsKept()
    {
        _gateway.Declare(arguments: EncodedTable.From(FieldTable.Of(("x-message-ttl", 10))));
        var link = _gateway.Open();
        link.Attach(1, prefetch: 1);
        link.Publish(0, 3);
        link.Settle(Settlement.Reject, (0, 1));
        Pass(10);
        Assert.Equal(0, _gateway.Queue.ReadyCount);
        Assert.Empty(_gateway.Slot.Dead);
    }

    private void Declare(long? ttl)
    {
        var arguments = FieldTable.Of(("x-dead-letter-exchange", "dlx"));
        _gateway.Declare(arguments: EncodedTable.From(ttl is { } number ? arguments.With("x-message-ttl", number) : arguments));
    }

    private void Pass(long milliseconds)
    {
        _gateway.Now += milliseconds;
        _gateway.Slot.RunDue(_gateway.Now);
    }

    private long[] DeadIds(DeathReason reason)
    {
        Assert.All(_gateway.Slot.Dead, dead => Assert.Equal(reason, dead.Reason));
        return [.. _gateway.Slot.Dead.SelectMany(dead => Batches.Ids(dead.Run.ToSlice()))];
    }
}
