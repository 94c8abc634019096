using Npgsql;

namespace Granary.Silo.Storage.Postgres;

/// <summary>The connections to the database, and how they behave.</summary>
internal static class DatabaseConnections
{
    // Statements are the store's own and few: they are planned once, for any values, and never by a scan of a whole table where there is an index.
    private const string ServerSettings = "-c plan_cache_mode=force_generic_plan -c jit=off -c enable_seqscan=off -c enable_bitmapscan=off -c enable_mergejoin=off";

    /// <summary>For all but most flushes.</summary>
    /// <exception cref="StoreException">The connection string is none.</exception>
    public static NpgsqlDataSource Create(PostgresOptions options) =>

        // Large flushes, ring and ids; a read or take-over each; and one to end those that a take-over waits for.
        Create(options, fewest: 2, most: 3 + (2 * options.ReadConnections));

    /// <summary>For one connection that nothing else uses.</summary>
    /// <exception cref="StoreException">The connection string is none.</exception>
    public static NpgsqlDataSource CreateForFlushes(PostgresOptions options) => Create(options, fewest: 0, most: 1);

    private static NpgsqlDataSource Create(PostgresOptions options, int fewest, int most)
    {
        try
        {
            var connection = new NpgsqlConnectionStringBuilder(options.ConnectionString)
            {
                MaxPoolSize = most,
                MinPoolSize = fewest,
                NoResetOnClose = true,
                MaxAutoPrepare = 32,
                AutoPrepareMinUsages = 2,
                CommandTimeout = (int)options.CallTimeout.TotalSeconds,
                Timeout = 5,
                ReadBufferSize = 128 * 1024,
                WriteBufferSize = 64 * 1024,
                Enlist = false,
            };
            if (connection.Host is not ['/' or '@', ..])
            {
                // A Unix socket does not have it, and is refused with it.
                connection.TcpKeepAlive = true;
                connection.TcpKeepAliveTime = 5;
                connection.TcpKeepAliveInterval = 2;
            }

            connection.ApplicationName ??= "granary";
            connection.Options = $"{connection.Options} {ServerSettings}".TrimStart();
            return NpgsqlDataSource.Create(connection);
        }
        catch (Exception e) when (e is ArgumentException or KeyNotFoundException or FormatException)
        {
            throw new StoreException($"The connection string for PostgreSQL is not valid: {e.Message}", e);
        }
    }
}
