using Granary.Core.Links;
using Granary.Silo.Storage;

namespace Granary.Storage.Tests.Files;

/// <summary>A full disk of which a part has become free: enough for a segment, and not for the reserve beside it.</summary>
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

    [Fact]
    public async Task Segment_WithoutAReserveBesideIt_IsLeftToSettlements()
    {
        _home.Log.Watched.Expect(ReserveUsed);
        await _session.OpenAsync();
        var queue = await _session.CreateAsync();
        for (var first = 0; first < Count; first += 100)
        {
            await _session.WriteAsync(queue, Messages.Run(first, 100, size: 200));
        }

        _disk.Quota = FaultyDisk.Used(_home.Folder);
        var offset = await SettleIntoNextSegmentAsync(queue, 1);
        _disk.Quota = FaultyDisk.Used(_home.Folder) + _home.Options.SegmentSize;
        offset = await SettleIntoNextSegmentAsync(queue, offset);

        Assert.Equal(_home.Options.SegmentSize, new FileInfo(_home.Segments[^1]).Length);
        Assert.False(File.Exists(Reserve));
        _disk.Quota = FaultyDisk.Used(_home.Folder);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _session.WriteAsync(queue, Messages.Run(Count, 1)));
        await _session.SettleAsync(queue, new OffsetRange(offset, 1));

        _disk.Quota = null;
        await _session.WriteAsync(queue, Messages.Run(Count, 1));
        Assert.True(File.Exists(Reserve));
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _session.DisposeAsync();

    private string Reserve => Path.Combine(_home.Folder, "reserve");

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
