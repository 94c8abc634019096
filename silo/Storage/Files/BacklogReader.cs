using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage.Files;

/// <summary>Finds out what a queue has when it is taken over. Only batches of which not all counts are read for that.</summary>
internal sealed class BacklogReader(BatchReader reader, Lock gate)
{
    private const int ReadAtOnce = 1 << 20;

    /// <summary>Settles, in memory, what the earlier activation had of transient messages.</summary>
    public void DropTransient(QueueLog queue)
    {
        List<(long First, long End)> mixed;
        lock (gate)
        {
            queue.DropTransient();
            mixed = FindBatches(queue, batch => (batch.Marks & EntryMarks.Mixed) != 0);
        }

        foreach (var run in mixed.SelectMany(range => ReadAll(queue, range)))
        {
            var offset = run.First;
            for (var records = run.Records.Span; !records.IsEmpty; records = records[MessageRecord.LengthOf(records)..], offset++)
            {
                if (!new MessageRecord(records).IsPersistent)
                {
                    lock (gate)
                    {
                        queue.Batches.Settle(offset, offset + 1);
                    }
                }
            }
        }
    }

    public StoredBacklog Read(QueueLog queue, QueueIdentity identity)
    {
        // The next offset is the one after the last that there is.
        var goesOn = identity.IsStream;
        var times = goesOn ? null : new BacklogTimes(identity.HasTimes);
        List<(long First, long End)> partial;
        var (count, bytes, bodies, flags, due) = (0L, 0L, 0L, MessageFlags.None, MessageRun.Never);
        StoredBacklog backlog;
        var pieces = goesOn ? null : new PagedPieces();
        lock (gate)
        {
            var next = !goesOn ? queue.OffsetBound : queue.Batches.Count == 0 ? 0 : queue.Batches[queue.Batches.Count - 1].End;
            var first = next;
            partial = FindBatches(queue, batch => batch.IsPart || batch.Live < batch.Count);
            for (var i = 0; i < queue.Batches.Count; i++)
            {
                var batch = queue.Batches[i];
                if (i == 0 && queue.Batches.TryFindUnsettled(batch.First, batch.End, out var range))
                {
                    first = range.First;
                }

                count += batch.Live;
                if (!batch.IsPart && batch.Live == batch.Count)
                {
                    bytes += batch.RecordsLength;
                    bodies += batch.BodiesLength;
                    pieces?.Add(new PagedPiece(batch.End, batch.Count, batch.RecordsLength, batch.BodiesLength));
                    times?.Add(new TimedRun(batch.First, batch.Count, batch.Due, batch.RecordsLength, batch.BodiesLength));
                }
                else
                {
                    pieces?.Break();
                    times?.Expect(batch.Due);
                }

                flags |= batch.Flags;
                due = Math.Min(due, batch.Due);
            }

            backlog = new StoredBacklog(
                first, next, queue.DeliveredBound, count, bytes, bodies, flags, due, [.. queue.Sessions.Select(link => new PublishProgress(link.Key, link.Value))]);
        }

        foreach (var range in partial)
        {
            pieces?.Break();
            foreach (var run in ReadAll(queue, range))
            {
                var own = run.BodyLength();
                bytes += run.Length;
                bodies += own;
                pieces?.Add(new PagedPiece(run.End, run.Count, run.Length, own));
                times?.Add(new TimedRun(run.First, run.Count, run.Due, run.Length, (int)own));
            }
        }

        return backlog with { Bytes = bytes, BodyBytes = bodies, Pieces = pieces?.InOrder() ?? [], Runs = times?.Runs ?? [], LastDue = times?.Latest ?? MessageRun.Never };
    }

    private static List<(long First, long End)> FindBatches(QueueLog queue, Func<StoredBatch, bool> isWanted)
    {
        var found = new List<(long First, long End)>();
        for (var i = 0; i < queue.Batches.Count; i++)
        {
            var batch = queue.Batches[i];
            if (!isWanted(batch))
            {
                continue;
            }

            if (found.Count > 0 && found[^1].End == batch.First)
            {
                found[^1] = (found[^1].First, batch.End);
            }
            else
            {
                found.Add((batch.First, batch.End));
            }
        }

        return found;
    }

    private IEnumerable<MessageRun> ReadAll(QueueLog queue, (long First, long End) range)
    {
        for (var from = range.First; reader.Read(queue, from, range.End, ReadAtOnce) is { Length: > 0 } runs; from = runs[^1].End)
        {
            foreach (var run in runs)
            {
                yield return run;
            }
        }
    }
}
