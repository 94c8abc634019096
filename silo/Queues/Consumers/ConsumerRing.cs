using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Figures;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues.Consumers;

/// <summary>Hands ready messages to those consumers that may be given any, one message each in turn.</summary>
/// <param name="figures">Of the queue: what is given out is counted there.</param>
internal sealed class ConsumerRing(QueueFigures figures)
{
    // Smaller messages are given out faster than anybody publishes them.
    private const int LargeMessage = 8 * 1024;

    /// <summary>2^20 of them.</summary>
    private const int RanksPerMillisecond = 20;

    /// <summary>Who has taken nothing for so long, in milliseconds, is not waited for.</summary>
    private const long TakesNothing = 20;

    /// <summary>Those that may be given messages, the next one first. Whoever left or ran out of credit is dropped when its turn comes.</summary>
    private readonly RingBuffer<Consumer> _able = new();

    /// <summary>Those with deliveries in this turn.</summary>
    private readonly List<Consumer> _given = [];

    /// <summary>Those with something lent: in this turn, or earlier, when what they are to get waits for the store.</summary>
    private readonly List<Consumer> _borrowers = [];

    /// <summary>Those under a shared limit that have not been told yet that there is something for them.</summary>
    private readonly List<Consumer> _untold = [];

    // Of the consumer that came last, here or at an earlier activation.
    private long _lastRank;

    // When a consumer was given something last, on the queue's clock.
    private long _givenAt = long.MinValue / 2;

    public void Add(Consumer consumer)
    {
        if (consumer.IsShared)
        {
            _untold.Add(consumer);
        }

        Refresh(consumer);
        if (consumer.Rank < _lastRank)
        {
            PutInOrder();
        }

        _lastRank = Math.Max(_lastRank, consumer.Rank);
    }

    /// <summary>A consumer that is new gets the next rank. One that comes again keeps its own, so that the order in which they attached outlives the activation.</summary>
    /// <param name="now">Milliseconds: ranks are times, so that what comes first here is behind those that will come again.</param>
    public AttachItem Ranked(AttachItem attach, long now) =>
        attach.Rank > 0 ? attach : attach with { Rank = Math.Max(_lastRank + 1, now << RanksPerMillisecond) };

    /// <summary>Its credit may have grown.</summary>
    public void Refresh(Consumer consumer)
    {
        if (!consumer.InRing && consumer.IsAble)
        {
            consumer.InRing = true;
            _able.AddLast(consumer);
        }
    }

    /// <summary>It comes under a shared limit, or is no longer under one. What was lent to it was so under a limit that is gone.</summary>
    public void Share(Consumer consumer, bool shared)
    {
        if (consumer.IsShared == shared)
        {
            return;
        }

        consumer.Share(shared);
        _borrowers.Remove(consumer);
        _untold.Remove(consumer);
        if (shared)
        {
            _untold.Add(consumer);
        }

        Refresh(consumer);
    }

    public void Settled(Consumer consumer, long count)
    {
        consumer.Settled(count);
        Refresh(consumer);
    }

    public void Lend(Consumer consumer, int count)
    {
        if (!consumer.IsShared || count <= 0)
        {
            return;
        }

        if (consumer.Lent == 0)
        {
            _borrowers.Add(consumer);
            if (consumer.ReadySaid)
            {
                _untold.Add(consumer);
            }
        }

        consumer.Lend(count);
        Refresh(consumer);
    }

    /// <summary>
    /// Gives out what can be given and adds it to the gateways' packets; <see cref="EndTurn"/> has to follow in the same turn.
    /// Links whose unsettled deliveries may later keep too much memory alive are added to <paramref name="untidy"/>.
    /// </summary>
    public void Deliver(ReadyMessages ready, DeliveryBound bound, HashSet<QueueLink> untidy, long now)
    {
        while (ready.HasFirst(now) && DropUnable() && bound.Allowed(ready.First) is > 0 and var allowed)
        {
            if (_able.Count == 1)
            {
                DeliverToOne(_able[0], ready, allowed, bound, now);
            }
            else
            {
                DeliverInTurn(ready, allowed, bound, now);
            }
        }

        if (_given.Count > 0)
        {
            _givenAt = now;
        }

        foreach (var consumer in _given)
        {
            consumer.Link.Send(consumer.TakeDeliveries());
            if (consumer.Link.Unacked.NeedsTidy)
            {
                untidy.Add(consumer.Link);
            }
        }

        _given.Clear();
    }

    /// <summary>Nothing will be given out in this turn any more: the gateways get back what they lent in vain, and are told of messages that are left.</summary>
    public void EndTurn(ReadyMessages ready)
    {
        SettleLoans(ready);
        TellShared(ready);
    }

    /// <summary>How many bytes stand before a batch of large messages that consumers, who take some, will not be given soon; 0 if nobody need care.</summary>
    public long Backlog(ReadyMessages ready, in MessageBatch batch, long now) =>
        batch.Records.Length >= (long)LargeMessage * batch.Count && now - _givenAt < TakesNothing ? ready.Bytes : 0;

    /// <summary>How many messages could be given out now, up to <paramref name="most"/>.</summary>
    public long Credit(long most)
    {
        var credit = 0L;
        for (var i = 0; i < _able.Count && credit < most; i++)
        {
            if (_able[i].IsAble)
            {
                credit += Math.Min(_able[i].Credit, most);
            }
        }

        return credit;
    }

    /// <summary>Those that come again after the loss of an activation come in any order.</summary>
    private void PutInOrder()
    {
        var able = new Consumer[_able.Count];
        for (var i = 0; i < able.Length; i++)
        {
            able[i] = _able.RemoveFirst();
        }

        foreach (var consumer in able.OrderBy(static consumer => consumer.Rank))
        {
            _able.AddLast(consumer);
        }

        _untold.Sort(static (left, right) => left.Rank.CompareTo(right.Rank));
    }

    /// <summary>Makes the first of the ring one that is able; false if there is none.</summary>
    private bool DropUnable()
    {
        while (_able.Count > 0 && !_able[0].IsAble)
        {
            _able.RemoveFirst().InRing = false;
        }

        return _able.Count > 0;
    }

    private void DeliverToOne(Consumer consumer, ReadyMessages ready, int allowed, DeliveryBound bound, long now)
    {
        var run = ready.First;
        var count = (int)Math.Min(allowed, consumer.Credit);
        var length = count == run.Count ? run.Length : run.LengthOf(count);
        if (length > consumer.ByteCredit)
        {
            (count, length) = CutToBytes(run, count, consumer.ByteCredit);
        }

        Give(consumer, ready.Take(count, length), bound, now);
    }

    /// <summary>As many messages as it takes to use up <paramref name="bytes"/>, the last of them possibly going beyond.</summary>
    private static (int Count, int Length) CutToBytes(in MessageRun run, int most, long bytes)
    {
        var span = run.Records.Span;
        int count = 0, length = 0;
        while (count < most && length < bytes)
        {
            length += MessageRecord.LengthOf(span[length..]);
            count++;
        }

        return (count, length);
    }

    private void DeliverInTurn(ReadyMessages ready, int allowed, DeliveryBound bound, long now)
    {
        var run = ready.First;
        var span = run.Records.Span;
        for (int i = 0, at = 0; i < allowed && DropUnable() && _able.Count > 1; i++)
        {
            var length = MessageRecord.LengthOf(span[at..]);
            at += length;
            var consumer = _able.RemoveFirst();
            Give(consumer, ready.Take(1, length), bound, now);
            _able.AddLast(consumer);
        }
    }

    private void Give(Consumer consumer, in MessageRun run, DeliveryBound bound, long now)
    {
        bound.Deliver(run, isSettled: consumer.NoAck);
        figures.Give(consumer.NoAck ? QueueCount.DeliverNoAck : QueueCount.Deliver, run.Count, run.Redelivered);
        if (!consumer.HasDeliveries)
        {
            _given.Add(consumer);
        }

        consumer.Give(run with { Since = now });
    }

    private void SettleLoans(ReadyMessages ready)
    {
        var kept = 0;
        for (var i = 0; i < _borrowers.Count; i++)
        {
            var consumer = _borrowers[i];
            if (consumer.IsAble && !ready.IsEmpty)
            {
                // There is a message for it, which waits for the store. Given back, the loan would be offered and given back again until that is through.
                _borrowers[kept++] = consumer;
                continue;
            }

            var unused = consumer.TakeBackLent();
            if (unused > 0 && !consumer.IsGone)
            {
                consumer.Link.Send(new UnusedItem(consumer.Number, unused));
            }
        }

        _borrowers.RemoveRange(kept, _borrowers.Count - kept);
    }

    /// <summary>Messages are left: those under shared limits may ask their gateways for a part.</summary>
    private void TellShared(ReadyMessages ready)
    {
        if (ready.IsEmpty || _untold.Count == 0)
        {
            return;
        }

        var kept = 0;
        for (var i = 0; i < _untold.Count; i++)
        {
            var consumer = _untold[i];
            if (consumer.IsGone)
            {
                continue;
            }

            if (consumer is { CouldBorrow: true, Lent: 0 })
            {
                consumer.ReadySaid = true;
                consumer.Link.Send(new ReadyItem(consumer.Number));
            }
            else
            {
                _untold[kept++] = consumer;
            }
        }

        _untold.RemoveRange(kept, _untold.Count - kept);
    }
}
