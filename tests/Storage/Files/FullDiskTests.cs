using Granary.Silo.Storage;
using Granary.Testing.Logs;

namespace Granary.Storage.Tests.Files;

/// <summary>What queues hand over while a flush with messages finds no room: what frees some goes ahead of it.</summary>
public sealed class FullDiskTests : IAsyncLifetime
{
    private const int OutOfReach = 3301, IsBack = 3302, ReserveUsed = 3318;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly FaultyDisk _disk = new();
    private readonly FileStoreHome _home;
    private readonly StoreSession _session;
    private readonly WatchedLog _watched = new();
    private GroupCommit? _commit;
    private volatile bool _cannotWrite;

    public FullDiskTests()
    {
        _home = new FileStoreHome(_disk);
        _session = new StoreSession(_home);
        _watched.Expect(OutOfReach, IsBack);
        _home.Log.Watched.Allow(ReserveUsed);
    }

    private GroupCommit Commit => _commit ?? throw new InvalidOperationException("The store is not open.");

    [Fact]
    public async Task Settlements_DiskFull_GoAheadAndMakeRoomForTheMessages()
    {
        var queue = new TestQueue(Commit, "%2F/orders");
        await FillAsync(queue);
        var stored = queue.Next - 10;
        queue.Publish();
        for (var first = 0L; first < stored; first += 10)
        {
            queue.Settle(first, first + 10);
        }

        await UntilAsync(() => !_cannotWrite);
        await queue.Journal.FlushAsync().WaitAsync(Patience);
        Assert.Equal(queue.Next, queue.Journal.Watermark);
        await CrashAsync();
        var left = Enumerable.Range((int)stored, (int)(queue.Next - stored)).Select(static offset => (long)offset);
        Assert.Equal(left, await _session.ReadOffsetsAsync(await _session.TakeOverAsync(queue.Journal.Queue)));
    }

    /// <summary>Whoever is to settle something has to be given it first.</summary>
    [Fact]
    public async Task Bound_DiskFull_RisesAheadOfTheMessages()
    {
        var queue = new TestQueue(Commit, "%2F/orders");
        await FillAsync(queue);
        using var told = new ManualResetEventSlim();
        queue.Journal.OnAdvance(told.Set);
        queue.EndTurn(delivered: 50, isWaitedFor: true);
        await UntilAsync(() => queue.Journal.DeliveredBound == 50 && told.IsSet);
        Assert.True(_cannotWrite);

        // What is written then was handed over before.
        _disk.Quota = null;
        await UntilAsync(() => !_cannotWrite);
        await CrashAsync();
        Assert.Equal(50, (await _session.TakeOverAsync(queue.Journal.Queue)).Backlog.DeliveredBound);
    }

    /// <summary>As transactions do, at one queue or at several.</summary>
    [Fact]
    public async Task Settlements_TogetherWithSomethingElse_DoNotGoAheadOfIt()
    {
        var other = new TestQueue(Commit, "%2F/other");
        other.Publish();
        var queue = new TestQueue(Commit, "%2F/orders");
        await FillAsync(queue);
        queue.Journal.Settle(0, 5);
        queue.Publish();
        lock (Commit.Gate)
        {
            other.Settle(0, 5);
            _ = Commit.WriteAsync(new RowChange(new RowKey("t", "k"), new byte[] { 1 }, Expected: null));
        }

        queue.Settle(20, 30);
        await UntilAsync(async () => (await _session.ReadOffsetsAsync(queue.Journal.Queue, 20, 30)).Length == 0);
        Assert.Equal(20, (await _session.ReadOffsetsAsync(queue.Journal.Queue, 0, 20)).Length);
        Assert.Equal(10, (await _session.ReadOffsetsAsync(other.Journal.Queue)).Length);

        _disk.Quota = null;
        await UntilAsync(() => !_cannotWrite);
        await Task.WhenAll(queue.Journal.FlushAsync(), other.Journal.FlushAsync()).WaitAsync(Patience);
        Assert.Equal(15, (await _session.ReadOffsetsAsync(queue.Journal.Queue, 0, 20)).Length);
        Assert.Equal(5, (await _session.ReadOffsetsAsync(other.Journal.Queue)).Length);
    }

    public async Task InitializeAsync()
    {
        await _session.OpenAsync();
        _commit = new GroupCommit(_session.Store, _watched.LoggerOf<GroupCommit>(), cannotWrite => _cannotWrite = cannotWrite);
    }

    public async Task DisposeAsync()
    {
        _disk.Quota = null;
        await Commit.DisposeAsync();
        await _session.DisposeAsync();
        _watched.Check();
    }

    private static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!await condition())
        {
            await Task.Delay(20, limit.Token);
        }
    }

    /// <summary>Publishes until nothing more can be written: the last ten messages wait then.</summary>
    private async Task FillAsync(TestQueue queue)
    {
        _disk.Quota = 1 << 20;
        while (!_cannotWrite)
        {
            queue.Publish();
            await UntilAsync(() => _cannotWrite || queue.Journal.Watermark == queue.Next);
        }
    }

    private async Task CrashAsync()
    {
        _disk.Quota = null;
        await Commit.DisposeAsync();
        await _session.CrashAndOpenAsync();
    }

    /// <summary>Turns of a queue.</summary>
    private sealed class TestQueue(GroupCommit commit, string key)
    {
        public QueueJournal Journal { get; } = new(commit, commit.Store.Create(StoreSession.Identity(key), 1), isNew: true);

        public long Next { get; private set; }

        public void Publish()
        {
            Journal.Append(Messages.Run(Next, 10, size: 1_000));
            Next += 10;
            EndTurn();
        }

        public void Settle(long first, long end)
        {
            Journal.Settle(first, end);
            EndTurn();
        }

        public void EndTurn(long delivered = 0, bool isWaitedFor = false) => Journal.EndTurn(Next, delivered, isWaitedFor, []);
    }
}
