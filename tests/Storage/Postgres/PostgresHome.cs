using Granary.Silo.Storage;
using Granary.Silo.Storage.Postgres;
using Granary.Testing.Postgres;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Granary.Storage.Tests.Postgres;

/// <summary>A database of its own on a server that tests share.</summary>
internal sealed class PostgresHome(string connectionString) : IStoreHome
{
    public string ConnectionString { get; } = connectionString;

    public static async Task<PostgresHome> CreateAsync() => new(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync());

    public IMessageStore NewStore() => NewStore(new PostgresOptions(ConnectionString));

    public static PostgresStore NewStore(PostgresOptions options) => new(options, TimeProvider.System, NullLogger<PostgresStore>.Instance);

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
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
