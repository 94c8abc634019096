using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Deduplication;

/// <summary>
/// The keys of messages that a queue took, the oldest first: another message with one of them is a duplicate. A key is written with its message, and so is as durable;
/// what becomes of the message later is of no matter. A duplicate does not make its key younger. What the broker itself sends on, dead letters and what is moved, is no
/// duplicate: it may well be the message that was taken, on its way back. It is remembered as others are.
/// </summary>
/// <param name="journal">Where keys of persistent messages are written; null: nowhere.</param>
internal sealed class SeenKeys(DeduplicationWindow rule, QueueJournal? journal)
{
    private readonly HashSet<SessionId> _keys = [];
    private readonly RingBuffer<Seen> _order = new();
    private DeduplicationWindow _rule = rule;

    public int Count => _keys.Count;

    /// <summary>Puts in place what an earlier activation had written, before anything is taken.</summary>
    public void Restore(IEnumerable<PublishProgress> keys)
    {
        foreach (var key in keys.OrderBy(static key => key.Number))
        {
            if (_keys.Add(key.Session))
            {
                _order.AddLast(new Seen(key.Session, key.Number, IsStored: true));
            }
        }
    }

    /// <summary>Whether a message like it was taken before, and it is not to be taken again.</summary>
    /// <param name="key">By which it is to be remembered if it is taken now; none: it is like no other.</param>
    public bool HasSeen(in MessageRecord message, long now, out SessionId key)
    {
        Expire(now);
        return MessageKey.TryRead(message, out key) && !message.WasSentOn && _keys.Contains(key);
    }

    /// <summary>The message is taken in this turn.</summary>
    public void Add(SessionId key, bool isPersistent, long now)
    {
        if (key == default || !_keys.Add(key))
        {
            return;
        }

        var isStored = isPersistent && journal is not null;
        _order.AddLast(new Seen(key, now, isStored));
        if (isStored)
        {
            journal!.NoteProgress(new PublishProgress(key, now));
        }

        Trim();
    }

    /// <summary>Goes by another rule from now on.</summary>
    public void Apply(DeduplicationWindow rule)
    {
        _rule = rule;
        Trim();
    }

    /// <summary>Nothing is remembered any more.</summary>
    public void Clear()
    {
        while (_order.Count > 0)
        {
            RemoveFirst();
        }
    }

    /// <summary>Has the next activation know also what is only in memory.</summary>
    public void StoreAll(QueueJournal to)
    {
        for (var i = 0; i < _order.Count; i++)
        {
            ref var seen = ref _order[i];
            if (!seen.IsStored)
            {
                to.NoteProgress(new PublishProgress(seen.Key, seen.At));
                seen = seen with { IsStored = true };
            }
        }
    }

    private void Expire(long now)
    {
        while (_rule.Ttl is { } ttl && _order.Count > 0 && now - _order[0].At >= ttl)
        {
            RemoveFirst();
        }
    }

    private void Trim()
    {
        while (_order.Count > _rule.Size)
        {
            RemoveFirst();
        }
    }

    private void RemoveFirst()
    {
        var seen = _order.RemoveFirst();
        _keys.Remove(seen.Key);
        if (seen.IsStored)
        {
            journal?.NoteProgress(PublishProgress.End(seen.Key));
        }
    }

    /// <param name="At">In milliseconds of the queue's clock.</param>
    private readonly record struct Seen(SessionId Key, long At, bool IsStored);
}
