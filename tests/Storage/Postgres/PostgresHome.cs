using Granary.Silo.Storage;
using Granary.Silo.Storage.Postgres;
using Granary.Testing.Logs;
using Granary.Testing.Postgres;
using Npgsql;

namespace Granary.Storage.Tests.Postgres;

/// <summary>A database of its own on a server that tests share.</summary>
internal sealed class PostgresHome(string connectionString) : IStoreHome
{
    public string ConnectionString { get; } = connectionString;

    public static async Task<PostgresHome> CreateAsync() => new(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync());

    public WatchedLog Watched { get; } = new();

    public IMessageStore NewStore() => NewStore(new PostgresOptions(ConnectionString), Watched);

    public static PostgresStore NewStore(PostgresOptions options, WatchedLog watched) => new(options, TimeProvider.System, watched.LoggerOf<PostgresStore>());

    /// <summary>As the layer above does: until it is answered.</summary>
    public static async Task<FlushResult> RepeatAsync(PostgresStore store, Flush flush)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await store.FlushAsync(flush, CancellationToken.None);
            }
            catch (StoreUnavailableException) when (attempt < 10)
            {
                await Task.Delay(50);
            }
        }
    }

    public async Task CrashAsync(IMessageStore store)
    {
        await using (var database = NpgsqlDataSource.Create(ConnectionString + ";Pooling=false"))
        await using (var command = database.CreateCommand(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"))
        {
            await command.ExecuteNonQueryAsync();
        }

        await store.DisposeAsync();
    }

    // The server goes with all its databases.
    public ValueTask DisposeAsync()
    {
        Watched.Check();
        return ValueTask.CompletedTask;
    }
}
