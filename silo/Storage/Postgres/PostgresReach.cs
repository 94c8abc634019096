using Granary.Silo.Hosting.Cluster;
using Npgsql;

namespace Granary.Silo.Storage.Postgres;

/// <summary>Asks PostgreSQL for nothing, over a connection of its own, which waits for nothing but other looks.</summary>
internal sealed class PostgresReach(string connection) : IDatabaseReach, IAsyncDisposable
{
    private readonly NpgsqlDataSource _database = DatabaseConnections.CreateForLooks(new PostgresOptions(connection));

    public async Task<bool> LookAsync()
    {
        try
        {
            await using var command = _database.CreateCommand("select 1");
            await command.ExecuteNonQueryAsync().ConfigureAwait(false);
            return true;
        }
        catch (Exception failure) when (PostgresFailure.Of(failure) is { } known)
        {
            // What it refuses here, it refuses others as well.
            return known.InnerException is PostgresException;
        }
    }

    public ValueTask DisposeAsync() => _database.DisposeAsync();
}
