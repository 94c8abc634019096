using Granary.Core.Links;
using Granary.Core.Messages;

namespace Granary.Silo.Storage.Files;

/// <summary>One queue as the log has it.</summary>
internal sealed class QueueLog(ulong number, SegmentList segments)
{
    /// <summary>What entries name the queue by.</summary>
    public ulong Number { get; } = number;

    /// <summary>Null while the log is read and only parts of the queue were seen.</summary>
    public QueueIdentity? Identity { get; set; }

    /// <summary>Of the last activation that took the queue over.</summary>
    public long Epoch { get; set; }

    /// <summary>See <see cref="QueueChanges.OffsetBound"/>.</summary>
    public long OffsetBound { get; set; }

    /// <summary>See <see cref="QueueChanges.DeliveredBound"/>.</summary>
    public long DeliveredBound { get; set; }

    public Dictionary<SessionId, long> Sessions { get; } = [];

    public BatchIndex Batches { get; } = new(segments);

    /// <summary>Where the last entry is that has all of the queue but its messages.</summary>
    public uint StateSegment { get; set; }

    /// <summary>The length of that entry.</summary>
    public int StateBytes { get; set; }

    public bool IsDeleted { get; set; }

    /// <summary>Forgets the batches without a persistent message: they were the earlier activation's.</summary>
    public void DropTransient() => Batches.RemoveAll(batch => (batch.Flags & MessageFlags.Persistent) == 0);
}
