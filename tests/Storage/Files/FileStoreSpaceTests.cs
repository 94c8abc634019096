using Granary.Core.Links;
using Granary.Silo.Storage;

namespace Granary.Storage.Tests.Files;

/// <summary>Disks that are full or fail, and how space comes back.</summary>
public sealed class FileStoreSpaceTests : IAsyncLifetime
{
    private const int SegmentGivenUp = 3316, ReserveUsed = 3318, NotRemoved = 3319;

    private readonly FaultyDisk _disk = new();
    private readonly FileStoreHome _home;
    private readonly StoreSession _session;

    public FileStoreSpaceTests()
    {
        _home = new FileStoreHome(_disk);
        _session = new StoreSession(_home);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(200)]
    [InlineData(100_000)]
    public async Task Flush_WriteFailsOnTheWay_MayBeRepeated(int written)
    {
        _home.Log.Watched.Expect(SegmentGivenUp);
        var queue = await OpenAsync();
        var changes = new QueueChanges(queue) { Runs = { Messages.Run(10, 10, size: 30) }, Settled = { new OffsetRange(0, 2) } };
        _disk.WriteOnly = written;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _session.FlushAsync(changes));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _session.FlushAsync(changes));
        Assert.Equal(10, (await _session.ReadOffsetsAsync(queue)).Length);

        _disk.WriteOnly = null;
        await _session.FlushAsync(changes);
        await ExpectAsync(queue, 2, 20);
    }

    [Fact]
    public async Task Flush_SyncFails_EndsTheStore()
    {
        _home.Log.Watched.Expect(SegmentGivenUp);
        var queue = await OpenAsync();
        var changes = new QueueChanges(queue) { Runs = { Messages.Run(10, 10) } };
        _disk.SyncFails = true;
        var lost = await Assert.ThrowsAsync<StoreLostException>(() => _session.FlushAsync(changes));
        Assert.StartsWith($"The data folder {_home.Folder} could not be synced: ", lost.Message, StringComparison.Ordinal);

        // The system says so only once.
        _disk.SyncFails = false;
        await Assert.ThrowsAsync<StoreLostException>(() => _session.FlushAsync(changes));
        await Assert.ThrowsAsync<StoreLostException>(() => _session.FlushAsync());
        await _session.ReopenAsync();
        Assert.Equal(0, (await _session.ReadAsync(await _session.TakeOverAsync(queue)))[0].Offset);
    }

    /// <summary>What is needed of a segment was copied, and the copy was not synced: the segment stays, whatever a later sync says.</summary>
    [Fact]
    public async Task Tidy_SyncFailsBeforeWhatWasCopiedIsThere_RemovesNothing()
    {
        _home.Log.Watched.Expect(SegmentGivenUp);
        var queue = await OpenAsync();
        await FillAsync(queue, 1000);

        var oldest = _home.Segments[0];
        _disk.SyncFails = true;
        var changes = new QueueChanges(queue) { Settled = { new OffsetRange(1, 998) } };
        var lost = await Record.ExceptionAsync(async () =>
        {
            await _session.TryFlushAsync([changes], mustSync: false);
            while (await _session.Store.TidyAsync(CancellationToken.None))
            {
            }
        });
        Assert.IsType<StoreLostException>(lost);
        _disk.SyncFails = false;
        await Assert.ThrowsAsync<StoreLostException>(() => _session.Store.TidyAsync(CancellationToken.None).AsTask());
        Assert.True(File.Exists(oldest));
    }

    [Fact]
    public async Task TakeOver_SyncFails_EndsTheStore()
    {
        _home.Log.Watched.Expect(SegmentGivenUp);
        var queue = await OpenAsync();
        _disk.SyncFails = true;
        await Assert.ThrowsAsync<StoreLostException>(() => _session.TakeOverAsync(queue));

        _disk.SyncFails = false;
        await Assert.ThrowsAsync<StoreLostException>(() => _session.TakeOverAsync(queue));

        // Whoever confirms is told although nothing is to be written.
        await Assert.ThrowsAsync<StoreLostException>(() => _session.Store.TidyAsync(CancellationToken.None).AsTask());
        await _session.ReopenAsync();
        Assert.True((await _session.TakeOverAsync(queue)).Epoch > queue.Epoch);
    }

    [Fact]
    public async Task Flush_DiskFull_SettlementsGoOnAndFreeSpace()
    {
        var queue = await OpenAsync();
        await FillAsync(queue, 600);

        _disk.IsFull = true;
        var next = 600;
        var error = await Record.ExceptionAsync(async () =>
        {
            for (; next < 1000; next += 10)
            {
                await _session.WriteAsync(queue, Messages.Run(next, 10, size: 1000));
            }
        });
        Assert.IsType<StoreUnavailableException>(error);
        Assert.Contains(_home.Folder, error.Message, StringComparison.Ordinal);

        var before = _home.Segments.Length;
        for (var i = 0; i < next / 10; i++)
        {
            await _session.SettleAsync(queue, new OffsetRange(i * 10, 10));
        }

        Assert.InRange(_home.Segments.Length, 1, before / 2);
        _disk.IsFull = false;
        await _session.WriteAsync(queue, Messages.Run(next, 10));
        await ExpectAsync(queue, next, next + 10);
    }

    [Fact]
    public async Task Flush_DiskFull_LeavesTheReserveToSettlements()
    {
        _home.Log.Watched.Expect(ReserveUsed);
        var queue = await OpenAsync();
        await FillAsync(queue, 600);
        _disk.IsFull = true;
        var next = 600;
        await Assert.ThrowsAsync<StoreUnavailableException>(async () =>
        {
            for (; next < 1000; next += 10)
            {
                await _session.WriteAsync(queue, Messages.Run(next, 10, size: 1000));
            }
        });
        for (var offset = 1; !_home.Log.Warnings.Any(); offset += 2)
        {
            Assert.InRange(offset, 1, 600);
            await _session.SettleAsync(queue, new OffsetRange(offset, 1));
        }

        await Assert.ThrowsAsync<StoreUnavailableException>(() => _session.WriteAsync(queue, Messages.Run(next, 1)));

        // There is room for a segment again, but not for another reserve beside it.
        _disk.IsFull = false;
        _disk.Quota = FaultyDisk.Used(_home.Folder) + _home.Options.SegmentSize + (_home.Options.Reserve / 2);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _session.WriteAsync(queue, Messages.Run(next, 1)));
        await _session.SettleAsync(queue, new OffsetRange(0, 1));

        _disk.Quota = null;
        await _session.WriteAsync(queue, Messages.Run(next, 1));
        Assert.True(File.Exists(Path.Combine(_home.Folder, "reserve")));
        await _session.CrashAndOpenAsync();
        var offsets = await _session.ReadOffsetsAsync(await _session.TakeOverAsync(queue));
        Assert.Equal((2, next), (offsets[0], offsets[^1]));
    }

    [Fact]
    public async Task Segments_EverythingSettled_AreRemoved()
    {
        var queue = await OpenAsync();
        await FillAsync(queue, 1000);

        Assert.True(_home.Segments.Length > 5);
        await _session.SettleAsync(queue, new OffsetRange(0, 1000));
        await TidyAsync();

        // What is kept of dead bytes is bounded by the options: two segments and the last.
        Assert.InRange(_home.Segments.Length, 1, 4);
        await ExpectAsync(queue, 0, 0);
    }

    [Fact]
    public async Task Segments_OneCannotBeRemoved_ThoseAfterItStayUntilItCan()
    {
        _home.Log.Watched.Expect(NotRemoved);
        var queue = await OpenAsync();
        await FillAsync(queue, 1000);

        var before = _home.Segments;
        _disk.Undeletable = Path.GetFileName(before[0]);
        await _session.SettleAsync(queue, new OffsetRange(0, 1000));
        await TidyAsync();
        await _session.WriteAsync(queue, Messages.Run(1000, 10));
        Assert.Equal(before, _home.Segments.Take(before.Length));
        Assert.Contains(before[0], Assert.Single(_home.Log.Warnings), StringComparison.Ordinal);

        await ExpectAsync(queue, 1000, 1010);
        queue = await _session.TakeOverAsync(queue);
        await TidyAsync();
        _disk.Undeletable = null;
        await UntilAsync(async () =>
        {
            await TidyAsync();
            return _home.Segments.Length <= 4;
        });
        await ExpectAsync(queue, 1000, 1010);
    }

    [Fact]
    public async Task Tidy_Idle_WritesZerosAheadOnceAndAsMuchAsIsUsed()
    {
        var queue = await OpenAsync();
        var ahead = _home.Options.WrittenAhead;
        Assert.InRange(await TidyAsync(), ahead - (ahead / 4), ahead);
        Assert.Equal(0, await TidyAsync());

        await _session.WriteAsync(queue, Messages.Run(10, 10, size: ahead / 20));
        Assert.InRange(await TidyAsync(), ahead / 4, ahead);
        foreach (var crash in new[] { true, false })
        {
            await _session.RestartAsync(crash);
            await TidyAsync();
            queue = await _session.TakeOverAsync(queue);
            await _session.WriteAsync(queue, Messages.Run(crash ? 20 : 30, 10));
        }

        await ExpectAsync(queue, 0, 40);
        Assert.Empty(_home.Log.Warnings);
    }

    [Fact]
    public async Task Tidy_WritingAheadFails_GoesOnInAnotherSegment()
    {
        _home.Log.Watched.Expect(SegmentGivenUp);
        var queue = await OpenAsync();
        _disk.WriteOnly = 100;
        await Assert.ThrowsAsync<StoreUnavailableException>(TidyAsync);
        _disk.WriteOnly = null;
        await _session.WriteAsync(queue, Messages.Run(10, 10));
        await ExpectAsync(queue, 0, 20);
    }

    [Fact]
    public async Task Segments_OneMessageInAThousandLeft_AreCleanedWithoutFurtherFlushes()
    {
        var queue = await OpenAsync();
        for (var i = 1; i < 100; i++)
        {
            await _session.WriteAsync(queue, Messages.Run(i * 100, 100, size: 100));
        }

        List<OffsetRange> settled = [];
        for (var i = 0; i < 10; i++)
        {
            settled.Add(new OffsetRange(i * 1000 + 1, 999));
        }

        await _session.SettleAsync(queue, [new OffsetRange(0, 1), .. settled]);
        await _session.Store.ReadRowsAsync("t", CancellationToken.None);
        await TidyAsync();
        Assert.InRange(_home.Segments.Length, 1, 4);
        Assert.Empty(_home.Log.Errors);
        foreach (var crash in new[] { true, false })
        {
            Assert.Equal(Enumerable.Range(1, 9).Select(thousand => thousand * 1000L), await _session.ReadOffsetsAsync(queue));
            await _session.RestartAsync(crash);
            queue = await _session.TakeOverAsync(queue);
            Assert.Equal(9, queue.Backlog.Count);
        }
    }

    [Fact]
    public async Task Segments_RowsAndIdleQueuesInThem_AreMovedAlong()
    {
        var idle = await OpenAsync();
        var busy = await _session.CreateAsync("busy");
        await _session.WriteRowsAsync(new RowChange(new RowKey("t", "k"), new byte[] { 1, 2, 3 }));
        var first = _home.Segments[0];
        for (var i = 0; i < 400; i++)
        {
            await _session.FlushAsync(new QueueChanges(busy) { Runs = { Messages.Run(i * 10, 10, size: 500) }, Settled = { new OffsetRange(i * 10 - 10, 10) } });
        }

        Assert.False(File.Exists(first));
        await _session.CrashAndOpenAsync();
        Assert.Equal([1, 2, 3], (await _session.Store.ReadRowAsync(new RowKey("t", "k"), CancellationToken.None))!.Value.ToArray());
        idle = await _session.TakeOverAsync(idle);
        Assert.Equal(10, idle.Backlog.Count);
        Assert.Equal(10, (await _session.TakeOverAsync(busy)).Backlog.Count);
    }

    [Fact]
    public async Task Segments_SharedRecords_StayShared()
    {
        await OpenAsync();
        var queues = new List<StoredQueue>();
        for (var i = 0; i < 10; i++)
        {
            queues.Add(await _session.CreateAsync($"shared{i}"));
        }

        var shared = Messages.Run(0, 10, size: 5000);
        await _session.FlushAsync([.. queues.Select(queue => new QueueChanges(queue) { Runs = { shared }, Settled = { new OffsetRange(4, 1) } })]);
        var busy = await _session.CreateAsync("busy");
        var first = _home.Segments[0];
        for (var i = 0; i < 300; i++)
        {
            await _session.FlushAsync(new QueueChanges(busy) { Runs = { Messages.Run(i * 10, 10, size: 500) }, Settled = { new OffsetRange(i * 10 - 10, 10) } });
        }

        Assert.False(File.Exists(first));
        Assert.InRange(_home.Segments.Sum(file => new FileInfo(file).Length), 0, 800_000);
        await _session.ReopenAsync();
        foreach (var queue in queues)
        {
            Assert.Equal(Messages.Of(shared).Where(message => message.Offset != 4), await _session.ReadAsync(await _session.TakeOverAsync(queue)));
        }
    }

    /// <summary>Of four queues, or of eight, some consume, and the others do not.</summary>
    [Theory]
    [InlineData(4, 1)]
    [InlineData(8, 2)]
    [InlineData(8, 3)]
    public async Task Segments_SharedRecordsThatFewStillNeed_AreMovedOnce(int count, int left)
    {
        await OpenAsync();
        var queues = new List<StoredQueue>();
        for (var i = 0; i < count; i++)
        {
            queues.Add(await _session.CreateAsync($"shared{i}"));
        }

        var runs = Enumerable.Range(0, 120).Select(static i => Messages.Run(i * 10, 10, size: 500)).ToArray();
        foreach (var run in runs)
        {
            await _session.FlushAsync([.. queues.Select(queue => new QueueChanges(queue) { Runs = { run } })]);
        }

        await _session.FlushAsync([.. queues.Skip(left).Select(static queue => new QueueChanges(queue) { Settled = { new OffsetRange(0, 1_200) } })]);
        var before = _disk.Written;
        var steps = 0;
        while (await _session.Store.TidyAsync(CancellationToken.None))
        {
            Assert.True(++steps < 1_000, $"{_disk.Written - before} bytes were moved, and there is no end of it.");
        }

        // Once, and written ahead of.
        Assert.InRange(_disk.Written - before, 0, 1_500_000);
        await _session.ReopenAsync();
        foreach (var queue in queues.Take(left))
        {
            Assert.Equal(runs.SelectMany(static run => Messages.Of(run)), await _session.ReadAsync(await _session.TakeOverAsync(queue)));
        }
    }

    [Fact]
    public async Task Flush_NobodyWaits_IsNotSynced()
    {
        var queue = await OpenAsync();
        var before = _disk.Syncs;
        await _session.TryFlushAsync([new QueueChanges(queue) { Runs = { Messages.Run(10, 10) } }], mustSync: false);
        Assert.Equal(before, _disk.Syncs);
        await _session.WriteAsync(queue, Messages.Run(20, 10));
        Assert.Equal(before + 1, _disk.Syncs);
    }

    [Fact]
    public async Task TakeOver_ManyAtOnce_ShareSyncs()
    {
        await _session.OpenAsync();
        var before = _disk.Syncs;
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var goes = new TaskCompletionSource();
        _disk.Hold = (begun, goes.Task);
        var first = Task.Run(() => _session.TakeOverAsync(StoreSession.Identity("first")));
        await begun.Task;

        var others = Enumerable.Range(0, 500).Select(i => _session.TakeOverAsync(StoreSession.Identity($"q{i}"))).ToList();
        goes.SetResult();
        await Task.WhenAll([first, .. others]);
        Assert.Equal(before + 2, _disk.Syncs);
    }

    [Fact]
    public async Task Scratch_OpenedAgain_IsEmptyAndNeverSyncs()
    {
        await using var session = new StoreSession(new FileStoreHome(_disk, options => options with { Scratch = true }));
        await session.OpenAsync();
        var before = _disk.Syncs;
        var queue = await session.CreateAsync();
        for (var i = 0; i < 50; i++)
        {
            await session.WriteAsync(queue, Messages.Run(i * 10, 10, size: 1000, persistent: false));
        }

        Assert.Equal(500, (await session.ReadOffsetsAsync(queue)).Length);
        Assert.Equal(before, _disk.Syncs);
        await session.ReopenAsync();
        Assert.Equal(0, (await session.TakeOverAsync(queue)).Backlog.Count);
    }

    [Fact]
    public async Task Flush_ManyMessages_AllocatesNothingPerMessage()
    {
        var queue = await OpenAsync();
        var flush = new Flush { MustSync = false };
        flush.Queues.Add(new QueueChanges(queue));
        var template = Messages.Run(0, 300, size: 100);
        long allocated = 0;
        for (var round = 0; round < 10; round++)
        {
            flush.Queues[0].Runs.Clear();
            for (var i = 0; i < 10; i++)
            {
                flush.Queues[0].Runs.Add(template with { First = 1000 + (round * 10 + i) * 300 });
            }

            var before = GC.GetAllocatedBytesForCurrentThread();
            await _session.Store.FlushAsync(flush, CancellationToken.None);
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        // 3000 messages in each.
        Assert.InRange(allocated, 0, 30_000);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _session.DisposeAsync();

    /// <summary>A queue with ten messages.</summary>
    private async Task<StoredQueue> OpenAsync()
    {
        await _session.OpenAsync();
        var queue = await _session.CreateAsync();
        await _session.WriteAsync(queue, Messages.Run(0, 10, size: 1000));
        return queue;
    }

    /// <summary>Does all there is to do in an idle moment; returns how many bytes were written for it.</summary>
    /// <summary>Up to an offset, behind the first ten.</summary>
    private async Task FillAsync(StoredQueue queue, int end)
    {
        for (var first = 10; first < end; first += 10)
        {
            await _session.WriteAsync(queue, Messages.Run(first, 10, size: 1000));
        }
    }

    private async Task<long> TidyAsync()
    {
        var before = _disk.Written;
        while (await _session.Store.TidyAsync(CancellationToken.None))
        {
        }

        return _disk.Written - before;
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!await condition())
        {
            await Task.Delay(20, limit.Token);
        }
    }

    private async Task ExpectAsync(StoredQueue queue, int first, int end)
    {
        var expected = Enumerable.Range(first, end - first).Select(offset => (long)offset);
        Assert.Equal(expected, await _session.ReadOffsetsAsync(queue));
        await _session.CrashAndOpenAsync();
        queue = await _session.TakeOverAsync(queue);
        Assert.Equal(expected, await _session.ReadOffsetsAsync(queue));
        await _session.ReopenAsync();
        Assert.Equal(expected, await _session.ReadOffsetsAsync(await _session.TakeOverAsync(queue)));
    }
}
