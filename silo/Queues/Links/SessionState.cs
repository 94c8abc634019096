namespace Granary.Silo.Queues.Links;

/// <summary>A session that has, or had a moment ago, a link to this activation.</summary>
internal sealed class SessionState(QueueLink link)
{
    /// <summary>The last of its links.</summary>
    public QueueLink Link { get; set; } = link;

    /// <summary>What it published up to this number was taken.</summary>
    public long Number { get; set; }

    /// <summary>Of its batches up to this number some were refused, or messages of them; of those after it none.</summary>
    public long RefusedThrough { get; set; }

    /// <summary>The offset after the last message of what was taken.</summary>
    public long PublishedEnd { get; set; }

    /// <summary>Of that, some are not persistent: the store knows nothing of those.</summary>
    public bool HasTransient { get; set; }

    /// <summary>The store knows of it, or is about to.</summary>
    public bool IsStored { get; set; }
}
