using System.Diagnostics;
using Granary.Core.Links;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Postgres;
using Granary.Testing.Logs;
using Granary.Testing.Postgres;
using Granary.Testing.Processes;
using Npgsql;

namespace Granary.Storage.Tests.Postgres;

/// <summary>Two stores on one database, one of which was stopped and has lost a queue to the other.</summary>
public sealed partial class PostgresFencingTests : IAsyncLifetime
{
    private static readonly TimeSpan TakeOverLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly List<IAsyncDisposable> _used = [];
    private readonly WatchedLog _watched = new();
    private string _connectionString = "";
    private StallingProxy? _proxy;

    private StallingProxy Proxy => _proxy ?? throw new InvalidOperationException("The test has not begun.");

    public async Task InitializeAsync()
    {
        var server = await PostgresServer.SharedAsync();
        _connectionString = await server.CreateDatabaseAsync();
        _proxy = new StallingProxy(server.Port);
    }

    public async Task DisposeAsync()
    {
        Proxy.Resume();
        Proxy.LoseAnswers(false);
        foreach (var used in Enumerable.Reverse(_used))
        {
            await used.DisposeAsync();
        }

        await Proxy.DisposeAsync();
        _watched.Check();
    }

    [Fact]
    public async Task TakeOver_HolderIsAStoppedProcess_EndsItsConnectionInTime()
    {
        var store = await OpenAsync();
        var queue = await CreateAsync(store, "held");
        var connection = new NpgsqlConnectionStringBuilder(_connectionString);
        string[] arguments = ["-h", "127.0.0.1", "-p", $"{connection.Port}", "-U", $"{connection.Username}", "-d", $"{connection.Database}",
            "-c", $"begin; select id from granary.queues where id = {queue.Id} for update; select pg_sleep(600)"];
        await using var holder = ChildProcess.Start("psql", arguments);
        await WaitForLockAsync(queue);
        await ChildProcess.RunAsync("kill", ["-STOP", $"{holder.Id}"], TimeSpan.FromSeconds(10));

        var (taken, time) = await TimeAsync(() => store.TakeOverAsync(queue.Identity, 0, CancellationToken.None));

        Assert.InRange(time, TimeSpan.FromSeconds(0.9), TakeOverLimit);
        Assert.True(taken.Epoch > queue.Epoch);
    }

    [Fact]
    public async Task TakeOver_OtherStoreStoppedInTheMiddleOfSendingAFlush_FencesItAndHarmsNoOtherQueue()
    {
        var stopped = await OpenAsync(throughProxy: true);
        var (moved, kept) = (await CreateAsync(stopped, "moved"), await CreateAsync(stopped, "kept"));

        // Three parts: the first is done, with its locks, when the sending stops in the second.
        var flush = new Flush { MustSync = true };
        flush.Queues.Add(new QueueChanges(moved) { Runs = { Messages.Run(0, 200, size: 60_000) }, OffsetBound = 1000 });
        flush.Queues.Add(new QueueChanges(kept) { Runs = { Messages.Run(0, 200, size: 60_000) }, OffsetBound = 1000 });
        Proxy.StallAfter(13_000_000);
        var writing = Task.Run(() => stopped.FlushAsync(flush, CancellationToken.None).AsTask());
        await Proxy.Stalled.WaitAsync(TimeSpan.FromSeconds(30));
        await WaitForLockAsync(moved);

        var other = await OpenAsync();
        var (taken, time) = await TimeAsync(() => other.TakeOverAsync(moved.Identity, 0, CancellationToken.None));
        Assert.InRange(time, TimeSpan.FromSeconds(0.9), TakeOverLimit);
        Assert.Equal(0, taken.Backlog.Count);
        await FlushAsync(other, new QueueChanges(taken) { Runs = { Messages.Run(1000, 1) }, OffsetBound = 2000 });

        Proxy.Resume();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => writing);
        var result = await stopped.FlushAsync(flush, CancellationToken.None);

        Assert.Same(moved, Assert.Single(result.Fenced));
        Assert.Equal(1, (await other.TakeOverAsync(moved.Identity, 0, CancellationToken.None)).Backlog.Count);
        Assert.Equal(200, (await other.TakeOverAsync(kept.Identity, 0, CancellationToken.None)).Backlog.Count);
    }

    [Fact]
    public async Task TakeOver_OtherStoreStoppedBeforeAllOfASmallFlushWasSent_WaitsForNobody()
    {
        var stopped = await OpenAsync(throughProxy: true);
        var queue = await CreateAsync(stopped, "moved");
        var flush = new Flush { MustSync = true };
        flush.Queues.Add(new QueueChanges(queue) { Runs = { Messages.Run(0, 10, size: 60_000) } });
        Proxy.StallAfter(200_000);
        var writing = Task.Run(() => stopped.FlushAsync(flush, CancellationToken.None).AsTask());
        await Proxy.Stalled.WaitAsync(TimeSpan.FromSeconds(30));

        var other = await OpenAsync();
        var (taken, time) = await TimeAsync(() => other.TakeOverAsync(queue.Identity, 0, CancellationToken.None));
        Proxy.Resume();

        Assert.True(time < TakeOverLimit);
        Assert.Same(queue, Assert.Single((await writing).Fenced));
        Assert.Equal(0, (await other.TakeOverAsync(taken.Identity, 0, CancellationToken.None)).Backlog.Count);
    }

    [Fact]
    public async Task Flush_WhoseAnswerWasLost_IsWrittenOnceWhenItIsRepeated()
    {
        var store = await OpenAsync(throughProxy: true);
        var queue = await CreateAsync(store, "once");
        var doomed = await CreateAsync(store, "doomed");
        var fenced = await CreateAsync(store, "fenced");
        await (await OpenAsync()).TakeOverAsync(fenced.Identity, 0, CancellationToken.None);
        var flush = new Flush { MustSync = true };
        flush.Queues.Add(new QueueChanges(queue) { Runs = { Messages.Run(0, 10) }, Settled = { new OffsetRange(3, 2) }, OffsetBound = 100 });
        flush.Queues.Add(new QueueChanges(doomed) { IsDeleted = true });
        flush.Queues.Add(new QueueChanges(fenced) { Runs = { Messages.Run(0, 10) } });
        var row = new RowKey("t", "k");
        flush.Rows.Add(new RowChange(row, new byte[] { 1 }, Expected: 0));
        flush.Rows.Add(new RowChange(row, new byte[] { 2 }, Expected: 7));

        Proxy.LoseAnswers(true);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.FlushAsync(flush, CancellationToken.None).AsTask());
        Proxy.LoseAnswers(false);
        await WaitForRowAsync(row);
        var result = await PostgresHome.RepeatAsync(store, flush);

        Assert.Same(fenced, Assert.Single(result.Fenced));
        Assert.Same(flush.Rows[1], Assert.Single(result.Conflicts));
        Assert.Equal(1, (await store.ReadRowAsync(row, CancellationToken.None))!.Version);
        Assert.Equal(8, (await store.TakeOverAsync(queue.Identity, 0, CancellationToken.None)).Backlog.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FlushOfOneBatch_WhoseAnswerWasLost_IsAnsweredAsBeforeWhenItIsRepeated(bool isFenced)
    {
        var store = await OpenAsync(throughProxy: true);
        var queue = await CreateAsync(store, "one");
        var other = await OpenAsync();
        if (isFenced)
        {
            await other.TakeOverAsync(queue.Identity, 0, CancellationToken.None);
        }

        var flush = new Flush { MustSync = true };
        flush.Queues.Add(new QueueChanges(queue) { Runs = { Messages.Run(0, 30, 1_045) }, OffsetBound = 100, Sessions = { new PublishProgress(SessionId.New(), 5) } });
        Proxy.LoseAnswers(true);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.FlushAsync(flush, CancellationToken.None).AsTask());
        Proxy.LoseAnswers(false);
        var result = await PostgresHome.RepeatAsync(store, flush);

        Assert.Equal(isFenced ? [queue] : Array.Empty<StoredQueue>(), result.Fenced);
        var taken = await other.TakeOverAsync(queue.Identity, 0, CancellationToken.None);
        Assert.Equal(isFenced ? 0 : 30, taken.Backlog.Count);
        Assert.Equal(isFenced ? 0 : 1, taken.Backlog.Sessions.Count);
    }

    [Fact]
    public async Task TwoStores_TakingOneQueueInTurn_EachFencesTheOther()
    {
        PostgresStore[] stores = [await OpenAsync(), await OpenAsync()];
        StoredQueue holder = await CreateAsync(stores[0], "contended");
        for (var i = 1; i < 10; i++)
        {
            var next = await stores[i % 2].TakeOverAsync(holder.Identity, 0, CancellationToken.None);
            Assert.Equal(i - 1, next.Backlog.Count);
            Assert.Same(holder, Assert.Single((await WriteAsync(stores[(i + 1) % 2], holder, i)).Fenced));
            Assert.Empty((await WriteAsync(stores[i % 2], next, i)).Fenced);
            holder = next;
        }
    }

    private async Task<PostgresStore> OpenAsync(bool throughProxy = false, string? silo = null, TimeSpan? lockPatience = null)
    {
        var connection = new NpgsqlConnectionStringBuilder(_connectionString);
        connection.Port = throughProxy ? Proxy.Port : connection.Port;
        var options = new PostgresOptions(connection.ConnectionString) { Silo = silo };
        var store = PostgresHome.NewStore(options with { LockPatience = lockPatience ?? options.LockPatience }, _watched);
        _used.Add(store);
        await store.OpenAsync(CancellationToken.None);
        return store;
    }

    private static async Task<PostgresQueue> CreateAsync(PostgresStore store, string key)
    {
        var queue = (PostgresQueue)store.Create(StoreSession.Identity(key), 1);
        await FlushAsync(store, new QueueChanges(queue) { IsCreated = true });
        return queue;
    }

    private static async Task FlushAsync(PostgresStore store, QueueChanges changes)
    {
        var flush = new Flush { MustSync = true };
        flush.Queues.Add(changes);
        Assert.Empty((await store.FlushAsync(flush, CancellationToken.None)).Fenced);
    }

    private static async Task<FlushResult> WriteAsync(PostgresStore store, StoredQueue queue, int offset)
    {
        var flush = new Flush();
        flush.Queues.Add(new QueueChanges(queue) { Runs = { Messages.Run(offset, 1) }, OffsetBound = 100 });
        return await store.FlushAsync(flush, CancellationToken.None);
    }

    private static async Task<(T Result, TimeSpan Time)> TimeAsync<T>(Func<Task<T>> call)
    {
        var watch = Stopwatch.StartNew();
        var result = await call();
        return (result, watch.Elapsed);
    }

    private Task WaitForLockAsync(PostgresQueue queue) =>
        WaitForAsync($"select not exists (select from granary.queues where id = {queue.Id} for update skip locked)");

    private Task WaitForRowAsync(RowKey row) =>
        WaitForAsync($"select exists (select from granary.rows where kind = '{row.Table}' and key = '{row.Key}')");

    private async Task WaitForAsync(string condition)
    {
        await using var database = NpgsqlDataSource.Create(_connectionString + ";Pooling=false");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            await using var command = database.CreateCommand(condition);
            if (await command.ExecuteScalarAsync(limit.Token) is true)
            {
                return;
            }

            await Task.Delay(20, limit.Token);
        }
    }
}
