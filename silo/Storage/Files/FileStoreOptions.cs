namespace Granary.Silo.Storage.Files;

/// <summary>How a <see cref="FileStore"/> keeps its files.</summary>
internal sealed record FileStoreOptions(string Folder)
{
    /// <summary>Goes on without what is damaged, and says how much that is.</summary>
    public bool Repair { get; init; }

    /// <summary>For what need not outlive the process: nothing is synced, and what is there when it is opened is removed.</summary>
    public bool Scratch { get; init; }

    /// <summary>The room that is made for a segment. A flush that needs more gets a segment of its own size.</summary>
    public long SegmentSize { get; init; } = 64 << 20;

    /// <summary>
    /// How much of a segment is read at once when the store is opened; of larger ones a part after the other. A flush is in one segment, however much a slow disk let gather for it.
    /// </summary>
    public int ReadAtOnce { get; init; } = 128 << 20;

    /// <summary>The log is cleaned when what is not needed takes more than this, and more than what is needed.</summary>
    public long DeadBytesAllowed { get; init; } = 64 << 20;

    /// <summary>How much of the log one flush cleans, apart from as much as it writes.</summary>
    public int CleaningStep { get; init; } = 4 << 20;

    /// <summary>Whose messages are moved from the log into files of their own.</summary>
    public Func<QueueIdentity, bool> HasOwnFiles { get; init; } = static queue => queue.IsStream;

    /// <summary>So many record bytes of a stream go from the log into one file at least, and as many as a sixteenth of what it has in files.</summary>
    public int LeastStreamFile { get; init; } = 4 << 20;

    /// <summary>Files do not become larger than this, but for one batch.</summary>
    public int MostStreamFile { get; init; } = 64 << 20;

    /// <summary>The last record bytes of a stream stay in the log: small batches are written again there, together.</summary>
    public int StreamBytesInLog { get; init; } = 256 << 10;

    /// <summary>So far ahead of the flushes zeros are written in idle moments.</summary>
    public int WrittenAhead { get; init; } = 4 << 20;

    /// <summary>Room that is kept for settlements when the disk is full.</summary>
    public long Reserve { get; init; } = 8 << 20;
}
