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

    /// <summary>
    /// Hands over all that is not stored, as it was said. What went back and came again is another delivery: only what was said last of a message counts, and
    /// nothing if the session has it.
    /// </summary>
    /// <param name="held">What the session has.</param>
    public List<SettleItem> TakeAll(HeldOffsets held)
    {
        List<SettleItem> all = [.. _said.Select(said => said.Item)];
        if (_taken.Count > 0)
        {
            all.Add(new SettleItem(Settlement.Ack, [.. _taken.Select(taken => taken.Offsets)]));
        }

        _said.Clear();
        _taken.Clear();
        var later = new HeldOffsets();
        for (var i = all.Count - 1; i >= 0; i--)
        {
            OffsetRange[] counts = [.. all[i].Offsets.SelectMany(held.WithoutHeld).SelectMany(later.WithoutHeld)];
            foreach (var range in counts)
            {
                later.Add(range.First, range.Count, consumer: 0);
            }

            all[i] = all[i] with { Offsets = counts };
        }

        all.RemoveAll(static settle => settle.Offsets.Length == 0);
        return all;
    }
}
