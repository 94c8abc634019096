using Granary.Core.Links;

namespace Granary.Silo.Queues.Consumers;

/// <summary>What consumers under limits that they share with others (global qos) are lent of these by their gateways.</summary>
internal sealed class Loans
{
    /// <summary>Those with something lent: in this turn, or earlier, when what they are to get waits for the store.</summary>
    private readonly List<Consumer> _borrowers = [];

    /// <summary>Those that have not been told yet that there is something for them.</summary>
    private readonly List<Consumer> _untold = [];

    public void Add(Consumer consumer)
    {
        if (consumer.IsShared)
        {
            _untold.Add(consumer);
        }
    }

    /// <summary>It comes under a shared limit, or is no longer under one. What was lent to it was so under a limit that is gone.</summary>
    public void Share(Consumer consumer, bool shared)
    {
        consumer.Share(shared);
        _borrowers.Remove(consumer);
        _untold.Remove(consumer);
        Add(consumer);
    }

    public void Lend(Consumer consumer, int count)
    {
        if (count == 0)
        {
            // It comes when there is something to lend: this consumer is told no more, but others are.
            consumer.GetsNothing = consumer.ReadySaid;
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
    }

    public void Order() => _untold.Sort(static (left, right) => left.Rank.CompareTo(right.Rank));

    /// <summary>Nothing will be given out in this turn any more: the gateways get back what they lent in vain, and are told of messages that are left.</summary>
    /// <param name="isNothingLeft">There is no message that anybody could be given now.</param>
    public void EndTurn(bool isNothingLeft, IDispatchRule rule)
    {
        if (_borrowers.Count > 0)
        {
            Settle(isNothingLeft, rule);
        }

        if (!isNothingLeft && _untold.Count > 0)
        {
            Tell(rule);
        }
    }

    private void Settle(bool isNothingLeft, IDispatchRule rule)
    {
        var kept = 0;
        for (var i = 0; i < _borrowers.Count; i++)
        {
            var consumer = _borrowers[i];
            if (consumer.IsAble && !isNothingLeft && rule.MayAsk(consumer))
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
    private void Tell(IDispatchRule rule)
    {
        var kept = 0;
        for (var i = 0; i < _untold.Count; i++)
        {
            var consumer = _untold[i];
            if (consumer.IsGone)
            {
                continue;
            }

            if (consumer is { CouldBorrow: true, Lent: 0 } && rule.MayAsk(consumer))
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
