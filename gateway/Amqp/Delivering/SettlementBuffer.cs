using System.Runtime.InteropServices;
using Granary.Core.Links;

namespace Granary.Gateway.Amqp.Delivering;

/// <summary>Joins what one read settles, so that a client that acknowledges message by message costs the queue as little as one that says multiple.</summary>
internal sealed class SettlementBuffer
{
    private readonly List<OffsetRange> _ranges = [];
    private QueueSession? _session;
    private Settlement _settlement;
    private bool _isLeaseOver;

    /// <param name="isLeaseOver">No client said so, see <see cref="SettleItem.IsLeaseOver"/>.</param>
    public void Add(QueueSession session, Settlement settlement, OffsetRange range, bool isLeaseOver = false)
    {
        if (!ReferenceEquals(session, _session) || settlement != _settlement || isLeaseOver != _isLeaseOver)
        {
            Emit();
            (_session, _settlement, _isLeaseOver) = (session, settlement, isLeaseOver);
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

    /// <summary>Hands what has gathered to its session.</summary>
    public void Emit()
    {
        if (_session is { } session)
        {
            _session = null;
            session.Settle(_settlement, [.. _ranges], _isLeaseOver);
            _ranges.Clear();
        }
    }
}
