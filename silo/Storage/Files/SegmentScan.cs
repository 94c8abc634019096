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

/// <summary>Reads a segment flush by flush. An entry of it is good until something else is read.</summary>
internal sealed class SegmentScan(SegmentHeader header, SegmentBytes bytes, string path)
{
    private static readonly byte[] MagicBytes = BitConverter.GetBytes(LogEntry.Magic);

    public long Length => bytes.Length;

    /// <summary>Where the flush begins that is read next.</summary>
    public long FlushStart { get; private set; } = SegmentHeader.Size;

    /// <summary>The entries of the flush that was read, or those before what is bad.</summary>
    public List<(long At, int Length)> Entries { get; } = [];

    /// <summary>Where something is bad.</summary>
    public long BadAt { get; private set; }

    public string Problem { get; private set; } = "";

    public LogEntry Commit => EntryAt(Entries.Count - 1);

    public LogEntry EntryAt(int index) => new(bytes.From(Entries[index].At, Entries[index].Length)[..Entries[index].Length]);

    public ScanResult Next()
    {
        Entries.Clear();
        var at = FlushStart;
        if (bytes.IsZeroFrom(at))
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
    public bool HasProof(long from, long sequence)
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
    public bool TryFindEntry(ref long at)
    {
        at = LogEntry.Padded(at);
        while (at < bytes.Length)
        {
            var part = bytes.From(at, MagicBytes.Length);
            var next = part.IndexOf(MagicBytes);
            if (next < 0)
            {
                // One may begin with the last bytes of this part.
                at += Math.Max(1, part.Length - MagicBytes.Length + 1);
                continue;
            }

            at += next;
            if (at % 8 == 0 && TryRead(at, out _))
            {
                return true;
            }

            at++;
        }

        at = bytes.Length;
        return false;
    }

    /// <summary>Begins again at a position.</summary>
    public void GoTo(long position) => FlushStart = position;

    /// <summary>How many bytes there are from a position to the last that is not zero.</summary>
    public long LengthFrom(long position)
    {
        var end = position;
        for (var at = position; at < bytes.Length;)
        {
            var part = bytes.From(at);
            var last = part.LastIndexOfAnyExcept((byte)0);
            end = last < 0 ? end : at + last + 1;
            at += part.Length;
        }

        return end - position;
    }

    /// <summary>What may have been a batch at a position: how many messages its head speaks of.</summary>
    public int MessagesIn(long from, long to)
    {
        var head = bytes.From(from, LogEntry.BatchHeadSize);
        var readable = to - from >= LogEntry.BatchHeadSize && BinaryPrimitives.ReadUInt32LittleEndian(head) == LogEntry.Magic;
        var length = readable ? BinaryPrimitives.ReadUInt32LittleEndian(head[4..]) : 0;
        return readable && length <= to - from && (EntryType)head[12] is EntryType.Batch or EntryType.Reference
            ? Math.Max(0, BinaryPrimitives.ReadInt32LittleEndian(head[40..]))
            : 0;
    }

    /// <exception cref="StoreException">It is a valid entry of a kind that this program does not know.</exception>
    public bool TryRead(long at, out LogEntry entry)
    {
        entry = default;
        var length = LogEntry.LengthAt(bytes.From(at, LogEntry.HeadSize));
        if (length < LogEntry.HeadSize || length > bytes.Length - at || !LogEntry.TryRead(bytes.From(at, length), header.Salt, at, out entry))
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
