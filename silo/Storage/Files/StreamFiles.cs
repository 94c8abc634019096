using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage.Files;

/// <summary>
/// The files that streams have of their own, beside the log. A flush that settles or replaces some of what is in one says so in the row of that file; when
/// nothing of a file counts any more its row is removed, and then the file.
/// </summary>
internal sealed class StreamFiles(LogState state, Lock gate)
{
    private readonly Dictionary<uint, StreamFile> _files = [];
    private readonly Dictionary<StreamFile, List<(long First, long End)>> _touched = [];
    private readonly List<uint> _drained = [];
    private readonly List<uint> _removed = [];
    private uint _highest;

    public int Count => _files.Count;

    public long Bytes => _files.Values.Sum(file => file.Segment.End);

    /// <summary>There is something to be done that needs no flush.</summary>
    public bool HasWork => _drained.Count + _removed.Count > 0;

    public IEnumerable<Segment> Segments => _files.Values.Select(file => file.Segment);

    public uint NextNumber() => _highest = StreamFile.NumberAfter(_highest);

    public void NoteNumber(uint number) => _highest = Math.Max(_highest, number);

    /// <summary>From now on a file's batches are where their messages are, apart from those that its row names. The row is in the log.</summary>
    public void Add(StreamFile file, IReadOnlyList<StoredBatch> batches)
    {
        lock (gate)
        {
            state.Segments.AddAside(file.Segment);
            _files.Add(file.Segment.Number, file);
            var gone = new OffsetRanges();
            foreach (var (first, end) in file.Row.Gone)
            {
                gone.Add(first, end);
            }

            var queue = file.Queue;
            foreach (var batch in batches)
            {
                for (var first = batch.First; gone.TryFindGap(first, batch.End, out var range); first = range.End)
                {
                    var count = (int)(range.End - range.First);
                    queue.Batches.Put(count == batch.Count ? batch : batch.Part(range.First, range.End, count));
                }
            }

            queue.HasOwnFiles = true;
            queue.OffsetBound = Math.Max(queue.OffsetBound, file.End);
            queue.FilesEnd = Math.Max(queue.FilesEnd, file.End);
            queue.Files.Add(file);
            queue.BytesInFiles += file.Segment.End;
        }

        NoteDrained(file);
    }

    /// <summary>A row without a file that counts: the stream is gone, or a repair could not save anything.</summary>
    public void AddDrained(uint number)
    {
        NoteNumber(number);
        _drained.Add(number);
    }

    /// <summary>A flush says something else of these offsets than the files do.</summary>
    public void Touch(QueueLog queue, long first, long end)
    {
        if (first >= queue.FilesEnd)
        {
            return;
        }

        foreach (var file in queue.Files)
        {
            if (file.First >= end || file.End <= first)
            {
                continue;
            }

            if (!_touched.TryGetValue(file, out var ranges))
            {
                _touched.Add(file, ranges = []);
            }

            ranges.Add((first, end));
        }
    }

    /// <summary>Adds the rows of files of which a flush has touched something.</summary>
    public void ComposeTouched(FlushBuffer buffer)
    {
        foreach (var (file, ranges) in _touched)
        {
            AddRow(buffer, file.Segment.Number, file.Row.Without(ranges));
        }

        _touched.Clear();
    }

    /// <summary>Removes the rows of files of which nothing counts any more.</summary>
    public void ComposeDrained(FlushBuffer buffer)
    {
        foreach (var number in _drained)
        {
            buffer.AddRowRemoved(StreamFileRow.KeyOf(number));
        }
    }

    public void AddRow(FlushBuffer buffer, uint number, StreamFileRow row)
    {
        var key = StreamFileRow.KeyOf(number);
        buffer.AddRow(key, row.ToBytes(), (state.Rows.Find(key)?.Version ?? 0) + 1);
    }

    /// <summary>A row was written, or removed.</summary>
    public void Apply(LogEntry entry)
    {
        if (entry.Type is not (EntryType.Row or EntryType.RowRemoved) || entry.RowKey is not { Table: StreamFileRow.Table } key)
        {
            return;
        }

        var number = StreamFileRow.NumberOf(key);
        if (entry.Type == EntryType.RowRemoved)
        {
            _drained.Remove(number);
            _removed.Add(number);
        }
        else if (_files.TryGetValue(number, out var file))
        {
            file.Row = StreamFileRow.Read(entry.Value);
        }
    }

    /// <summary>A flush was applied: notes which files are of no use any more.</summary>
    public void NoteDrained()
    {
        foreach (var number in state.Segments.TakeDrained())
        {
            if (_files.TryGetValue(number, out var file))
            {
                NoteDrained(file);
            }
        }
    }

    /// <summary>Removes the files whose rows are gone for good.</summary>
    public void RemoveFiles(StoreFolder folder, Disk disk, ILogger logger)
    {
        foreach (var number in _removed)
        {
            if (_files.Remove(number, out var file))
            {
                lock (gate)
                {
                    state.Segments.RemoveAside(file.Segment);
                    file.Segment.Handle.Dispose();
                }
            }

            Delete(folder.StreamPath(number), disk, logger);
        }

        _removed.Clear();
    }

    /// <summary>Whether rows are removed whose files wait for that to be on the disk.</summary>
    public bool HasRemoved => _removed.Count > 0;

    /// <summary>Removes a file that counts for nothing. One that stays is removed by the next start.</summary>
    public static void Delete(string path, Disk disk, ILogger logger)
    {
        try
        {
            disk.Delete(path);
        }
        catch (IOException e)
        {
            logger.LogCannotRemove(path, e.Message);
        }
    }

    private void NoteDrained(StreamFile file)
    {
        if (file.Segment.Holds == 0 && file.Queue.Files.Remove(file))
        {
            file.Queue.BytesInFiles -= file.Segment.End;
            _drained.Add(file.Segment.Number);
        }
    }
}
