using Granary.Core.Links;
using Granary.Silo.Storage;

namespace Granary.Storage.Tests.Files;

/// <summary>Folders that fail to sync: whether files are there, or gone, is not known from then on.</summary>
public sealed class FolderSyncTests : IAsyncLifetime
{
    private const int SegmentGivenUp = 3316, NotRemoved = 3319;

    private readonly FaultyDisk _disk = new();
    private readonly FileStoreHome _home;
    private readonly StoreSession _session;

    public FolderSyncTests()
    {
        _home = new FileStoreHome(_disk);
        _session = new StoreSession(_home);
    }

    [Fact]
    public async Task Flush_FolderOfANewSegmentFailsToSync_EndsTheStore()
    {
        _home.Log.Watched.Expect(SegmentGivenUp);
        await _session.OpenAsync();
        var queue = await _session.CreateAsync();
        _disk.UnsyncableFolder = "log";
        var next = 0;
        var lost = await Record.ExceptionAsync(async () =>
        {
            for (; next < 1_000; next += 10)
            {
                await _session.WriteAsync(queue, Messages.Run(next, 10, size: 1_000));
            }
        });
        Assert.IsType<StoreLostException>(lost);

        // The system says so only once.
        _disk.UnsyncableFolder = null;
        await Assert.ThrowsAsync<StoreLostException>(() => _session.WriteAsync(queue, Messages.Run(next, 10, size: 1_000)));
        await _session.ReopenAsync();
        queue = await _session.TakeOverAsync(queue);
        Assert.Equal(Enumerable.Range(0, next).Select(static offset => (long)offset), await _session.ReadOffsetsAsync(queue));
        await _session.WriteAsync(queue, Messages.Run(next, 10));
    }

    /// <summary>The segment may be back after a crash. If the next ones were removed, too, the log would have a gap.</summary>
    [Fact]
    public async Task Segments_FolderFailsToSyncAfterOneWasRemoved_RemovesNoOtherAndEndsTheStore()
    {
        _home.Log.Watched.Expect(SegmentGivenUp);
        var queue = await FillAsync();
        var before = _home.Segments;
        _disk.UnsyncableFolder = "log";
        var lost = await Record.ExceptionAsync(() => DrainAsync(queue));
        Assert.IsType<StoreLostException>(lost);
        Assert.Equal(before.Skip(1), _home.Segments.Take(before.Length - 1));

        _disk.UnsyncableFolder = null;
        await Assert.ThrowsAsync<StoreLostException>(() => _session.Store.TidyAsync(CancellationToken.None).AsTask());
        Assert.Equal(before.Skip(1), _home.Segments.Take(before.Length - 1));
        await _session.ReopenAsync();
        await _session.WriteAsync(await _session.TakeOverAsync(queue), Messages.Run(1_000, 10));
    }

    /// <summary>Then the disk was not asked, and has dropped nothing.</summary>
    [Fact]
    public async Task Segments_FolderCannotBeOpened_AreRemovedLater()
    {
        _home.Log.Watched.Expect(NotRemoved);
        var queue = await FillAsync();
        _disk.HasNoHandles = true;
        await DrainAsync(queue);
        _disk.HasNoHandles = false;
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (_home.Segments.Length > 4)
        {
            await Task.Delay(20, limit.Token);
            await TidyAsync();
        }

        Assert.Single(_home.Log.Warnings);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _session.DisposeAsync();

    /// <summary>A queue with a thousand messages, in several segments.</summary>
    private async Task<StoredQueue> FillAsync()
    {
        await _session.OpenAsync();
        var queue = await _session.CreateAsync();
        for (var first = 0; first < 1_000; first += 10)
        {
            await _session.WriteAsync(queue, Messages.Run(first, 10, size: 1_000));
        }

        return queue;
    }

    private async Task DrainAsync(StoredQueue queue)
    {
        await _session.SettleAsync(queue, new OffsetRange(0, 1_000));
        await TidyAsync();
    }

    private async Task TidyAsync()
    {
        while (await _session.Store.TidyAsync(CancellationToken.None))
        {
        }
    }
}
