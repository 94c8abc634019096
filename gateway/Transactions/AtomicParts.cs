using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Transactions;
using Granary.Gateway.Routing;

namespace Granary.Gateway.Transactions;

/// <summary>Sorts what a transaction does by the queues that it does it at. Used under the gate of its links.</summary>
internal sealed class AtomicParts
{
    private readonly Dictionary<string, Part> _parts = new(StringComparer.Ordinal);

    /// <summary>Queues that take part.</summary>
    public int Count => _parts.Count;

    public void Publish(PublishPath path, in MessageBatch batch)
    {
        foreach (var link in path.Links)
        {
            Of(link).Batches.Add(path.ForQueues(batch));
        }
    }

    public void Settle(QueueSession session, Settlement settlement, OffsetRange offsets)
    {
        var part = Of(session);
        part.Session = session;
        if (part.Settlements.Count > 0 && part.Settlements[^1].Settlement == settlement)
        {
            part.Settlements[^1].Offsets.Add(offsets);
        }
        else
        {
            part.Settlements.Add((settlement, [offsets]));
        }
    }

    /// <summary>By the names of the queues.</summary>
    public IReadOnlyDictionary<string, TransactionPart> ToParts(ConnectionId by)
    {
        var id = TransactionId.New();
        return _parts.ToDictionary(
            static part => part.Key,
            part => new TransactionPart(
                id, by, part.Value.Session?.Id ?? default, [.. part.Value.Settlements.Select(static settle => SettleItem.Of(settle.Settlement, [.. settle.Offsets]))],
                [.. part.Value.Batches]),
            StringComparer.Ordinal);
    }

    private Part Of(QueueSession session)
    {
        if (!_parts.TryGetValue(session.QueueName, out var part))
        {
            _parts.Add(session.QueueName, part = new Part());
        }

        return part;
    }

    private sealed class Part
    {
        public QueueSession? Session { get; set; }

        public List<(Settlement Settlement, List<OffsetRange> Offsets)> Settlements { get; } = [];

        public List<MessageBatch> Batches { get; } = [];
    }
}
