namespace Granary.Silo.Storage.Postgres;

/// <summary>A queue in the database, as one activation has it.</summary>
internal sealed class PostgresQueue(QueueIdentity identity, long epoch) : StoredQueue(identity, epoch)
{
    /// <summary>Its key in all tables but the queues' own; 0 until the first flush of a queue that was just created.</summary>
    public long Id { get; set; }

    /// <summary>No stored batch reaches beyond it.</summary>
    public long StoredEnd { get; set; }

    /// <summary>As it was written last.</summary>
    public long OffsetBound { get; set; }

    /// <summary>As it was written last.</summary>
    public long DeliveredBound { get; set; }

    public SettledOffsets Settled { get; init; } = new(low: 0);
}
