namespace Granary.Silo.Storage.Files;

/// <summary>What an entry of the log says. The numbers are the format's.</summary>
internal enum EntryType : byte
{
    /// <summary>Messages of one queue.</summary>
    Batch = 1,

    /// <summary>Messages of several queues, of which each has a <see cref="Reference"/> in the same flush.</summary>
    Shared = 2,

    /// <summary>Messages of one queue, whose records are in a <see cref="Shared"/> entry.</summary>
    Reference = 3,

    /// <summary>Messages that are gone.</summary>
    Settled = 4,

    /// <summary>All of a queue but for its messages.</summary>
    Queue = 5,

    /// <summary>What changes of a queue with its messages: bounds and links.</summary>
    Progress = 6,

    QueueDeleted = 7,

    Row = 8,

    RowRemoved = 9,

    /// <summary>Ends a flush. Without it, nothing of the flush counts.</summary>
    Commit = 10,

    /// <summary>Where the batches of a stream's own file are; the last entry there. Not in the log.</summary>
    StreamIndex = 11,
}

/// <summary>Remarks in an entry's head.</summary>
[Flags]
internal enum EntryMarks : byte
{
    None = 0,

    /// <summary>A batch: messages without the persistent flag are, or may be, among those with it.</summary>
    Mixed = 1,

    /// <summary>A commit: the store was closed after it, everything up to it is on the disk.</summary>
    Closed = 2,

    /// <summary>A commit: flushes before it were lost, and a repair made do without them.</summary>
    Repaired = 4,
}
