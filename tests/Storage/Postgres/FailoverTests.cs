using Granary.Silo.Storage;
using Granary.Silo.Storage.Postgres;
using Granary.Testing.Logs;
using Granary.Testing.Postgres;
using Npgsql;

namespace Granary.Storage.Tests.Postgres;

/// <summary>A standby takes the place of the server, with all that was confirmed or without: nothing is given twice, and what is missing is said.</summary>
public sealed class FailoverTests : IAsyncLifetime
{
    private const int ServerChanged = 3342;

    private readonly WatchedLog _watched = new();
    private PostgresServer _primary = null!;
    private PostgresServer _standby = null!;
    private PostgresOptions _options = null!;

    public async Task InitializeAsync()
    {
        _primary = await PostgresServer.StartAsync();
        var database = new NpgsqlConnectionStringBuilder(await _primary.CreateDatabaseAsync());
        _standby = await _primary.StartStandbyAsync();
        _options = new PostgresOptions(
            $"Host=127.0.0.1:{_primary.Port},127.0.0.1:{_standby.Port};Username={database.Username};Database={database.Database};Target Session Attributes=primary;Host Recheck Seconds=0");
    }

    public async Task DisposeAsync()
    {
        await _standby.DisposeAsync();
        await _primary.DisposeAsync();
        _watched.Check();
    }

    [Fact]
    public async Task Failover_WithoutWhatWasConfirmed_IsSaidByWhoWroteItAndGivesNoOffsetTwice()
    {
        await using var store = NewStore();
        await store.OpenAsync(CancellationToken.None);
        var queue = store.Create(StoreSession.Identity("orders"), 1);
        await WriteAsync(store, queue, 0, offsetBound: 100);
        await WhenReceivedAsync();
        await _standby.StopAsync();

        // Confirmed, and of a new reservation.
        await WriteAsync(store, queue, 10, offsetBound: 1L << 34);
        await FailOverAsync(isStandbyStopped: true);

        var refused = await Assert.ThrowsAsync<StoreLostException>(() => WriteAsync(store, queue, 20, offsetBound: 1L << 34));
        Assert.StartsWith("PostgreSQL has lost what it had confirmed: flush 2 of this process was synced, and the database knows 1.", refused.Message, StringComparison.Ordinal);

        // Started again, and with something that is new on this server.
        await using var next = NewStore();
        await next.OpenAsync(CancellationToken.None);
        var young = next.Create(StoreSession.Identity("young"), 1);
        await WriteAsync(next, young, 0, offsetBound: 100);
        var taken = await next.TakeOverAsync(queue.Identity, 0, CancellationToken.None);
        Assert.Equal((0, 10, 100), (taken.Backlog.First, taken.Backlog.Count, taken.Backlog.DeliveredBound));
        Assert.InRange(taken.Backlog.NextOffset, 1L << 44, long.MaxValue);
        Assert.InRange(taken.Epoch, 10_000, long.MaxValue);
        var runs = await next.ReadAsync(taken, 0, long.MaxValue, 1 << 20, CancellationToken.None);
        Assert.Equal(Enumerable.Range(0, 10).Select(offset => (long)offset), Messages.Of(runs).Select(message => message.Offset));

        // Once is enough: the server has not changed again, and what was made on it has lost nothing.
        var again = await next.TakeOverAsync(queue.Identity, 0, CancellationToken.None);
        Assert.Equal((taken.Backlog.NextOffset, taken.Epoch + 1), (again.Backlog.NextOffset, again.Epoch));
        var takenYoung = await next.TakeOverAsync(young.Identity, 0, CancellationToken.None);
        Assert.Equal((100, 0, 2), (takenYoung.Backlog.NextOffset, takenYoung.Backlog.DeliveredBound, takenYoung.Epoch));
    }

    [Fact]
    public async Task Failover_WithoutIdsThatWereHandedOut_GivesOthersToNewQueues()
    {
        await using var store = NewStore();
        await store.OpenAsync(CancellationToken.None);
        await WhenReceivedAsync();
        await _standby.StopAsync();
        var lost = await HandOutAsync(blocks: 100);
        await FailOverAsync(isStandbyStopped: true);

        await using var next = NewStore();
        await next.OpenAsync(CancellationToken.None);
        var made = (PostgresQueue)await next.TakeOverAsync(StoreSession.Identity("made"), 0, CancellationToken.None);
        Assert.InRange(made.Id, lost + 1024, long.MaxValue);
    }

    [Fact]
    public async Task Failover_WithAllThatWasConfirmed_GoesOnByItself()
    {
        await using var store = NewStore();
        await store.OpenAsync(CancellationToken.None);
        var queue = store.Create(StoreSession.Identity("orders"), 1);
        await WriteAsync(store, queue, 0, offsetBound: 100);
        await WhenReceivedAsync();
        await FailOverAsync();

        await WriteAsync(store, queue, 10, offsetBound: 100);

        // The next activation cannot know.
        await using var next = NewStore();
        await next.OpenAsync(CancellationToken.None);
        var taken = await next.TakeOverAsync(queue.Identity, 0, CancellationToken.None);
        Assert.Equal((0, 20), (taken.Backlog.First, taken.Backlog.Count));
        Assert.InRange(taken.Backlog.NextOffset, 1L << 44, long.MaxValue);
    }

    [Fact]
    public async Task Server_ThatAStandbyHasReplaced_IsNotWrittenToAnyMore()
    {
        await using var store = NewStore();
        await store.OpenAsync(CancellationToken.None);
        var queue = store.Create(StoreSession.Identity("orders"), 1);
        await WriteAsync(store, queue, 0, offsetBound: 100);
        await WhenReceivedAsync();
        await FailOverAsync();
        await WriteAsync(store, queue, 10, offsetBound: 100);

        // It comes back, as what it was.
        await _standby.StopAsync();
        await _primary.StartAgainAsync();
        var flush = FlushOf(queue, 20, offsetBound: 100);
        for (var attempt = 0; attempt < 5; attempt++)
        {
            await Assert.ThrowsAsync<StoreUnavailableException>(() => store.FlushAsync(flush, CancellationToken.None).AsTask());
        }

        var refused = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.TakeOverAsync(queue.Identity, 0, CancellationToken.None));
        Assert.StartsWith("PostgreSQL answered as a server that it was before a standby took its place (generation 1, and 2 was there)", refused.Message, StringComparison.Ordinal);

        await _primary.StopAsync();
        await _standby.StartAgainAsync();
        await PostgresHome.RepeatAsync(store, flush);
        Assert.Equal(30, (await store.TakeOverAsync(queue.Identity, 0, CancellationToken.None)).Backlog.Count);
    }

    // More than the server writes to its log ahead of need.
    private async Task<long> HandOutAsync(int blocks)
    {
        await using var database = NpgsqlDataSource.Create(_options.ConnectionString + ";Pooling=false");
        await using var command = database.CreateCommand("select max(nextval('granary.ids')) from generate_series(1, $1)");
        command.Parameters.AddWithValue(blocks);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private static Flush FlushOf(StoredQueue queue, int from, long offsetBound)
    {
        var flush = new Flush { MustSync = true };
        flush.Queues.Add(new QueueChanges(queue) { IsCreated = from == 0, Runs = { Messages.Run(from, 10) }, OffsetBound = offsetBound });
        return flush;
    }

    private static async Task WriteAsync(PostgresStore store, StoredQueue queue, int from, long offsetBound)
    {
        var result = await PostgresHome.RepeatAsync(store, FlushOf(queue, from, offsetBound));
        Assert.Empty(result.Fenced);
    }

    private PostgresStore NewStore() => PostgresHome.NewStore(_options, _watched);

    private async Task FailOverAsync(bool isStandbyStopped = false)
    {
        await _primary.KillAsync();
        if (isStandbyStopped)
        {
            await _standby.StartAgainAsync();
        }

        await _standby.PromoteAsync();
        _watched.Allow(ServerChanged);
    }

    private async Task WhenReceivedAsync()
    {
        await using var database = NpgsqlDataSource.Create(_primary.ConnectionString + ";Pooling=false");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            await using var command = database.CreateCommand("select count(*) from pg_stat_replication where flush_lsn >= pg_current_wal_insert_lsn()");
            if ((long)(await command.ExecuteScalarAsync(limit.Token))! > 0)
            {
                return;
            }

            await Task.Delay(20, limit.Token);
        }
    }
}
