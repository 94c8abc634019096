using System.Runtime.InteropServices;
using Granary.Core.Messages;

namespace Granary.Silo.Storage.Files;

/// <summary>Where messages of one queue are in the log: an entry, or the part of one that later entries did not take the place of.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal struct StoredBatch
{
    /// <summary>The offset of the first message.</summary>
    public long First;

    /// <summary>When the first of those that expire does so, in Unix milliseconds, or <see cref="long.MaxValue"/>.</summary>
    public long Due;

    public int Count;

    /// <summary>How many of <see cref="Count"/> are not settled.</summary>
    public int Live;

    public uint Segment;

    /// <summary>Of the entry, in units of eight bytes.</summary>
    public uint Place;

    /// <summary>Of all of the entry's records.</summary>
    public int RecordsLength;

    /// <summary>Of all of the entry's bodies; 0 where no message is persistent.</summary>
    public int BodiesLength;
    public MessageFlags Flags;
    public EntryMarks Marks;
    public byte Uses;
    public bool IsReference;

    /// <summary>Other batches took the place of the rest of the entry.</summary>
    public bool IsPart;

    public readonly long End => First + Count;

    public readonly long Position => Place * 8L;

    public readonly int EntryLength => IsReference ? LogEntry.ReferenceSize : LogEntry.BatchHeadSize + RecordsLength;

    /// <summary>About how many bytes of the segment are there for the sake of what is not settled.</summary>
    public readonly long Weight => LogEntry.BatchHeadSize + (((long)RecordsLength >> Uses) * Live / Count);

    /// <summary>It is in the log, and outlives its activation.</summary>
    public readonly bool IsMovable => !StreamFile.IsOne(Segment) && (Flags & MessageFlags.Persistent) != 0;

    public readonly bool IsAt(uint segment, long position) => Segment == segment && Position == position;

    /// <summary>The part from <paramref name="first"/> to below <paramref name="end"/>, of which <paramref name="live"/> are not settled.</summary>
    public readonly StoredBatch Part(long first, long end, int live) => this with { First = first, Count = (int)(end - first), Live = live, IsPart = true };
}
