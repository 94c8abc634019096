using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Tests.Queues;

/// <summary>Messages whose time is up: never delivered, gone at that time wherever they stand, dead-lettered where that is asked for.</summary>
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
    public void OverdueMessage_BehindOneThatIsNot_ExpiresWhereItStands()
    {
        Declare(null);
        var link = _gateway.Open();
        link.Send(new PublishItem(Batches.Of(0, 6, expiry: id => id switch { 0 or 4 => 500, 3 => null, _ => 10 }), false));
        Assert.Equal(1_010, _gateway.Slot.NextDue);
        Pass(10);
        Assert.Equal([1, 2, 5], DeadIds(DeathReason.Expired));
        Assert.Equal((3, 3 * Batches.Of(0, 1).Records.Length + 16), (_gateway.Queue.ReadyCount, _gateway.Queue.ReadyBytes));
        Assert.Equal(1_500, _gateway.Slot.NextDue);
        link.Attach(1, prefetch: 2);
        Assert.Equal([0, 3], link.GivenIds(1));
        Pass(490);
        Assert.Equal([1, 2, 5, 4], DeadIds(DeathReason.Expired));
        Assert.Equal(long.MaxValue, _gateway.Slot.NextDue);
    }

    [Fact]
    public void ShorterTtlByAPolicy_ExpiresWhatComesLaterFirst()
    {
        Declare(10_000);
        var link = _gateway.Open();
        link.Publish(0, 3);
        _gateway.Apply("""{"message-ttl":20}""");
        link.Publish(3, 3);
        Pass(20);
        Assert.Equal([3, 4, 5], DeadIds(DeathReason.Expired));
        Assert.Equal((3, 11_000), (_gateway.Queue.ReadyCount, _gateway.Slot.NextDue));
    }

    [Fact]
    public void MessageThatComesBack_BehindOthersThatDoNotExpire_ExpiresInItsPlace()
    {
        Declare(null);
        var link = _gateway.Open();
        link.Attach(1, prefetch: 4);
        link.Send(new PublishItem(Batches.Of(0, 4, expiry: id => id == 1 ? 100 : null), false));
        Pass(200);
        Assert.Empty(DeadIds(DeathReason.Expired));
        link.Send(new DetachItem(1), new SettleItem(Settlement.Requeue, [new OffsetRange(0, 4)]));
        Assert.Equal([1], DeadIds(DeathReason.Expired));
        link.Send(new PublishItem(Batches.Of(4, 1, expiry: _ => 100), false));
        link.Attach(2, prefetch: 2);
        Assert.Equal([0, 2], link.GivenIds(2));
        Pass(99);
        link.Send(new DetachItem(2), new SettleItem(Settlement.Requeue, [new OffsetRange(0, 3)]));
        Pass(1);
        Assert.Equal([1, 4], DeadIds(DeathReason.Expired));
        link.Attach(3);
        Assert.Equal([0, 2, 3], link.GivenIds(3));
    }

    /// <summary>Consumers that give back again and again leave no trace of the times before.</summary>
    [Fact]
    public void MessagesThatComeBackAgainAndAgain_KeepTheirTimes()
    {
        Declare(null);
        var link = _gateway.Open();
        link.Send(new PublishItem(Batches.Of(0, 10, expiry: id => id == 0 ? null : 10_000 - id), false));
        for (var i = 0; i < 500; i++)
        {
            var first = 1 + (i % 5);
            link.Attach(i, prefetch: 10);
            link.Send(new DetachItem(i), new SettleItem(Settlement.Requeue, [new OffsetRange(0, first), new OffsetRange(first, 10 - first)]));
        }

        Pass(9_995);
        Assert.Equal([9, 8, 7, 6, 5], DeadIds(DeathReason.Expired));
        Pass(5);
        Assert.Equal([9, 8, 7, 6, 5, 4, 3, 2, 1], DeadIds(DeathReason.Expired));
        Assert.Equal((1, long.MaxValue), (_gateway.Queue.ReadyCount, _gateway.Slot.NextDue));
    }

    [Theory]
    [InlineData("drop-head")]
    [InlineData("reject-publish")]
    public void MaxLength_DoesNotCountWhatIsOverdue(string overflow)
    {
        _gateway.Declare(arguments: EncodedTable.From(FieldTable.Of(("x-dead-letter-exchange", "dlx"), ("x-max-length", 3), ("x-overflow", overflow))));
        var link = _gateway.Open();
        link.Send(new PublishItem(Batches.Of(0, 3, expiry: id => id == 0 ? null : 10), false));
        _gateway.Now += 10;
        link.Publish(3, 2);
        Assert.Equal([1, 2], DeadIds(DeathReason.Expired));
        link.Attach(1);
        Assert.Equal([0, 3, 4], link.GivenIds(1));
    }

    [Fact]
    public void ManyMessagesThatAreDueTogether_LeaveInSeveralTurns_AndNoneIsDelivered()
    {
        const int Messages = 3 * IReadyMessages.MostTogether;
        Declare(null);
        var link = _gateway.Open();
        link.Send(new PublishItem(Batches.Of(0, Messages + 1, expiry: id => id == 0 ? null : 1_000 + (id % 2)), false));
        _gateway.Now += 5_000;
        _gateway.Slot.RunDue(_gateway.Now);
        Assert.InRange(_gateway.Queue.ReadyCount, 2, Messages);
        Assert.True(_gateway.Slot.NextDue <= _gateway.Now);
        link.Attach(1);
        Assert.Equal([0], link.GivenIds(1));
        while (_gateway.Slot.NextDue <= _gateway.Now)
        {
            _gateway.Slot.RunDue(_gateway.Now);
        }

        Assert.Equal([0], link.GivenIds(1));
        Assert.Equal(Messages, DeadIds(DeathReason.Expired).Length);
        Assert.Equal(0, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void OfEachPriority_MessagesExpireWhereTheyStand()
    {
        _gateway.Declare(arguments: EncodedTable.From(FieldTable.Of(("x-max-priority", 3), ("x-dead-letter-exchange", "dlx"))));
        var link = _gateway.Open();
        link.Send(new PublishItem(Batches.Of(0, 12, expiry: id => id < 6 ? null : 10 + id, priority: id => (byte)(id % 3)), false));
        Pass(19);
        Assert.Equal([6, 7, 8, 9], DeadIds(DeathReason.Expired).Order());
        link.Attach(1, prefetch: 3);
        Assert.Equal([2, 5, 11], link.GivenIds(1));
        Pass(10);
        Assert.Equal([6, 7, 8, 9, 10], DeadIds(DeathReason.Expired).Order());
        link.Settle(Settlement.Requeue, (11, 1));
        Assert.Equal([6, 7, 8, 9, 10, 11], DeadIds(DeathReason.Expired).Order());
        Assert.Equal([2, 5, 11, 1], link.GivenIds(1));
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
