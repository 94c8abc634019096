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

    /// <summary>Its messages are moved into files of its own.</summary>
    public bool HasOwnFiles { get; set; }

    /// <summary>Those files, as long as something of them is needed.</summary>
    public List<StreamFile> Files { get; } = [];

    /// <summary>The length of these files.</summary>
    public long BytesInFiles { get; set; }

    /// <summary>Above all offsets of these files.</summary>
    public long FilesEnd { get; set; }

    /// <summary>At least as many record bytes as there are in the log.</summary>
    public long BytesInLog { get; set; }

    /// <summary>All that is there below this offset is in files of its own.</summary>
    public long MovedThrough { get; set; }

    /// <summary>Forgets the batches without a persistent message: they were the earlier activation's.</summary>
    public void DropTransient() => Batches.RemoveAll(batch => (batch.Flags & MessageFlags.Persistent) == 0);
}
