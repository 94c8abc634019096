using System.Runtime.InteropServices;
using Granary.Core.Links;
using Granary.Gateway.Links;

namespace Granary.Gateway.Amqp.Delivering;

/// <summary>Joins what one read settles, so that a client that acknowledges message by message costs the queue as little as one that says multiple.</summary>
internal sealed class SettlementBuffer
{
    private readonly List<OffsetRange> _ranges = [];
    private QueueLink? _link;
    private Settlement _settlement;

    public void Add(QueueLink link, Settlement settlement, OffsetRange range)
    {
        if (!ReferenceEquals(link, _link) || settlement != _settlement)
        {
            Emit();
            (_link, _settlement) = (link, settlement);
        }

        if (_ranges.Count > 0)
        {
            ref var last = ref CollectionsMarshal.AsSpan(_ranges)[^1];
            if (last.End == range.First)
            {
                last = new OffsetRange(last.First, last.Count + range.Count);
                return;
            }
        }

        _ranges.Add(range);
    }

    /// <summary>Hands what has gathered to its link.</summary>
    public void Emit()
    {
        if (_link is { } link)
        {
            _link = null;
            link.Settle(_settlement, [.. _ranges]);
            _ranges.Clear();
        }
    }
}
