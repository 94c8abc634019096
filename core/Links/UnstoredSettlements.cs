namespace Granary.Core.Links;

/// <summary>
/// Settlements of one session that the queue has not said to be stored: an activation that follows is told them again. With them what was delivered without
/// acknowledgement, which is settled by being delivered.
/// </summary>
internal sealed class UnstoredSettlements
{
    private readonly Queue<(long Packet, SettleItem Item)> _said = new();
    private readonly Queue<(long Packet, OffsetRange Offsets)> _taken = new();

    /// <summary>A packet upward has them.</summary>
    public void Sent(long packet, LinkUpItem[] items)
    {
        foreach (var item in items)
        {
            if (item is SettleItem settle)
            {
                _said.Enqueue((packet, settle));
            }
        }
    }

    /// <summary>A packet downward brought messages that need no acknowledgement.</summary>
    public void Taken(long packet, OffsetRange offsets) => _taken.Enqueue((packet, offsets));

    /// <summary>What packets upward and downward through these numbers settled is stored.</summary>
    public void Stored(long throughUp, long throughDown)
    {
        while (_said.TryPeek(out var said) && said.Packet <= throughUp)
        {
            _said.Dequeue();
        }

        while (_taken.TryPeek(out var taken) && taken.Packet <= throughDown)
        {
            _taken.Dequeue();
        }
    }

    /// <summary>Hands over all that is not stored, as it was said.</summary>
    public List<SettleItem> TakeAll()
    {
        var all = _said.Select(said => said.Item).ToList();
        if (_taken.Count > 0)
        {
            all.Add(new SettleItem(Settlement.Ack, [.. _taken.Select(taken => taken.Offsets)]));
        }

        _said.Clear();
        _taken.Clear();
        return all;
    }
}
