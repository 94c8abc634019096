using Granary.Core.Links;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Files;

namespace Granary.Storage.Tests.Files;

/// <summary>A full disk: which segments are left to what frees space, also after a restart.</summary>
public sealed class FullDiskSegmentTests : IAsyncLifetime
{
    private const int ReserveUsed = 3318;
    private const int Count = 4_000;

    private readonly FaultyDisk _disk = new();
    private readonly FileStoreHome _home;
    private readonly StoreSession _session;

    public FullDiskSegmentTests()
    {
        _home = new FileStoreHome(_disk, static options => options with { Reserve = 96 << 10 });
        _session = new StoreSession(_home);
    }

    /// <summary>A part has become free: enough for a segment, and not for the reserve beside it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Segment_WithoutAReserveBesideIt_IsLeftToSettlements(bool isRestarted)
    {
        var queue = await FillAsync();
        var offset = await SettleIntoNextSegmentAsync(queue, 1);
        _disk.Quota = FaultyDisk.Used(_home.Folder) + _home.Options.SegmentSize;
        offset = await SettleIntoNextSegmentAsync(queue, offset);

        Assert.Equal(_home.Options.SegmentSize, new FileInfo(_home.Segments[^1]).Length);
        Assert.False(File.Exists(Reserve));
        _disk.Quota = FaultyDisk.Used(_home.Folder);
        if (isRestarted)
        {
            await _session.CrashAndOpenAsync();
            queue = await _session.TakeOverAsync(queue);
        }

        await TakesSettlementsOnlyAsync(queue, offset);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RestOfTheReserve_AfterARestart_IsLeftToSettlements(bool isCutOff)
    {
        var queue = await FillAsync();
        var offset = await SettleIntoNextSegmentAsync(queue, 1);
        var length = new FileInfo(_home.Segments[^1]).Length;
        Assert.InRange(length, 1, _home.Options.SegmentSize - 1);
        (_disk.LongestGrown, _disk.Quota) = (length, FaultyDisk.Used(_home.Folder));
        _home.Log.Watched.Allow(ReserveUsed);
        if (isCutOff)
        {
            _home.Log.Watched.Expect(FileStoreEvents.Cut);
            await _session.Store.DisposeAsync();
            BeginFlush(_home.Segments[^1]);
            await _session.OpenAsync();
        }
        else
        {
            await _session.CrashAndOpenAsync();
        }

        Assert.Equal(length, new FileInfo(_home.Segments[^1]).Length);
        await TakesSettlementsOnlyAsync(await _session.TakeOverAsync(queue), offset);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _session.DisposeAsync();

    private string Reserve => Path.Combine(_home.Folder, "reserve");

    /// <summary>Messages, and no room for more.</summary>
    private async Task<StoredQueue> FillAsync()
    {
        _home.Log.Watched.Expect(ReserveUsed);
        await _session.OpenAsync();
        var queue = await _session.CreateAsync();
        for (var first = 0; first < Count; first += 100)
        {
            await _session.WriteAsync(queue, Messages.Run(first, 100, size: 200));
        }

        _disk.Quota = FaultyDisk.Used(_home.Folder);
        return queue;
    }

    /// <summary>Until there is room again, when there is a reserve again, too.</summary>
    private async Task TakesSettlementsOnlyAsync(StoredQueue queue, long offset)
    {
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _session.WriteAsync(queue, Messages.Run(Count, 1)));
        await _session.SettleAsync(queue, new OffsetRange(offset, 1));

        (_disk.Quota, _disk.LongestGrown) = (null, null);
        await _session.WriteAsync(queue, Messages.Run(Count, 1));
        Assert.True(File.Exists(Reserve));
    }

    /// <summary>What a process leaves that ends while it writes.</summary>
    private static void BeginFlush(string segment)
    {
        using var file = File.OpenHandle(segment, FileMode.Open, FileAccess.ReadWrite);
        var bytes = File.ReadAllBytes(segment);
        var end = LogEntry.Padded(Array.FindLastIndex(bytes, static octet => octet != 0) + 1);
        RandomAccess.Write(file, new byte[] { 200, 0, 0, 0, 1, 2, 3, 4 }, end);
    }

    /// <summary>One message after the other, of which every second one stays, so that no segment is drained.</summary>
    /// <returns>The first offset that is not settled yet.</returns>
    private async Task<long> SettleIntoNextSegmentAsync(StoredQueue queue, long offset)
    {
        for (var last = _home.Segments[^1]; _home.Segments[^1] == last; offset += 2)
        {
            Assert.InRange(offset, 1, Count - 1);
            await _session.SettleAsync(queue, new OffsetRange(offset, 1));
        }

        return offset;
    }
}
