using Granary.Silo.Storage;
using Granary.Silo.Storage.Postgres;

namespace Granary.Silo.Hosting;

/// <summary>Where messages and definitions are kept.</summary>
public enum StoreKind
{
    /// <summary>Files in the data folder.</summary>
    Files,

    Postgres,

    /// <summary>Nothing outlives the process.</summary>
    Memory,
}

/// <param name="Data">The folder of the files.</param>
/// <param name="Connection">How to reach Postgres.</param>
/// <param name="Repair">Go on without records that are damaged.</param>
public sealed record StoreOptions(StoreKind Kind, DirectoryInfo? Data = null, string? Connection = null, bool Repair = false)
{
    /// <summary>Several silos have the same store.</summary>
    public bool IsShared => Kind == StoreKind.Postgres;

    /// <summary>Several silos have it, and know of each other.</summary>
    public bool IsInCluster { get; init; }

    /// <summary>How long a start waits for a database that is out of reach, until it fails; zero: it fails at once.</summary>
    public TimeSpan ConnectionWait { get; init; }

    /// <summary>Free bytes on the data folder's file system below which publishers are held; RabbitMQ's <c>disk_free_limit</c>.</summary>
    public long DiskFreeLimit { get; init; } = 50_000_000;

    /// <summary>How long what nobody waits for may gather before it is written.</summary>
    internal TimeSpan Leisure { get; init; } = GroupCommit.UsualLeisure;

    /// <summary>Why no such store can be opened, and what to do, for the operator; null: nothing is wrong.</summary>
    public string? Refusal() => (Kind, Connection) switch
    {
        (StoreKind.Postgres, null or "") =>
            "--store postgres needs --connection, or GRANARY_CONNECTION: a connection string such as 'Host=db;Database=granary;Username=granary'.",
        (StoreKind.Postgres, _) => DatabaseConnections.Refusal(Connection),
        _ => null,
    };
}
