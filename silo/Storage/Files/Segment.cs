using Microsoft.Win32.SafeHandles;

namespace Granary.Silo.Storage.Files;

/// <summary>One file of the log.</summary>
internal sealed class Segment(SegmentHeader header, string path, SafeFileHandle handle, long capacity)
{
    public SegmentHeader Header { get; } = header;

    public uint Number => Header.Number;

    public string Path { get; } = path;

    public SafeFileHandle Handle { get; } = handle;

    /// <summary>The room that was made for it.</summary>
    public long Capacity { get; set; } = capacity;

    /// <summary>Where the next flush goes: the end of the last that counts.</summary>
    public long End { get; set; } = SegmentHeader.Size;

    /// <summary>Up to here the file has been written, behind <see cref="End"/> with zeros.</summary>
    public long WrittenEnd { get; set; } = SegmentHeader.Size;

    /// <summary>A write or sync failed here: nothing goes here any more.</summary>
    public bool IsSpoiled { get; set; }

    /// <summary>It has the room that is kept for what frees space: messages do not go here.</summary>
    public bool IsReserve { get; set; }

    /// <summary>How many things are here that the log cannot do without: batches with unsettled messages, queues, rows.</summary>
    public int Holds { get; set; }

    /// <summary>About how many bytes they take.</summary>
    public long LiveBytes { get; set; }
}
