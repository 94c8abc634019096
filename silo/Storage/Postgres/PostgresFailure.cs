using System.Net.Sockets;
using Npgsql;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Tells failures that pass from those that somebody has to do something about.</summary>
internal static class PostgresFailure
{
    /// <summary>What a store throws for <paramref name="cause"/>, or null when it is none of the database's.</summary>
    public static Exception? Of(Exception cause) => cause switch
    {
        PostgresException e when IsPassing(e.SqlState) => new StoreUnavailableException($"PostgreSQL: {e.MessageText} (SQLSTATE {e.SqlState})", e),
        PostgresException e => new StoreException($"PostgreSQL refuses: {e.MessageText} (SQLSTATE {e.SqlState})", e),
        NpgsqlException { InnerException: PostgresException e } => Of(e),

        // With several hosts in the connection string, what each of them was left for: what was found out about one says more than that another does not answer.
        NpgsqlException { InnerException: AggregateException all } when all.InnerExceptions.OfType<StoreUnavailableException>().FirstOrDefault() is { } found => found,
        NpgsqlException or SocketException or TimeoutException or IOException =>
            new StoreUnavailableException($"PostgreSQL is out of reach: {(cause.InnerException ?? cause).Message}", cause),
        _ => null,
    };

    // By class (Appendix A of PostgreSQL's manual); where only some codes of a class pass, by code.
    private static bool IsPassing(string state) => state[..2] switch
    {
        "08" => true, // connection
        "40" => true, // rolled back: deadlock, serialization
        "53" => true, // no room on the disk, no memory, too many connections
        "57" => true, // shutting down, starting up, ended by an administrator, timed out
        "58" => true, // the server's own input and output
        "55" => state == PostgresErrorCodes.LockNotAvailable,
        "25" => state == PostgresErrorCodes.ReadOnlySqlTransaction, // a standby, until it is promoted
        _ => false,
    };
}
