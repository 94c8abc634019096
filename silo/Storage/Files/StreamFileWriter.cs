using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;
using Microsoft.Win32.SafeHandles;

namespace Granary.Silo.Storage.Files;

/// <summary>Writes one file of a stream's own: batches, and their index at the end. Nobody knows of it before its row is in the log.</summary>
internal sealed class StreamFileWriter : IDisposable
{
    /// <summary>Runs that follow each other become one batch up to this many bytes.</summary>
    private const int JoinTo = MessageBatch.ChunkSize;

    private readonly Disk _disk;
    private readonly SegmentHeader _header;
    private readonly QueueLog _queue;
    private readonly string _path;
    private readonly SafeFileHandle _handle;
    private readonly FlushBuffer _buffer = new();
    private readonly List<StoredBatch> _batches = [];
    private long _position = SegmentHeader.Size;
    private long _sequence;
    private bool _isDone;

    /// <exception cref="IOException">There is no room.</exception>
    public StreamFileWriter(Disk disk, StoreFolder folder, uint number, QueueLog queue, long room)
    {
        (_disk, _queue) = (disk, queue);
        _header = new SegmentHeader(number, 1, 0, folder.StoreId);
        _path = folder.StreamPath(number);
        _handle = disk.Create(_path, room);
        try
        {
            disk.Write(_handle, [_header.ToBytes()], 0);
        }
        catch (IOException)
        {
            _handle.Dispose();
            throw;
        }
    }

    public IReadOnlyList<StoredBatch> Batches => _batches;

    /// <summary>Writes runs by ascending offsets, which follow what was written before.</summary>
    /// <exception cref="IOException">The disk is full, or does not write.</exception>
    public void Write(ReadOnlySpan<PlacedRun> placed)
    {
        var runs = new MessageRun[placed.Length];
        for (var i = 0; i < runs.Length; i++)
        {
            runs[i] = placed[i].Run;
        }

        _buffer.Clear();
        for (var i = 0; i < runs.Length;)
        {
            var end = i + 1;
            var (count, length, flags) = (runs[i].Count, runs[i].Length, runs[i].Flags);
            while (end < runs.Length && runs[end - 1].End == runs[end].First && runs[end - 1].Due == runs[end].Due && length + runs[end].Length <= JoinTo)
            {
                var next = runs[end++];
                (count, length, flags) = (count + next.Count, length + next.Length, flags | next.Flags);
            }

            Add(runs.AsSpan()[i..end], count, length, flags);
            i = end;
        }

        WriteBuffer();
    }

    /// <summary>Writes the index; when this returns, all of the file is on the disk. That there is a file of this name is when its folder is synced.</summary>
    /// <exception cref="IOException">The disk is full, or does not write or sync.</exception>
    public StreamFile Finish(Guid incarnation, IReadOnlyList<(long First, long End)> gone)
    {
        _buffer.Clear();
        var indexAt = _position;
        _buffer.AddIndex(_queue.Number, incarnation, _batches);
        var indexLength = _buffer.EntryAt(0, out _).Length;
        WriteBuffer();
        _disk.Truncate(_handle, _position);
        _disk.Sync(_handle);
        var row = new StreamFileRow(incarnation, _queue.Number, indexAt, indexLength, _batches[0].First, _batches[^1].End, gone);
        return new StreamFile(new Segment(_header, _path, _handle, _position) { End = _position }, _queue, row);
    }

    /// <summary>The file stays.</summary>
    public void Keep() => _isDone = true;

    /// <summary>Closes a file that is of no use.</summary>
    public void Dispose()
    {
        if (!_isDone)
        {
            _handle.Dispose();
        }
    }

    private void Add(ReadOnlySpan<MessageRun> runs, int count, int length, MessageFlags flags)
    {
        var first = runs[0];
        var (marks, bodies) = FlushComposer.LookAt(runs);
        _buffer.BeginBatch(EntryType.Batch, new BatchHead(_queue.Number, first.First, first.Due, count, length, bodies, flags, marks));
        foreach (ref readonly var run in runs)
        {
            _buffer.AddRecords(run.Records);
        }

        var at = _position + _buffer.End();
        _batches.Add(new StoredBatch
        {
            First = first.First,
            Due = first.Due,
            Count = count,
            Live = count,
            Segment = _header.Number,
            Place = (uint)(at / 8),
            RecordsLength = length,
            BodiesLength = bodies,
            Flags = flags,
            Marks = marks,
        });
    }

    private void WriteBuffer()
    {
        _sequence++;
        _buffer.Finish(_header.Salt, _position, _sequence, _sequence - 1, EntryMarks.None);
        _disk.Write(_handle, _buffer.Parts, _position);
        _position += _buffer.Length;
    }
}
