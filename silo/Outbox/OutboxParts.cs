using Granary.Core;
using Granary.Core.Messages;
using Granary.Core.Transactions;

namespace Granary.Silo.Outbox;

/// <summary>Sorts messages by the queues that they go to. Small ones that follow each other, and are deduplicated alike, are put together, since each batch is a record of the store.</summary>
internal sealed class OutboxParts
{
    private const int MostInBatch = 4096;

    private readonly Dictionary<string, List<List<MessageBatch>>> _queues = new(StringComparer.Ordinal);

    public bool IsEmpty => _queues.Count == 0;

    public void Add(IEnumerable<string> queues, in MessageBatch message)
    {
        foreach (var queue in queues)
        {
            if (!_queues.TryGetValue(queue, out var runs))
            {
                _queues.Add(queue, runs = []);
            }

            if (runs.Count == 0 || !MayJoin(runs[^1], message))
            {
                runs.Add([]);
            }

            runs[^1].Add(message);
        }
    }

    /// <summary>By the names of the queues.</summary>
    public IReadOnlyDictionary<string, TransactionPart> ToParts(ConnectionId by)
    {
        var id = TransactionId.New();
        return _queues.ToDictionary(
            static queue => queue.Key, queue => new TransactionPart(id, by, default, [], [.. queue.Value.Select(Join)]), StringComparer.Ordinal);
    }

    private static bool MayJoin(List<MessageBatch> run, in MessageBatch message) =>
        run.Count < MostInBatch && Equals(run[0].Window, message.Window)
        && run.Sum(static batch => (long)batch.Records.Length) + message.Records.Length <= MessageBatch.ChunkSize;

    private static MessageBatch Join(List<MessageBatch> run)
    {
        if (run is [var only])
        {
            return only;
        }

        var records = new byte[run.Sum(static batch => batch.Records.Length)];
        var (at, flags) = (0, MessageFlags.None);
        foreach (var batch in run)
        {
            batch.Records.Span.CopyTo(records.AsSpan(at));
            at += batch.Records.Length;
            flags |= batch.Flags;
        }

        return run[0] with { Records = records, Count = run.Count, Flags = flags };
    }
}
