using System.Buffers.Binary;

namespace Granary.Silo.Storage.Files;

/// <summary>What comes next in a segment.</summary>
internal enum ScanResult
{
    Flush,

    /// <summary>Nothing but zeros.</summary>
    End,

    /// <summary>Something that is not a flush.</summary>
    Bad,
}

/// <summary>Reads a segment in memory flush by flush.</summary>
internal sealed class SegmentScan(SegmentHeader header, ReadOnlyMemory<byte> bytes, string path)
{
    private static readonly byte[] MagicBytes = BitConverter.GetBytes(LogEntry.Magic);

    public int Length => bytes.Length;

    /// <summary>Where the flush begins that is read next.</summary>
    public int FlushStart { get; private set; } = SegmentHeader.Size;

    /// <summary>The entries of the flush that was read, or those before what is bad.</summary>
    public List<(int At, int Length)> Entries { get; } = [];

    /// <summary>Where something is bad.</summary>
    public int BadAt { get; private set; }

    public string Problem { get; private set; } = "";

    public LogEntry Commit => EntryAt(Entries.Count - 1);

    public LogEntry EntryAt(int index) => new(bytes.Span.Slice(Entries[index].At, Entries[index].Length));

    public ScanResult Next()
    {
        Entries.Clear();
        var at = FlushStart;
        if (at >= bytes.Length || bytes.Span[at..].IndexOfAnyExcept((byte)0) < 0)
        {
            return ScanResult.End;
        }

        while (true)
        {
            if (!TryRead(at, out var entry))
            {
                BadAt = at;
                Problem = at >= bytes.Length ? "the file ends inside a flush" : "there is no entry with a right checksum";
                return ScanResult.Bad;
            }

            Entries.Add((at, entry.Length));
            at += LogEntry.Padded(entry.Length);
            if (entry.Type == EntryType.Commit)
            {
                if (entry.FlushStart != FlushStart)
                {
                    BadAt = FlushStart;
                    Problem = "a flush does not begin where its end says";
                    return ScanResult.Bad;
                }

                FlushStart = at;
                return ScanResult.Flush;
            }
        }
    }

    /// <summary>Whether something from a position on shows that the flush of that number was on the disk at some time.</summary>
    public bool HasProof(int from, long sequence)
    {
        while (TryFindEntry(ref from))
        {
            TryRead(from, out var entry);
            if (entry.Type == EntryType.Commit
                && (entry.SyncedThrough >= sequence || (entry.Sequence >= sequence && (entry.Marks & EntryMarks.Closed) != 0)))
            {
                return true;
            }

            from += LogEntry.Padded(entry.Length);
        }

        return false;
    }

    /// <summary>Finds the first valid entry at <paramref name="at"/> or after it.</summary>
    public bool TryFindEntry(ref int at)
    {
        var span = bytes.Span;
        at = LogEntry.Padded(at);
        while (at < span.Length)
        {
            var next = span[at..].IndexOf(MagicBytes);
            if (next < 0)
            {
                break;
            }

            at += next;
            if (at % 8 == 0 && TryRead(at, out _))
            {
                return true;
            }

            at++;
        }

        at = span.Length;
        return false;
    }

    /// <summary>Begins again at a position.</summary>
    public void GoTo(int position) => FlushStart = position;

    /// <summary>How many bytes there are from a position to the last that is not zero.</summary>
    public int LengthFrom(int position) => bytes.Span[position..].LastIndexOfAnyExcept((byte)0) + 1;

    /// <summary>What may have been a batch at a position: how many messages its head speaks of.</summary>
    public int MessagesIn(int from, int to)
    {
        var span = bytes.Span;
        var readable = to - from >= LogEntry.BatchHeadSize && BinaryPrimitives.ReadUInt32LittleEndian(span[from..]) == LogEntry.Magic;
        var length = readable ? BinaryPrimitives.ReadUInt32LittleEndian(span[(from + 4)..]) : 0;
        return readable && length <= to - from && (EntryType)span[from + 12] is EntryType.Batch or EntryType.Reference
            ? Math.Max(0, BinaryPrimitives.ReadInt32LittleEndian(span[(from + 40)..]))
            : 0;
    }

    /// <exception cref="StoreException">It is a valid entry of a kind that this program does not know.</exception>
    public bool TryRead(int at, out LogEntry entry)
    {
        entry = default;
        if (at >= bytes.Length || !LogEntry.TryRead(bytes.Span[at..], header.Salt, at, out entry))
        {
            return false;
        }

        if (entry.Type is 0 or > EntryType.StreamIndex)
        {
            throw new StoreException($"{path} has at byte {at} an entry of a kind that this program does not know ({(int)entry.Type}): it was written by a newer one. Start that one.");
        }

        return true;
    }
}
