namespace Granary.Silo.Storage.Postgres;

/// <summary>Where the database is, and how it is used.</summary>
/// <param name="ConnectionString">As Npgsql takes it. Its user owns the database or may create schemas in it.</param>
internal sealed record PostgresOptions(string ConnectionString)
{
    /// <summary>The process has a list of the members of its cluster there, too.</summary>
    public bool IsMember { get; init; }

    /// <summary>The silo whose store it is, as <c>ADDRESS:PORT@GENERATION</c>: when its cluster has declared it dead, it writes nothing any more. Null: of no cluster.</summary>
    public string? Silo { get; init; }

    /// <summary>Connections for reading back and for take-overs; writing, tidying up and freeing locks have one each besides.</summary>
    public int ReadConnections { get; init; } = 4;

    /// <summary>A call that takes longer than this fails, and may be tried again.</summary>
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a call that needs a lock of somebody else's waits before it ends that one's connection: a take-over, or who keeps a lost silo out.</summary>
    public TimeSpan LockPatience { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>What a partition of the ring of batches holds before the next one is written to; more when the backlog is large.</summary>
    public long PartitionBytes { get; init; } = 256 << 20;

    /// <summary>How long nothing may be written before disk space is given back that it would not be worth while to give back under load.</summary>
    public TimeSpan IdleTime { get; init; } = TimeSpan.FromSeconds(5);
}
