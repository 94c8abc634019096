using Granary.Core.Links;
using Granary.Silo.Queues.Links;

namespace Granary.Silo.Queues.Consumers;

/// <summary>
/// One consumer is given all messages until it leaves (x-single-active-consumer); what it has unacknowledged then stays its own. Next is the one with the highest
/// priority, the first to come among equal ones. Consumers are told nothing; their gateways are, so that the one that is active is so again after the loss of an activation.
/// </summary>
/// <param name="yields">As in a quorum queue: the active one makes way for one of a higher priority, when all that it was given is settled.</param>
internal sealed class SingleActive(bool yields) : IDispatchRule
{
    private readonly TurnRing _turn = new();

    /// <summary>In the order in which they would follow.</summary>
    private readonly List<Consumer> _waiting = [];

    private Consumer? _active;

    /// <summary>
    /// Where deliveries to the one that was active may have been under way when it left, and the last packet that they are in. If its channel was closed they come back,
    /// and nobody is to be given what is behind them before that.
    /// </summary>
    private (QueueLink Link, long Through)? _late;

    /// <summary>Who is active goes by what has happened here, not any more by what was so at an earlier activation.</summary>
    private bool _isSettled;

    public void Add(Consumer consumer)
    {
        var at = _waiting.FindIndex(other => other.Priority < consumer.Priority || (other.Priority == consumer.Priority && other.Rank > consumer.Rank));
        _waiting.Insert(at < 0 ? _waiting.Count : at, consumer);
    }

    public void Remove(Consumer consumer)
    {
        if (consumer != _active)
        {
            _waiting.Remove(consumer);
            return;
        }

        _turn.Clear();
        _active = null;
        _isSettled = true;
        _late = consumer.Unacked > 0 ? (consumer.Link, consumer.Link.Down.Number) : _late;
    }

    public void Share(Consumer consumer)
    {
        // There is nobody to be asked before it.
    }

    public bool Choose()
    {
        if (_late is { Link.HasEnded: false } late && late.Link.Down.AreUnderWay(late.Through))
        {
            return true;
        }

        _late = null;
        var isLeaving = ChooseActive();
        foreach (var other in _waiting)
        {
            if (other.IsActive)
            {
                Tell(other, isActive: false);
            }
        }

        return isLeaving;
    }

    public TurnRing? Next() => _turn.DropUnable() ? _turn : null;

    public bool MayAsk(Consumer consumer) => consumer.Ring is not null;

    public long Credit(long most) => _turn.Credit(most);

    public void Order()
    {
        // They are put where they belong as they come.
    }

    /// <returns>The active one is about to make way.</returns>
    private bool ChooseActive()
    {
        if (!_isSettled && _waiting.Find(static consumer => consumer.WasActive) is { } earlier && _active is not { WasActive: true })
        {
            MakeActive(earlier);
        }

        if (_active is not { } active)
        {
            if (_waiting.Count > 0)
            {
                MakeActive(_waiting[0]);
            }

            return false;
        }

        if (!yields || _waiting.Count == 0 || _waiting[0].Priority <= active.Priority)
        {
            // It may have been about to make way for one that has left meanwhile.
            GiveTurn(active);
            return false;
        }

        if (active.Unacked > 0)
        {
            TakeTurn(active);
            return true;
        }

        MakeActive(_waiting[0]);
        return false;
    }

    private void MakeActive(Consumer consumer)
    {
        _isSettled |= consumer.WasActive || _active is not null;
        if (_active is { } before)
        {
            TakeTurn(before);
            Add(before);
        }

        _waiting.Remove(consumer);
        _active = consumer;
        GiveTurn(consumer);
        Tell(consumer, isActive: true);
    }

    private void GiveTurn(Consumer consumer)
    {
        consumer.Ring = _turn;
        _turn.Refresh(consumer);
    }

    private void TakeTurn(Consumer consumer)
    {
        consumer.Ring = null;
        _turn.Clear();
    }

    private static void Tell(Consumer consumer, bool isActive)
    {
        consumer.IsActive = isActive;
        consumer.Link.Send(new AttachedItem(consumer.Number, null, consumer.Rank, isActive));
    }
}
