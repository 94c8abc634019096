using Granary.Core.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage;

/// <summary>What is written together: all of it, or nothing but for the queues that are fenced.</summary>
internal sealed class Flush
{
    public List<QueueChanges> Queues { get; } = [];

    public List<RowChange> Rows { get; } = [];

    /// <summary>It is to be on the disk when it is through. What nobody relies on may be lost with the machine, not with the process.</summary>
    public bool MustSync { get; set; }

    public bool IsEmpty => Queues.Count == 0 && Rows.Count == 0;
}

/// <summary>What one flush writes for one queue. Applied in the order of the members.</summary>
internal sealed class QueueChanges(StoredQueue queue)
{
    public StoredQueue Queue { get; } = queue;

    /// <summary>The queue is new to the store.</summary>
    public bool IsCreated { get; set; }

    /// <summary>
    /// Messages to keep, by ascending offsets and each once. A run that covers stored messages stands for them: it takes their place (and only what is still unsettled
    /// of them is in runs that do). Runs without a persistent message are paged out: kept for this activation only, and not worth a sync.
    /// A run's <see cref="MessageRun.Redelivered"/> and <see cref="MessageRun.Since"/> are not kept; its <see cref="MessageRun.Due"/> is Unix time in milliseconds.
    /// </summary>
    public List<MessageRun> Runs { get; } = [];

    /// <summary>Messages that are gone, stored or not, by ascending offsets.</summary>
    public List<OffsetRange> Settled { get; } = [];

    /// <summary>All offsets given in future are at or above it, unless this activation gives them. Never falls.</summary>
    public long OffsetBound { get; set; }

    /// <summary>Messages below it may have been delivered. It may fall: what was set ahead of need is set back when it is quiet.</summary>
    public long DeliveredBound { get; set; }

    public List<PublishProgress> Sessions { get; } = [];

    /// <summary>The queue is gone with all it has.</summary>
    public bool IsDeleted { get; set; }
}

/// <summary>What a flush did not write.</summary>
/// <param name="Fenced">Queues that another activation has taken over.</param>
/// <param name="Conflicts">Rows whose version was another than expected, and those that were guarded, if a queue was fenced.</param>
internal sealed record FlushResult(IReadOnlyList<StoredQueue> Fenced, IReadOnlyList<RowChange> Conflicts)
{
    public static readonly FlushResult Complete = new([], []);
}
