using System.Runtime.InteropServices;
using Granary.Silo.Queues.Messages;
using Npgsql;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Turns a <see cref="Flush"/> into columns. The queues' settled offsets are those after the flush from then on.</summary>
internal sealed class FlushEncoder(NpgsqlDataSource database, QueueIds ids)
{
    // Smaller ones are not worth a row of their own and a reference.
    private const int MinShared = 4096;

    private readonly BatchOverlap _overlap = new(database, new BatchReader(database));

    /// <param name="again">Queues of which what was written last may be lost.</param>
    public async ValueTask<EncodedFlush> EncodeAsync(Flush flush, IReadOnlyCollection<PostgresQueue> again, long number, CancellationToken cancellation)
    {
        var (changes, superseded) = WithoutSuperseded(flush);

        // Everything that may fail comes first: what is told to the queues' handles is told once.
        var replaced = new List<(PostgresQueue Queue, long First)>();
        var runs = new List<MessageRun>[changes.Count];
        for (var i = 0; i < changes.Count; i++)
        {
            var queue = (PostgresQueue)changes[i].Queue;
            queue.Id = queue.Id == 0 ? await ids.TakeAsync(cancellation).ConfigureAwait(false) : queue.Id;
            runs[i] = await _overlap.ResolveAsync(queue, changes[i].Runs, replaced, cancellation).ConfigureAwait(false);
        }

        var batches = new BatchEncoder();
        foreach (var (place, bytes) in FindShared(runs))
        {
            batches.AddShared(await ids.TakeAsync(cancellation).ConfigureAwait(false), place, bytes);
        }

        var columns = new QueueColumns();
        for (var i = 0; i < changes.Count; i++)
        {
            var queue = (PostgresQueue)changes[i].Queue;
            if (runs[i].Count > 0)
            {
                batches.Add(queue.Id, runs[i], queue.Identity.IsStream);
                queue.StoredEnd = Math.Max(queue.StoredEnd, runs[i][^1].End);
            }

            columns.AddQueue(queue, changes[i]);
        }

        foreach (var queue in again.Where(queue => !columns.Ids.Contains(queue.Id)))
        {
            columns.AddAgain(queue);
        }

        foreach (var (queue, first) in replaced)
        {
            columns.ReplacedQueues.Add(queue.Id);
            columns.ReplacedFirsts.Add(first);
        }

        foreach (var row in flush.Rows)
        {
            (row.IsGuarded ? columns.Guarded : columns.Rows).Add(row);
        }

        return new EncodedFlush(flush, number, columns, batches.Parts, superseded);
    }

    // Two activations in one process, one of which does not know yet that it is fenced.
    private static (List<QueueChanges> Changes, List<StoredQueue> Superseded) WithoutSuperseded(Flush flush)
    {
        if (flush.Queues.Count == 1)
        {
            return (flush.Queues, []);
        }

        var latest = new Dictionary<QueueIdentity, long>(flush.Queues.Count);
        foreach (var changes in flush.Queues)
        {
            ref var epoch = ref CollectionsMarshal.GetValueRefOrAddDefault(latest, changes.Queue.Identity, out _);
            epoch = Math.Max(epoch, changes.Queue.Epoch);
        }

        return latest.Count == flush.Queues.Count
            ? (flush.Queues, [])
            : ([.. flush.Queues.Where(changes => changes.Queue.Epoch == latest[changes.Queue.Identity])],
                [.. flush.Queues.Select(changes => changes.Queue).Where(queue => queue.Epoch < latest[queue.Identity])]);
    }

    private static IEnumerable<(RunPlace Place, ReadOnlyMemory<byte> Bytes)> FindShared(List<MessageRun>[] runs)
    {
        if (runs.Length < 2)
        {
            return [];
        }

        var uses = new Dictionary<RunPlace, (ReadOnlyMemory<byte> Bytes, int Count)>();
        foreach (var run in runs.SelectMany(some => some))
        {
            if (run.Length >= MinShared && run.Count <= StoredBatch.MaxCount && run.Place is { } place)
            {
                ref var use = ref CollectionsMarshal.GetValueRefOrAddDefault(uses, place, out _);
                use = (run.Records, use.Count + 1);
            }
        }

        return uses.Where(entry => entry.Value.Count > 1).Select(entry => (entry.Key, entry.Value.Bytes));
    }
}
