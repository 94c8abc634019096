using Npgsql;

namespace Granary.Silo.Storage.Postgres;

/// <summary>The connections to the database, and how they behave.</summary>
internal static class DatabaseConnections
{
    /// <summary>For all but most flushes.</summary>
    /// <exception cref="StoreException">The connection string is none.</exception>
    public static NpgsqlDataSource Create(PostgresOptions options, ServerGeneration server) => CreateForStore(options, server, fewest: 2, most: ConnectionBudget.StoreOf(options));

    /// <summary>For one connection that nothing else uses.</summary>
    /// <exception cref="StoreException">The connection string is none.</exception>
    public static NpgsqlDataSource CreateForFlushes(PostgresOptions options, ServerGeneration server) => CreateForStore(options, server, fewest: 0, most: ConnectionBudget.Flushes);

    /// <summary>For one connection that waits for notices.</summary>
    /// <exception cref="StoreException">The connection string is none.</exception>
    public static NpgsqlDataSource CreateForOutbox(PostgresOptions options, ServerGeneration server) => CreateForStore(options, server, fewest: 0, most: ConnectionBudget.Outbox);

    /// <summary>For what is asked and changed before the store is there: with nothing that a pool of somebody else's could stumble over.</summary>
    /// <exception cref="StoreException">The connection string is none.</exception>
    public static NpgsqlDataSource CreateForChecks(PostgresOptions options) =>
        Build(options, fewest: 0, most: ConnectionBudget.Checks, static builder => builder.ConnectionStringBuilder.MaxAutoPrepare = 0);

    /// <summary>For one connection that tells within a second whether the database is there: nothing that was known before keeps it from asking.</summary>
    /// <exception cref="StoreException">The connection string is none.</exception>
    public static NpgsqlDataSource CreateForLooks(PostgresOptions options) => Build(options, fewest: 0, most: ConnectionBudget.Looks, static builder =>
    {
        var connection = builder.ConnectionStringBuilder;
        (connection.Timeout, connection.CommandTimeout, connection.CancellationTimeout, connection.HostRecheckSeconds) = (1, 1, -1, 0);
    });

    private static NpgsqlDataSource CreateForStore(PostgresOptions options, ServerGeneration server, int fewest, int most) => Build(options, fewest, most, builder =>
        builder.UsePhysicalConnectionInitializer(
            opened =>
            {
                using var command = new NpgsqlCommand(SqlText.BeginSession, opened);
                using var row = command.ExecuteReader();
                row.Read();
                server.Note(row.GetInt64(0), row.GetBoolean(1));
            },
            async opened =>
            {
                await using var command = new NpgsqlCommand(SqlText.BeginSession, opened);
                await using var row = await command.ExecuteReaderAsync().ConfigureAwait(false);
                await row.ReadAsync().ConfigureAwait(false);
                server.Note(row.GetInt64(0), row.GetBoolean(1));
            }));

    private static NpgsqlDataSource Build(PostgresOptions options, int fewest, int most, Action<NpgsqlDataSourceBuilder> configure)
    {
        try
        {
            var builder = new NpgsqlDataSourceBuilder(Parse(options, fewest, most).ConnectionString);
            configure(builder);
            return builder.Build();
        }
        catch (Exception e) when (IsAboutText(e))
        {
            throw new StoreException($"The connection string for PostgreSQL is not valid: {e.Message}", e);
        }
    }

    /// <summary>Why Npgsql cannot take <paramref name="connection"/> as a connection string; null: it can.</summary>
    public static string? Refusal(string connection)
    {
        try
        {
            _ = new NpgsqlConnectionStringBuilder(connection);
            return null;
        }
        catch (Exception e) when (IsAboutText(e))
        {
            return $"The connection string for PostgreSQL is not valid: {e.Message}";
        }
    }

    private static bool IsAboutText(Exception e) => e is ArgumentException or KeyNotFoundException or FormatException;

    private static NpgsqlConnectionStringBuilder Parse(PostgresOptions options, int fewest, int most)
    {
        var connection = new NpgsqlConnectionStringBuilder(options.ConnectionString)
        {
            Pooling = true,
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
        return connection;
    }
}
