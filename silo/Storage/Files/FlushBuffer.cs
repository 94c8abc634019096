using System.Buffers.Binary;

namespace Granary.Silo.Storage.Files;

/// <summary>
/// The entries of one flush as a list of memory for one gather-write: heads and small records in buffers of its own, large records where they are.
/// Where the flush goes, and with that its checksums, is decided last.
/// </summary>
internal sealed class FlushBuffer
{
    /// <summary>A copy of so few bytes costs less than one more part of a write.</summary>
    private const int CopyBelow = 2048;
    private const int ChunkSize = 256 * 1024;

    private readonly List<byte[]> _chunks = [];
    private readonly List<ReadOnlyMemory<byte>> _parts = [];
    private readonly List<ReadOnlyMemory<byte>> _records = [];
    private readonly List<Entry> _entries = [];
    private byte[] _chunk = [];
    private int _nextChunk;
    private int _partStart;
    private int _at;
    private Memory<byte> _open;
    private int _openRecords;
    private long _openPosition;

    /// <summary>How many bytes the entries take.</summary>
    public long Length { get; private set; }

    public int Count => _entries.Count;

    public IReadOnlyList<ReadOnlyMemory<byte>> Parts => _parts;

    public void Clear()
    {
        _parts.Clear();
        _records.Clear();
        _entries.Clear();
        _chunk = [];
        (_nextChunk, _partStart, _at, Length) = (0, 0, 0, 0);
    }

    /// <summary>
    /// Begins an entry: what is returned, of <paramref name="headLength"/> bytes, is zero but for the length and type, and is filled by the caller.
    /// </summary>
    public Span<byte> Begin(EntryType type, int headLength, int length)
    {
        _openPosition = Length;
        _open = Take(headLength);
        _openRecords = _records.Count;
        Length += headLength;
        var head = _open.Span;
        head.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(head, LogEntry.Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(head[4..], (uint)length);
        head[12] = (byte)type;
        return head;
    }

    /// <summary>Continues the entry with records, which nobody changes until the flush is written.</summary>
    public void AddRecords(ReadOnlyMemory<byte> records)
    {
        if (records.Length < CopyBelow)
        {
            var copy = Take(records.Length);
            records.Span.CopyTo(copy.Span);
            _records.Add(copy);
        }
        else
        {
            EndPart();
            _parts.Add(records);
            _records.Add(records);
        }

        Length += records.Length;
    }

    /// <summary>Ends the entry, and returns where it is, counted from the start of the flush.</summary>
    public long End()
    {
        var padding = (int)(-Length & 7);
        if (padding > 0)
        {
            Take(padding).Span.Clear();
            Length += padding;
        }

        _entries.Add(new Entry(_open, _openPosition, _openRecords, _records.Count - _openRecords));
        return _openPosition;
    }

    /// <summary>Adds the commit and computes what depends on the place: the flush can be written to it.</summary>
    public void Finish(uint salt, long position, long sequence, long syncedThrough, EntryMarks marks)
    {
        var commit = Begin(EntryType.Commit, LogEntry.CommitSize, LogEntry.CommitSize);
        commit[14] = (byte)marks;
        BinaryPrimitives.WriteInt64LittleEndian(commit[16..], sequence);
        BinaryPrimitives.WriteInt64LittleEndian(commit[24..], syncedThrough);
        BinaryPrimitives.WriteInt64LittleEndian(commit[32..], position);
        End();
        EndPart();
        foreach (var entry in _entries)
        {
            var head = entry.Head.Span;
            var crc = LogEntry.Seed(salt, position + entry.Position, (int)BinaryPrimitives.ReadUInt32LittleEndian(head[4..]));
            crc = Crc32C.Append(crc, head[12..]);
            for (var i = entry.FirstRecords; i < entry.FirstRecords + entry.RecordsCount; i++)
            {
                crc = Crc32C.Append(crc, _records[i].Span);
            }

            BinaryPrimitives.WriteUInt32LittleEndian(head[8..], crc);
        }
    }

    /// <summary>The entry at an index, but for the records of a batch, and where it is from the start of the flush.</summary>
    public LogEntry EntryAt(int index, out long position)
    {
        position = _entries[index].Position;
        return new LogEntry(_entries[index].Head.Span);
    }

    private Memory<byte> Take(int size)
    {
        if (_chunk.Length - _at < size)
        {
            EndPart();
            _chunk = size > ChunkSize ? new byte[size] : NextChunk();
            (_partStart, _at) = (0, 0);
        }

        var taken = _chunk.AsMemory(_at, size);
        _at += size;
        return taken;
    }

    private byte[] NextChunk()
    {
        if (_nextChunk == _chunks.Count)
        {
            _chunks.Add(GC.AllocateUninitializedArray<byte>(ChunkSize));
        }

        return _chunks[_nextChunk++];
    }

    private void EndPart()
    {
        if (_at > _partStart)
        {
            _parts.Add(_chunk.AsMemory(_partStart, _at - _partStart));
            _partStart = _at;
        }
    }

    private readonly record struct Entry(Memory<byte> Head, long Position, int FirstRecords, int RecordsCount);
}
