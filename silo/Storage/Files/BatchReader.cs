using System.Diagnostics;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage.Files;

/// <summary>Reads messages and rows back from the log. Batches that are beside each other there are read together.</summary>
internal sealed class BatchReader(LogState state, Lock gate)
{
    /// <summary>Arrays of about this size: below the large-object limit with the head of a full batch.</summary>
    private const int ReadTogether = MessageBatch.ChunkSize + LogEntry.BatchHeadSize;

    public MessageRun[] Read(QueueLog queue, long from, long end, int bytes) => Read(queue, () => MakePlan(queue, from, end, bytes));

    /// <summary>As <see cref="IMessageStore.ReadAsync(StoredQueue, IReadOnlyList{OffsetRange}, int, CancellationToken)"/>.</summary>
    public MessageRun[] Read(QueueLog queue, IReadOnlyList<OffsetRange> ranges, int bytes) => Read(queue, () => MakePlan(queue, ranges, bytes));

    private static MessageRun[] Read(QueueLog queue, Func<List<Piece>> makePlan)
    {
        while (true)
        {
            var plan = makePlan();
            if (plan.Count == 0)
            {
                return [];
            }

            try
            {
                return Read(queue, plan);
            }
            catch (ObjectDisposedException)
            {
                // A segment was removed since: what was needed of it is in another one, and the index knows.
            }
        }
    }

    /// <summary>As <see cref="Read(QueueLog, long, long, int)"/>, but only what is in the log and outlives its activation, and with where it is.</summary>
    public PlacedRun[] ReadInLog(QueueLog queue, long from, long end, int bytes)
    {
        while (true)
        {
            var plan = MakePlan(queue, from, end, bytes, inLog: true);
            try
            {
                var runs = Read(queue, plan);
                return [.. runs.Select((run, i) => new PlacedRun(run, plan[i].Batch.Segment, plan[i].Batch.Position))];
            }
            catch (ObjectDisposedException)
            {
                // As above.
            }
        }
    }

    public Row? Read(RowKey key)
    {
        while (true)
        {
            StoredRow? found;
            Segment segment;
            lock (gate)
            {
                found = state.Rows.Find(key);
                if (found is null)
                {
                    return null;
                }

                segment = state.Segments[found.Value.Segment];
            }

            try
            {
                return Read(found.Value, segment);
            }
            catch (ObjectDisposedException)
            {
                // As above.
            }
        }
    }

    public List<Row> ReadAll(Func<RowIndex, StoredRow[]> find)
    {
        while (true)
        {
            (StoredRow Row, Segment Segment)[] found;
            lock (gate)
            {
                found = [.. find(state.Rows).Select(row => (row, state.Segments[row.Segment]))];
            }

            try
            {
                return [.. found.Select(place => Read(place.Row, place.Segment))];
            }
            catch (ObjectDisposedException)
            {
                // As above.
            }
        }
    }

    public List<(QueueIdentity Queue, long Messages)> CountMessages()
    {
        lock (gate)
        {
            return [.. state.Queues.Where(queue => queue.Identity is not null && queue.Batches.Count > 0).Select(queue => (queue.Identity!.Value, queue.Batches.CountLive()))];
        }
    }

    private static Row Read(StoredRow row, Segment segment)
    {
        var bytes = new byte[row.Length];
        ReadFully(segment, bytes, row.Position);
        var entry = Check(segment, bytes, row.Position, EntryType.Row);
        return new Row(entry.RowKey, bytes.AsMemory(bytes.Length - entry.Value.Length), row.Version);
    }

    private List<Piece> MakePlan(QueueLog queue, long from, long end, int bytes, bool inLog = false)
    {
        var plan = new List<Piece>();
        lock (gate)
        {
            AddTo(plan, queue, from, end, bytes, inLog);
        }

        return plan;
    }

    private List<Piece> MakePlan(QueueLog queue, IReadOnlyList<OffsetRange> ranges, long bytes)
    {
        var plan = new List<Piece>();
        lock (gate)
        {
            for (var i = 0; i < ranges.Count && bytes > 0; i++)
            {
                bytes -= AddTo(plan, queue, ranges[i].First, ranges[i].End, bytes, inLog: false);
            }
        }

        return plan;
    }

    /// <returns>About how many bytes were added.</returns>
    private long AddTo(List<Piece> plan, QueueLog queue, long from, long end, long bytes, bool inLog)
    {
        var batches = queue.Batches;
        var planned = 0L;
        for (var i = batches.IndexOf(from); i < batches.Count && batches[i].First < end && planned < bytes; i++)
        {
            var batch = batches[i];
            if (inLog && !batch.IsMovable)
            {
                continue;
            }

            var segment = state.Segments[batch.Segment];
            var stop = Math.Min(end, batch.End);
            for (var first = Math.Max(from, batch.First); batches.TryFindUnsettled(first, stop, out var range); first = range.End)
            {
                plan.Add(new Piece(segment, batch, range.First, range.End));
                planned += (batch.RecordsLength * (range.End - range.First) / batch.Count) + 1;
                if (planned >= bytes)
                {
                    break;
                }
            }
        }

        return planned;
    }

    private static MessageRun[] Read(QueueLog queue, List<Piece> plan)
    {
        var runs = new MessageRun[plan.Count];
        for (var i = 0; i < plan.Count;)
        {
            var first = plan[i];
            var end = i + 1;
            while (end < plan.Count && plan[end].Follows(plan[end - 1]) && plan[end].EntryEnd - first.Batch.Position <= ReadTogether)
            {
                end++;
            }

            var bytes = GC.AllocateUninitializedArray<byte>((int)(plan[end - 1].EntryEnd - first.Batch.Position));
            ReadFully(first.Segment, bytes, first.Batch.Position);
            var checkedPosition = -1L;
            for (; i < end; i++)
            {
                var piece = plan[i];
                var entry = bytes.AsMemory((int)(piece.Batch.Position - first.Batch.Position), piece.Batch.EntryLength);
                if (piece.Batch.Position != checkedPosition)
                {
                    var head = Check(piece.Segment, entry.Span, piece.Batch.Position, piece.Batch.IsReference ? EntryType.Reference : EntryType.Batch);
                    if (head.QueueNumber != queue.Number)
                    {
                        throw Damaged(piece.Segment, piece.Batch.Position);
                    }

                    checkedPosition = piece.Batch.Position;
                }

                runs[i] = Cut(piece, entry);
            }
        }

        return runs;
    }

    private static MessageRun Cut(in Piece piece, ReadOnlyMemory<byte> bytes)
    {
        var entry = new LogEntry(bytes.Span);
        var records = piece.Batch.IsReference
            ? ReadShared(piece.Segment, piece.Batch.Position - entry.Distance, entry.RecordsLength)
            : bytes.Slice(LogEntry.BatchHeadSize, entry.RecordsLength);
        var run = new MessageRun(records, entry.First, entry.Count, false, entry.Flags, 0, entry.Due);
        if (piece.First > run.First)
        {
            var skipped = (int)(piece.First - run.First);
            run = run.After(skipped, run.LengthOf(skipped));
        }

        var count = (int)(piece.End - piece.First);
        return run.Head(count, run.LengthOf(count));
    }

    /// <summary>The records of a shared entry.</summary>
    public static ReadOnlyMemory<byte> ReadShared(Segment segment, long position, int recordsLength)
    {
        var bytes = GC.AllocateUninitializedArray<byte>(LogEntry.BatchHeadSize + recordsLength);
        ReadFully(segment, bytes, position);
        Check(segment, bytes, position, EntryType.Shared);
        return bytes.AsMemory(LogEntry.BatchHeadSize);
    }

    private static LogEntry Check(Segment segment, ReadOnlySpan<byte> bytes, long position, EntryType type) =>
        LogEntry.TryRead(bytes, segment.Header.Salt, position, out var entry) && entry.Type == type ? entry : throw Damaged(segment, position);

    public static void ReadFully(Segment segment, Span<byte> bytes, long position)
    {
        var start = position;
        while (!bytes.IsEmpty)
        {
            int read;
            try
            {
                var started = Stopwatch.GetTimestamp();
                read = RandomAccess.Read(segment.Handle, bytes, position);
                DiskCounts.Read(started, read);
            }
            catch (IOException e)
            {
                throw new StoreException($"{segment.Path} cannot be read at byte {position}: {e.Message}", e);
            }

            if (read == 0)
            {
                throw Damaged(segment, start);
            }

            bytes = bytes[read..];
            position += read;
        }
    }

    private static StoreException Damaged(Segment segment, long position) =>
        new($"{segment.Path} is damaged at byte {position}: what is there is not what was written. Restart with --repair to go on without it.");

    /// <summary>Messages of one batch that are read.</summary>
    private readonly record struct Piece(Segment Segment, StoredBatch Batch, long First, long End)
    {
        public long EntryEnd => Batch.Position + Batch.EntryLength;

        /// <summary>Whether it is of the same entry as the one before it, or of the next one in the file.</summary>
        public bool Follows(in Piece earlier) =>
            Segment == earlier.Segment
            && (Batch.Position == earlier.Batch.Position || Batch.Position == earlier.Batch.Position + LogEntry.Padded(earlier.Batch.EntryLength));
    }
}

/// <summary>Messages as they were read from a place.</summary>
internal readonly record struct PlacedRun(MessageRun Run, uint Segment, long Position);
