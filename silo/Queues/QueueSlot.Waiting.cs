using Granary.Core.Links;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Links;

namespace Granary.Silo.Queues;

/// <summary>Packets that have to wait before a turn of the queue takes them, and all that comes behind them on their links.</summary>
internal sealed partial class QueueSlot
{
    /// <summary>Until then a new consumer that wants the queue for itself waits: one of an activation that was lost may have it, and nobody knows which.</summary>
    private long _mayBeExclusiveFrom;

    private bool _isExclusiveWaiting;

    /// <summary>Puts a queue in place that an earlier activation had in memory: without its messages.</summary>
    /// <param name="firstOffset">Above all that it has given.</param>
    /// <param name="areConsumersKnown">It was handed over: those who had consumers there are waited for.</param>
    /// <param name="hadConsumer">Somebody had.</param>
    public void RestoreEmpty(
        QueueDefinition definition, Guid incarnation, IEnumerable<string> bindingSources, QueueStorage? storage, long firstOffset, long now, bool areConsumersKnown = false,
        bool hadConsumer = false)
    {
        Restore(definition, incarnation, bindingSources, storage, now, [], now);
        Queue!.BeginAt(firstOffset);
        if (definition.Owner is not null)
        {
            // It says all that it has there in one packet, and the queue goes with it.
            return;
        }

        _mayBeExclusiveFrom = areConsumersKnown ? 0 : now + Recovery.Patience;
        Queue.ComeBack(hadConsumer, areConsumersKnown ? now : now + Recovery.PatienceInCluster);
    }

    /// <summary>The store knows these sessions now: what waited for that goes on.</summary>
    public void Registered(IReadOnlyCollection<KeyValuePair<SessionId, string?>> sessions, long now)
    {
        register!.Note(sessions);
        if (_queue is null)
        {
            return;
        }

        ApplyWaiting(now);
        foreach (var (session, _) in sessions)
        {
            if (!_links.Living.Any(link => link.Opener?.Session == session))
            {
                // Its member went while it was written down.
                register.End(session);
            }
        }
    }

    /// <summary>Sessions that are waited for have ended, and never come again.</summary>
    public void AwaitNoMore(SessionId[] sessions, long now)
    {
        foreach (var session in sessions)
        {
            _queue?.AwaitNoMore(session);
            register!.End(session);
        }

        Advance(now);
    }

    /// <summary>The store does not know yet that the queue gives the session anything, or others may still come who have it for themselves.</summary>
    private bool HasToWait(QueueLink link, IDeclaredQueue queue, LinkUp packet, long now)
    {
        if (now < _mayBeExclusiveFrom && Array.Exists(packet.Items, static item => item is AttachItem { Exclusive: true, Rank: 0 }))
        {
            return _isExclusiveWaiting = true;
        }

        return register is not null && queue.StoresSessions && register.HoldsUp(link, packet);
    }

    /// <summary>Nobody else has come who has the queue for himself.</summary>
    private void EndExclusiveWait(long now)
    {
        if (_isExclusiveWaiting && _mayBeExclusiveFrom <= now)
        {
            _isExclusiveWaiting = false;
            ApplyWaiting(now);
        }
    }

    /// <summary>What packets waited for has happened, at least for some of them.</summary>
    private void ApplyWaiting(long now)
    {
        var queue = _queue;
        foreach (var link in _links.Living.Where(link => link.Up.Peek() is not null).ToArray())
        {
            if (queue is not null && _queue == queue && Apply(link, queue, now) is { } said && link.Opener is { } opener)
            {
                Pushes.Add(new Push(opener.Observer, said, link.Local));
            }
        }
    }
}
