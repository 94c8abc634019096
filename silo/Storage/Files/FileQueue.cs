namespace Granary.Silo.Storage.Files;

/// <summary>A queue as one activation holds it in a <see cref="FileStore"/>.</summary>
internal sealed class FileQueue(QueueIdentity identity, long epoch) : StoredQueue(identity, epoch)
{
    /// <summary>Null until the queue is in the log.</summary>
    public QueueLog? Log { get; set; }
}
