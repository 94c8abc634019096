using Granary.Silo.Hosting;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Postgres;
using Granary.Testing.Logs;
using Granary.Testing.Postgres;
using Npgsql;

namespace Granary.Storage.Tests.Postgres;

/// <summary>PgBouncer is refused by name where a connection has no session of its own, and serves where it has.</summary>
public sealed class PgBouncerTests : IDisposable
{
    private const string Refusal = "leads to PgBouncer in transaction mode";

    private readonly WatchedLog _watched = new();

    public void Dispose() => _watched.Check();

    [PgBouncerTheory]
    [InlineData("pool_mode = transaction")]
    [InlineData("pool_mode = transaction", "default_pool_size = 1")]
    [InlineData("pool_mode = transaction", "server_round_robin = 1")]
    [InlineData("pool_mode = transaction", "ignore_startup_parameters = options")]
    [InlineData("pool_mode = statement")]
    [InlineData("pool_mode = statement", "server_round_robin = 1")]
    public async Task Pool_OfTransactions_IsRefusedByName(params string[] settings)
    {
        var server = await PostgresServer.SharedAsync();
        var database = new NpgsqlConnectionStringBuilder(await server.CreateDatabaseAsync());
        await using var bouncer = await PgBouncer.StartAsync(server, settings);
        database.Port = bouncer.Port;
        await WarmUpAsync(database.ConnectionString);

        await using var store = PostgresHome.NewStore(new PostgresOptions(database.ConnectionString), _watched);
        var refused = await Assert.ThrowsAsync<StoreException>(() => store.OpenAsync(CancellationToken.None));
        Assert.Contains(Refusal, refused.Message, StringComparison.Ordinal);

        var gateway = await StoreHosting.TryPrepareDatabaseAsync(new StoreOptions(StoreKind.Postgres, Connection: database.ConnectionString), admitsOthers: false, CancellationToken.None);
        Assert.Contains(Refusal, gateway, StringComparison.Ordinal);
    }

    [PgBouncerTheory]
    [InlineData("pool_mode = session")]
    [InlineData("pool_mode = session", "server_round_robin = 1")]
    public async Task Pool_OfSessions_Serves(params string[] settings)
    {
        var server = await PostgresServer.SharedAsync();
        var database = new NpgsqlConnectionStringBuilder(await server.CreateDatabaseAsync());
        await using var bouncer = await PgBouncer.StartAsync(server, settings);
        database.Port = bouncer.Port;
        await using var home = new PostgresHome(database.ConnectionString);
        await using var session = new StoreSession(home);
        await session.OpenAsync();
        var queue = await session.CreateAsync();
        await session.WriteAsync(queue, Messages.Run(0, 3));

        // A take-over ends who holds the queue, by the number that the server knows it by.
        await using var holder = new NpgsqlConnection(database.ConnectionString + ";Pooling=false");
        await holder.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await using (var command = new NpgsqlCommand("select from granary.queues for update", holder, transaction))
        {
            await command.ExecuteNonQueryAsync();
        }

        long[] written = [0, 1, 2];
        Assert.Equal(written, await session.ReadOffsetsAsync(await session.TakeOverAsync(queue)));
    }

    // Several sessions of the server that wait for somebody.
    private static async Task WarmUpAsync(string connectionString)
    {
        await using var database = NpgsqlDataSource.Create(connectionString);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(async _ =>
        {
            await using var command = database.CreateCommand("select pg_sleep(0.1)");
            await command.ExecuteNonQueryAsync();
        }));
    }
}
