using Granary.Core.Transactions;

namespace Granary.Silo.Transactions;

/// <summary>The transactions that one queue is prepared for, and those that were decided a moment ago: calls may come late, or twice.</summary>
internal sealed class PreparedParts
{
    /// <summary>
    /// How long a queue waits to be told what becomes of a transaction, in milliseconds, before it decides that nothing does. Longer than whoever asks waits for the
    /// slowest of the other queues.
    /// </summary>
    public const long Patience = 20_000;

    /// <summary>Longer than any call can be under way, in milliseconds.</summary>
    private const long Memory = 60_000;

    private readonly Dictionary<TransactionId, PreparedPart> _parts = [];
    private readonly Dictionary<TransactionId, (long At, bool TakesEffect)> _decided = [];
    private readonly List<PreparedPart> _overdue = [];

    public IReadOnlyCollection<PreparedPart> All => _parts.Values;

    public bool NeedsTick => _parts.Count > 0 || _decided.Count > 0;

    /// <summary>Null: the queue is not prepared for it.</summary>
    public PreparedPart? Find(TransactionId id) => _parts.GetValueOrDefault(id);

    /// <summary>It was decided a moment ago: whoever asks to prepare it is late.</summary>
    public bool WasDecided(TransactionId id) => _decided.ContainsKey(id);

    /// <summary>It has taken effect here, a moment ago.</summary>
    public bool HasTakenEffect(TransactionId id) => _decided.TryGetValue(id, out var decided) && decided.TakesEffect;

    public void Add(PreparedPart part) => _parts.Add(part.Id, part);

    /// <summary>It is decided.</summary>
    public PreparedPart? Take(TransactionId id, bool takesEffect, long now)
    {
        // What is said late, or twice, may say otherwise.
        _decided.TryAdd(id, (now, takesEffect));
        _parts.Remove(id, out var part);
        return part;
    }

    /// <summary>Who had the transactions of a member is gone: nobody decides them.</summary>
    public void Hasten(string member)
    {
        foreach (var part in _parts.Values.Where(part => part.Part.By.Member == member))
        {
            LookFor(part);
        }
    }

    /// <summary>
    /// Another part of the outbox is before this one, and has not been heard of since: what became of it is decided, and is to be done first. It is looked for now.
    /// </summary>
    public bool IsBehindAnother(TransactionPart part)
    {
        if (!part.IsOfOutbox || _parts.Values.FirstOrDefault(before => before.Part.IsOfOutbox && before.Id != part.Id) is not { } another)
        {
            return false;
        }

        LookFor(another);
        return true;
    }

    /// <summary>Of which somebody has to find out now what became of them.</summary>
    public PreparedPart[] TakeOverdue()
    {
        if (_overdue.Count == 0)
        {
            return [];
        }

        PreparedPart[] overdue = [.. _overdue];
        _overdue.Clear();
        return overdue;
    }

    /// <summary>To be called every second or so while <see cref="NeedsTick"/>.</summary>
    public void Tick(long now)
    {
        foreach (var part in _parts.Values.Where(part => now - part.Since >= Patience))
        {
            LookFor(part);
        }

        foreach (var (id, (at, _)) in _decided)
        {
            if (now - at >= Memory)
            {
                _decided.Remove(id);
            }
        }
    }

    public void Clear()
    {
        _parts.Clear();
        _overdue.Clear();
    }

    private void LookFor(PreparedPart part)
    {
        if (!part.IsLookedFor)
        {
            part.IsLookedFor = true;
            _overdue.Add(part);
        }
    }
}
