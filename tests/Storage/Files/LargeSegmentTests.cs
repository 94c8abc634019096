using Granary.Core.Links;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Files;
using Microsoft.Win32.SafeHandles;

namespace Granary.Storage.Tests.Files;

/// <summary>Segments that are larger than what is read of one at once: all of a flush is in one segment, however large it is.</summary>
public sealed class LargeSegmentTests
{
    [Fact]
    public async Task Open_SegmentLargerThanWhatIsReadAtOnce_HasAllOfIt()
    {
        var home = new FileStoreHome(configure: static options => options with { ReadAtOnce = 4 << 10 });
        await using var session = new StoreSession(home);
        await session.OpenAsync();
        var queue = await session.CreateAsync();
        var large = new QueueChanges(queue);
        for (var first = 0; first < 400; first += 10)
        {
            large.Runs.Add(Messages.Run(first, 10, size: 1_000));
        }

        await session.FlushAsync(large);
        Assert.InRange(new FileInfo(home.Segments[^1]).Length, 400_000, 500_000);
        await session.FlushAsync(new QueueChanges(queue) { Runs = { Messages.Run(400, 1, size: 20_000) }, Settled = { new OffsetRange(5, 1) } });
        await session.WriteRowsAsync(new RowChange(new RowKey("t", "k"), new byte[] { 1, 2, 3 }));
        foreach (var crash in new[] { true, false })
        {
            await session.RestartAsync(crash);
            queue = await session.TakeOverAsync(queue);
            Assert.Equal(Enumerable.Range(0, 401).Select(static offset => (long)offset).Where(static offset => offset != 5), await session.ReadOffsetsAsync(queue));
            Assert.Equal([1, 2, 3], (await session.Store.ReadRowAsync(new RowKey("t", "k"), CancellationToken.None))!.Value.ToArray());
        }

        Assert.Empty(home.Log.Warnings);
    }

    /// <summary>Most of it is a hole that takes no room.</summary>
    [Fact]
    public async Task Open_SegmentOfMoreThanTwoGibibytes_HasAllOfIt()
    {
        var home = new FileStoreHome(new SparseDisk());
        await using var session = new StoreSession(home);
        await session.OpenAsync();
        var queue = await session.CreateAsync();
        await session.WriteAsync(queue, Messages.Run(0, 10));
        await session.Store.DisposeAsync();
        using (var segment = File.OpenWrite(home.Segments[^1]))
        {
            segment.SetLength((2L << 30) + (1 << 20));
        }

        await session.OpenAsync();
        queue = await session.TakeOverAsync(queue);
        Assert.Equal(10, queue.Backlog.Count);
        await session.WriteAsync(queue, Messages.Run(10, 10));
        await session.ReopenAsync();
        Assert.Equal(20, (await session.ReadOffsetsAsync(await session.TakeOverAsync(queue))).Length);
    }

    /// <summary>A disk that sets no room aside.</summary>
    private sealed class SparseDisk : Disk
    {
        public override void Allocate(SafeFileHandle handle, long size) => RandomAccess.SetLength(handle, Math.Max(size, RandomAccess.GetLength(handle)));
    }
}

/// <summary>Damage is found, and repaired, in the same way in segments of which only a part is in memory.</summary>
public sealed class LargeSegmentDamageTests() : FileStoreDamageTests(readAtOnce: 200);
