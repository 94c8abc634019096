using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage.Files;

/// <summary>Puts the files that streams have of their own in their place when the log was read. Of a file nothing is read but its index.</summary>
internal sealed class StreamFileRecovery(StoreFolder folder, LogState state, StreamFiles files, BatchReader reader, LogWriter writer, Disk disk, FileStoreOptions options, ILogger logger)
{
    private readonly FlushBuffer _changes = new();

    public void Run()
    {
        var found = folder.StreamFiles();
        var counting = new HashSet<uint>();
        foreach (var stored in reader.ReadAll(rows => rows.FindAll(StreamFileRow.Table)))
        {
            var number = StreamFileRow.NumberOf(stored.Key);
            files.NoteNumber(number);
            var row = StreamFileRow.Read(stored.Value.Span);
            state.NextNumber = Math.Max(state.NextNumber, row.Queue + 1);
            if (state.Find(row.Queue) is { } queue && queue.Identity?.Incarnation == row.Incarnation && TryAdd(number, queue, row))
            {
                counting.Add(number);
            }
            else if (options.Repair)
            {
                _changes.AddRowRemoved(stored.Key);
            }
            else
            {
                files.AddDrained(number);
            }
        }

        foreach (var (number, path) in found.Where(file => !counting.Contains(file.Number)))
        {
            // One that was not finished, or was of no use any more; or, in a log that was repaired, one whose row is lost.
            files.NoteNumber(number);
            if (!(options.Repair && TryAdopt(number, path)))
            {
                StreamFiles.Delete(path, disk, logger);
            }
        }

        if (_changes.Count > 0)
        {
            var (segment, start) = writer.Write(_changes, sync: true, freesSpace: true);
            for (var i = 0; i < _changes.Count; i++)
            {
                var entry = _changes.EntryAt(i, out var position);
                state.Apply(entry, segment.Number, start + position);
            }
        }

        if (files.Count > 0)
        {
            logger.LogStreamFiles(files.Count, folder.StreamsPath, files.Bytes);
        }
    }

    private bool TryAdd(uint number, QueueLog queue, StreamFileRow row)
    {
        var path = folder.StreamPath(number);
        try
        {
            var segment = Open(number, path);
            try
            {
                if (options.Repair)
                {
                    return TryRepair(segment, queue, row);
                }

                var bytes = new byte[row.IndexLength];
                BatchReader.ReadFully(segment, bytes, row.IndexAt);
                if (!LogEntry.TryRead(bytes, segment.Header.Salt, row.IndexAt, out var entry) || entry.Type != EntryType.StreamIndex)
                {
                    throw new StoreException($"{path} is damaged at byte {row.IndexAt}: its index has no right checksum." + LogDamage.Advice);
                }

                files.Add(new StreamFile(segment, queue, row), StreamFileIndex.BatchesIn(entry, number));
                return true;
            }
            catch (StoreException)
            {
                segment.Handle.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!options.Repair)
            {
                throw new StoreException($"{path} cannot be used: {e.Message}" + LogDamage.Advice, e);
            }

            logger.LogSegmentMissing(path);
            return false;
        }
    }

    /// <exception cref="IOException">It is not there, or none of this store.</exception>
    private Segment Open(uint number, string path)
    {
        var handle = File.OpenHandle(path, FileMode.Open, options.Repair ? FileAccess.ReadWrite : FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var bytes = new byte[SegmentHeader.Size];
        var length = RandomAccess.Read(handle, bytes, 0);
        if (SegmentHeader.Read(bytes.AsSpan(0, length), folder.StoreId, number, out var problem) is { } header)
        {
            var end = RandomAccess.GetLength(handle);
            return new Segment(header, path, handle, end) { End = end };
        }

        handle.Dispose();
        throw new IOException(problem + ".");
    }

    /// <summary>Looks at all of a file: what is damaged is left out from now on.</summary>
    private bool TryRepair(Segment segment, QueueLog queue, StreamFileRow row)
    {
        var (batches, owner, dropped) = Scan(segment);
        var isWhole = dropped.Places == 0 && owner is { } known && known == (row.Queue, row.Incarnation);
        if (batches.Count == 0)
        {
            logger.LogRepaired(segment.Path, dropped.Bytes, dropped.Places, dropped.Places, 0);
            segment.Handle.Dispose();
            return false;
        }

        if (!isWhole)
        {
            var gone = FindMissing(row, batches);
            logger.LogRepaired(segment.Path, dropped.Bytes, dropped.Places, dropped.Places, gone.Sum(range => range.End - range.First));
            row = WriteIndex(segment, queue, row.Without(gone), batches);
            files.AddRow(_changes, segment.Number, row);
        }

        files.Add(new StreamFile(segment, queue, row), batches);
        return true;
    }

    /// <summary>Takes a file in again whose row is lost: whatever the log does not know better counts.</summary>
    private bool TryAdopt(uint number, string path)
    {
        Segment segment;
        try
        {
            segment = Open(number, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }

        var (batches, owner, dropped) = Scan(segment);
        if (owner is not { } known || state.Find(known.Queue) is not { } queue || queue.Identity?.Incarnation != known.Incarnation || batches.Count == 0)
        {
            segment.Handle.Dispose();
            return false;
        }

        var row = new StreamFileRow(known.Incarnation, known.Queue, 0, 0, batches[0].First, batches[^1].End, []);
        row = WriteIndex(segment, queue, row.Without(FindKnown(queue, row.First, row.End)), batches);
        logger.LogRepaired(path, dropped.Bytes, dropped.Places, dropped.Places, 0);
        files.AddRow(_changes, number, row);
        files.Add(new StreamFile(segment, queue, row), batches);
        return true;
    }

    /// <summary>What there is of a queue elsewhere.</summary>
    private static List<(long First, long End)> FindKnown(QueueLog queue, long first, long end)
    {
        List<(long First, long End)> known = [];
        for (var i = queue.Batches.IndexOf(first); i < queue.Batches.Count && queue.Batches[i].First < end; i++)
        {
            known.Add((queue.Batches[i].First, queue.Batches[i].End));
        }

        return known;
    }

    /// <summary>What of the file's offsets is neither in good batches nor known to be gone.</summary>
    private static List<(long First, long End)> FindMissing(StreamFileRow row, List<StoredBatch> batches)
    {
        var there = new OffsetRanges();
        foreach (var (first, end) in row.Gone.Concat(batches.Select(batch => (batch.First, batch.End))))
        {
            there.Add(first, end);
        }

        List<(long First, long End)> missing = [];
        for (var first = row.First; there.TryFindGap(first, row.End, out var gap); first = gap.End)
        {
            missing.Add(gap);
        }

        return missing;
    }

    /// <summary>Finds the good batches of a file, and whose it says that it is.</summary>
    private static (List<StoredBatch> Batches, (ulong Queue, Guid Incarnation)? Owner, (int Places, long Bytes) Dropped) Scan(Segment segment)
    {
        var bytes = new byte[segment.End];
        BatchReader.ReadFully(segment, bytes, 0);
        using var all = new SegmentBytes(bytes);
        var scan = new SegmentScan(segment.Header, all, segment.Path);
        List<StoredBatch> batches = [];
        (ulong, Guid)? owner = null;
        var (places, dropped) = (0, 0L);
        for (long at = SegmentHeader.Size; at < bytes.Length;)
        {
            if (!scan.TryRead(at, out var entry))
            {
                var from = at;
                at += 8;
                at = scan.TryFindEntry(ref at) ? at : bytes.Length;
                (places, dropped) = (places + 1, dropped + at - from);
                continue;
            }

            if (entry.Type == EntryType.Batch)
            {
                batches.Add(new StoredBatch
                {
                    First = entry.First,
                    Due = entry.Due,
                    Count = entry.Count,
                    Live = entry.Count,
                    Segment = segment.Number,
                    Place = (uint)(at / 8),
                    RecordsLength = entry.RecordsLength,
                    BodiesLength = entry.BodiesLength,
                    Flags = entry.Flags,
                    Marks = entry.Marks,
                });
            }
            else if (entry.Type == EntryType.StreamIndex)
            {
                owner = StreamFileIndex.OwnerIn(entry);
            }

            at += LogEntry.Padded(entry.Length);
        }

        return (batches, owner, (places, dropped));
    }

    /// <summary>Writes an index behind all that is in the file.</summary>
    private StreamFileRow WriteIndex(Segment segment, QueueLog queue, StreamFileRow row, List<StoredBatch> batches)
    {
        var at = (segment.End + 7) & ~7L;
        var buffer = new FlushBuffer();
        buffer.AddIndex(row.Queue, row.Incarnation, batches);
        var length = buffer.EntryAt(0, out _).Length;
        buffer.Finish(segment.Header.Salt, at, 1, 0, EntryMarks.Repaired);
        disk.Write(segment.Handle, buffer.Parts, at);
        disk.Sync(segment.Handle);
        segment.End = at + buffer.Length;
        return row with { IndexAt = at, IndexLength = length, Queue = queue.Number };
    }
}
