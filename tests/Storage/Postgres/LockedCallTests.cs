using Granary.Silo.Storage.Postgres;
using Granary.Testing.Postgres;
using Npgsql;

namespace Granary.Storage.Tests.Postgres;

/// <summary>Whose connection is ended by who waits for a lock.</summary>
public sealed class LockedCallTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1), Look = TimeSpan.FromMilliseconds(50), Limit = TimeSpan.FromSeconds(30);

    private readonly SteppedTime _time = new();
    private NpgsqlDataSource _database = null!;
    private NpgsqlConnection _waiter = null!;

    public async Task InitializeAsync()
    {
        var server = await PostgresServer.SharedAsync();
        _database = NpgsqlDataSource.Create(await server.CreateDatabaseAsync() + ";Pooling=false");
        await using var command = _database.CreateCommand("create table held (number int); insert into held values (0)");
        await command.ExecuteNonQueryAsync();
        _waiter = await _database.OpenConnectionAsync();
    }

    public async Task DisposeAsync()
    {
        await _waiter.DisposeAsync();
        await _database.DisposeAsync();
        _time.Dispose();
    }

    [Fact]
    public async Task Holder_ThatKeepsTheLock_LosesItsConnectionAfterThePatience()
    {
        await using var holder = await _database.OpenConnectionAsync();
        await HoldAsync(holder);
        var call = CallAsync();
        await WaitForBlockedAsync(1);

        await _time.StepAsync(Patience / 2);
        for (var waited = Patience / 2; waited < Patience - Look; waited += Look)
        {
            await _time.StepAsync(Look);
        }

        await ExecuteAsync(holder, "select");
        _time.Advance(Look);

        Assert.Equal(1, await call.WaitAsync(Limit));
        var ended = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(holder, "select"));
        Assert.Equal(PostgresErrorCodes.AdminShutdown, ended.SqlState);
    }

    /// <summary>Of several that wait, who comes first has it next, and holds up the others for a moment.</summary>
    [Fact]
    public async Task Holder_ThatHasJustGotTheLock_KeepsItsConnection()
    {
        await using var first = await _database.OpenConnectionAsync();
        await HoldAsync(first);
        await using var second = await _database.OpenConnectionAsync();
        var holding = HoldAsync(second);
        await WaitForBlockedAsync(1);
        var call = CallAsync();
        await WaitForBlockedAsync(2);

        await _time.StepAsync(Patience / 2);
        await ExecuteAsync(first, "commit");
        await holding.WaitAsync(Limit);
        for (var waited = Patience / 2; waited < Patience; waited += Look)
        {
            await _time.StepAsync(Look);
        }

        await ExecuteAsync(second, "commit");
        Assert.Equal(1, await call.WaitAsync(Limit));
    }

    private Task<int> CallAsync()
    {
        var locked = new LockedCall(_database, Patience, _time);
        return locked.RunAsync(
            _waiter,
            async cancellation =>
            {
                await using var command = new NpgsqlCommand("update held set number = number + 1", _waiter);
                return await command.ExecuteNonQueryAsync(cancellation);
            },
            CancellationToken.None);
    }

    private static Task HoldAsync(NpgsqlConnection connection) => ExecuteAsync(connection, "begin; update held set number = number + 1");

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private async Task WaitForBlockedAsync(int count)
    {
        using var limit = new CancellationTokenSource(Limit);
        await using var command = _database.CreateCommand("select count(*) from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0");
        while ((long)(await command.ExecuteScalarAsync(limit.Token))! < count)
        {
            await Task.Delay(10, limit.Token);
        }
    }
}
