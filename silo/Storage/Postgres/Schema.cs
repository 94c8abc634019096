using System.Globalization;
using Npgsql;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Brings the database to the format that this version writes, one numbered migration after the other.</summary>
internal static class Schema
{
    // Any number that nobody else uses: only one process migrates at a time.
    private const long LockKey = 0x6772616e617279;

    /// <summary>Before anything else of a process uses the database: looks at the server, then migrates.</summary>
    /// <param name="connections">How many the process opens at the most.</param>
    /// <returns>Something stands between the process and the server; see <see cref="ServerRoom"/>.</returns>
    /// <exception cref="StoreException">The server or the database cannot be used; the message says what to do.</exception>
    public static async Task<bool> PrepareAsync(PostgresOptions options, int connections, CancellationToken cancellation)
    {
        var database = DatabaseConnections.CreateForChecks(options);
        await using (database.ConfigureAwait(false))
        {
            var isBehindPool = await ServerRoom.CheckAsync(database, connections, cancellation).ConfigureAwait(false);
            await MigrateAsync(database, cancellation).ConfigureAwait(false);
            return isBehindPool;
        }
    }

    private static async Task MigrateAsync(NpgsqlDataSource database, CancellationToken cancellation)
    {
        var migrations = SqlText.ReadMigrations();
        await using var connection = await database.OpenConnectionAsync(cancellation).ConfigureAwait(false);
        await using var transaction = await connection.BeginTransactionAsync(cancellation).ConfigureAwait(false);
        await ExecuteAsync(connection, $"select pg_advisory_xact_lock({LockKey})", cancellation).ConfigureAwait(false);
        await ExecuteAsync(connection, SqlText.PrepareFormat, cancellation).ConfigureAwait(false);

        var version = await ReadVersionAsync(connection, cancellation).ConfigureAwait(false);
        if (version > migrations.Count)
        {
            throw new StoreException(
                $"The database has format {version}; this version of Granary knows formats up to {migrations.Count}. Start the newer version that wrote it, or use another database.");
        }

        for (; version < migrations.Count; version++)
        {
            await ExecuteAsync(connection, migrations[version], cancellation).ConfigureAwait(false);
            await ExecuteAsync(connection, $"insert into granary.format (version) values ({version + 1})", cancellation).ConfigureAwait(false);
        }

        await transaction.CommitAsync(cancellation).ConfigureAwait(false);
    }

    private static async Task<int> ReadVersionAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("select coalesce(max(version), 0) from granary.format", connection);
        return Convert.ToInt32(await command.ExecuteScalarAsync(cancellation).ConfigureAwait(false), CultureInfo.InvariantCulture);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellation).ConfigureAwait(false);
    }
}
