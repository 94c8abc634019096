using Granary.Core.Links;

namespace Granary.Silo.Queues.Consumers;

/// <summary>What consumers under limits that they share with others (global qos) are lent of these by their gateways.</summary>
internal sealed class Loans
{
    /// <summary>Those with something lent: in this turn, or earlier, when what they are to get waits for the store.</summary>
    private readonly List<Consumer> _borrowers = [];

    /// <summary>Those that have not been told yet that there is something for them: first who was given nothing for longest.</summary>
    private readonly List<Consumer> _untold = [];

    private static readonly Comparer<Consumer> InTurn = Comparer<Consumer>.Create(static (one, other) =>
        one.LastServed != other.LastServed ? one.LastServed.CompareTo(other.LastServed) : one.Rank.CompareTo(other.Rank));

    /// <summary>How many loans were used.</summary>
    private long _served;

    public void Add(Consumer consumer)
    {
        if (consumer.IsShared)
        {
            AddUntold(consumer);
        }
    }

    /// <summary>It comes under a shared limit, or is no longer under one. What was lent to it was so under a limit that is gone.</summary>
    public void Share(Consumer consumer, bool shared)
    {
        consumer.Share(shared);
        _borrowers.Remove(consumer);
        RemoveUntold(consumer);
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
        }

        consumer.Lend(count);
    }

    public void Order() => _untold.Sort(InTurn);

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
            if (consumer.IsGone)
            {
                continue;
            }

            if (unused > 0)
            {
                consumer.Link.Send(new UnusedItem(consumer.Number, unused));
            }

            EndLoan(consumer);
        }

        _borrowers.RemoveRange(kept, _borrowers.Count - kept);
    }

    /// <summary>It is told again when there is something for it. Who was given something is told after those who were not, so that consumers take turns.</summary>
    private void EndLoan(Consumer consumer)
    {
        if (consumer.UsedLoan)
        {
            RemoveUntold(consumer);
            consumer.UsedLoan = false;
            consumer.LastServed = ++_served;
        }

        if (!consumer.IsUntold)
        {
            AddUntold(consumer);
        }
    }

    private void AddUntold(Consumer consumer)
    {
        consumer.IsUntold = true;
        var place = _untold.BinarySearch(consumer, InTurn);
        _untold.Insert(place < 0 ? ~place : place, consumer);
    }

    private void RemoveUntold(Consumer consumer)
    {
        if (consumer.IsUntold)
        {
            consumer.IsUntold = false;
            _untold.Remove(consumer);
        }
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
                consumer.IsUntold = false;
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
