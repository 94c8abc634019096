using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Figures;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues.Consumers;

/// <summary>Hands ready messages to those consumers that may be given any. Who of them comes first is the matter of a rule.</summary>
internal sealed partial class Dispatch
{
    // Smaller messages are given out faster than anybody publishes them.
    private const int LargeMessage = 8 * 1024;

    /// <summary>2^20 of them.</summary>
    private const int RanksPerMillisecond = 20;

    /// <summary>Who has taken nothing for so long, in milliseconds, is not waited for.</summary>
    private const long TakesNothing = 20;

    private readonly QueueFigures _figures;
    private readonly DeliveryCounts? _counts;
    private readonly ArrivalTimes? _arrivals;
    private readonly ExclusiveUse _exclusive;
    private readonly Loans _loans = new();
    private readonly HashSet<Consumer> _consumers = [];

    /// <summary>Those with deliveries in this turn.</summary>
    private readonly List<Consumer> _given = [];

    private IDispatchRule _rule;
    private bool _hasToChoose;

    // Of the consumer that came last, here or at an earlier activation.
    private long _lastRank;

    // When a consumer was given something last, on the queue's clock.
    private long _givenAt = long.MinValue / 2;

    /// <param name="figures">Of the queue: what is given out is counted there.</param>
    /// <param name="counts">Of messages that come back, where that is counted.</param>
    /// <param name="arrivals">Is told of what is given out for the first time.</param>
    public Dispatch(QueueDefinition definition, QueueFigures figures, DeliveryCounts? counts, ArrivalTimes? arrivals)
    {
        (_figures, _counts, _arrivals) = (figures, counts, arrivals);
        _exclusive = new ExclusiveUse(definition);
        _rule = definition.Settings.SingleActiveConsumer ? new SingleActive(yields: definition.Type == QueueTypes.Quorum) : new EqualTurns();
    }

    /// <summary>How many consumers there are.</summary>
    public int Count => _consumers.Count;

    /// <summary>Another consumer has the queue for itself, or this one asks for that in vain.</summary>
    public bool IsInExclusiveUse(AttachItem attach) => _exclusive.Refuses(attach, _consumers.Count);

    public void Add(Consumer consumer)
    {
        if (consumer.Priority != 0 && _rule is EqualTurns turns)
        {
            _rule = new PriorityTurns(turns, _consumers);
        }

        _consumers.Add(consumer);
        _exclusive.Add(consumer);
        _loans.Add(consumer);
        _rule.Add(consumer);
        _hasToChoose = true;
        Refresh(consumer);
        if (consumer.Rank < _lastRank)
        {
            _rule.Order();
            _loans.Order();
        }

        _lastRank = Math.Max(_lastRank, consumer.Rank);
    }

    public void Remove(Consumer consumer)
    {
        consumer.Leave();
        _consumers.Remove(consumer);
        _exclusive.Remove(consumer);
        _rule.Remove(consumer);
        _hasToChoose = true;
    }

    /// <summary>A consumer that is new gets the next rank. One that comes again keeps its own, so that the order in which they attached outlives the activation.</summary>
    /// <param name="now">Milliseconds: ranks are times, so that what comes first here is behind those that will come again.</param>
    public AttachItem Ranked(AttachItem attach, long now) =>
        attach.Rank > 0 ? attach : attach with { Rank = Math.Max(_lastRank + 1, now << RanksPerMillisecond) };

    /// <summary>Its credit may have grown.</summary>
    public void Refresh(Consumer consumer) => consumer.Ring?.Refresh(consumer);

    /// <summary>It comes under a shared limit, or is no longer under one.</summary>
    public void Share(Consumer consumer, bool shared)
    {
        if (consumer.IsShared != shared)
        {
            _loans.Share(consumer, shared);
            _rule.Share(consumer);
            Refresh(consumer);
        }
    }

    public void Settled(Consumer consumer, long count)
    {
        consumer.Settled(count);
        Refresh(consumer);
    }

    /// <summary>The consumer's gateway lends it a part of its limit, or nothing, as nothing is left.</summary>
    public void Lend(Consumer consumer, int count)
    {
        if (consumer.IsShared && count >= 0)
        {
            _loans.Lend(consumer, count);
            Refresh(consumer);
        }
    }

    /// <summary>
    /// Gives out what can be given and adds it to the gateways' packets; <see cref="EndTurn"/> has to follow in the same turn.
    /// Links whose unsettled deliveries may later keep too much memory alive are added to <paramref name="untidy"/>.
    /// </summary>
    public void Deliver(IReadyMessages ready, DeliveryBound bound, HashSet<QueueLink> untidy, long now)
    {
        if (_hasToChoose)
        {
            _hasToChoose = _rule.Choose();
        }

        if (ready is GroupedMessages grouped)
        {
            Deliver(grouped, bound, now);
        }
        else
        {
            DeliverInOrder(ready, bound, now);
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
    public void EndTurn(IReadyMessages ready) => _loans.EndTurn(isNothingLeft: ready.IsEmpty || ready is GroupedMessages { IsBlocked: true }, _rule);

    /// <summary>How many bytes stand before a batch of large messages that consumers, who take some, will not be given soon; 0 if nobody need care.</summary>
    public long Backlog(IReadyMessages ready, in MessageBatch batch, long now) =>
        batch.Records.Length >= (long)LargeMessage * batch.Count && now - _givenAt < TakesNothing ? ready.Bytes : 0;

    /// <summary>How many messages could be given out now, up to <paramref name="most"/>.</summary>
    public long Credit(long most) => _rule.Credit(most);

    private void DeliverInOrder(IReadyMessages ready, DeliveryBound bound, long now)
    {
        var top = ready.Top;
        for (var isDone = false; !isDone;)
        {
            Deliver(top, bound, now);

            // Messages that are left here keep those behind them from being given out.
            var next = top.IsEmpty ? ready.Top : top;
            (isDone, top) = (next == top, next);
        }
    }

    private void Deliver(ReadyMessages ready, DeliveryBound bound, long now)
    {
        while (ready.HasFirst(now) && _rule.Next() is { } ring && bound.Allowed(ready.First) is > 0 and var allowed)
        {
            if (ring.Count == 1)
            {
                DeliverToOne(ring.First, ready, allowed, bound, now);
            }
            else
            {
                DeliverInTurn(ring, ready, allowed, bound, now);
            }
        }
    }

    private void DeliverToOne(Consumer consumer, ReadyMessages ready, int allowed, DeliveryBound bound, long now)
    {
        var run = ready.First;
        var count = (int)Math.Min(allowed, consumer.Credit);
        if (_counts is { IsEmpty: false } counts)
        {
            count = Math.Min(count, counts.CountAlike(run));
        }

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

    private void DeliverInTurn(TurnRing ring, ReadyMessages ready, int allowed, DeliveryBound bound, long now)
    {
        var run = ready.First;
        var span = run.Records.Span;
        for (int i = 0, at = 0; i < allowed && ring.DropUnable() && ring.Count > 1; i++)
        {
            var length = MessageRecord.LengthOf(span[at..]);
            at += length;
            Give(ring.Turn(), ready.Take(1, length), bound, now);
        }
    }

    private void Give(Consumer consumer, in MessageRun run, DeliveryBound bound, long now)
    {
        bound.Deliver(run, isSettled: consumer.NoAck);
        _figures.Give(consumer.NoAck ? QueueCount.DeliverNoAck : QueueCount.Deliver, run.Count, run.Redelivered);
        if (!run.Redelivered)
        {
            _arrivals?.Give(run.First, run.Count, now);
        }

        if (!consumer.HasDeliveries)
        {
            _given.Add(consumer);
        }

        if (_counts is not { IsEmpty: false } counts)
        {
            consumer.Give(run with { Since = now }, null);
            return;
        }

        consumer.Give(run with { Since = now }, counts);
        if (consumer.NoAck)
        {
            counts.Forget(run.First, run.End);
        }
    }
}
