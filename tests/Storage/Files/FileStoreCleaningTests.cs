using Granary.Core.Links;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Storage.Tests.Files;

/// <summary>What becomes of a log of which something cannot be read when it is to be cleaned.</summary>
public sealed class FileStoreCleaningTests : IAsyncLifetime
{
    private const int CannotClean = 3317;

    private readonly FakeTimeProvider _time = new();
    private readonly FileStoreHome _home;
    private readonly StoreSession _session;

    public FileStoreCleaningTests()
    {
        _home = new FileStoreHome(time: _time);
        _session = new StoreSession(_home);
    }

    [Fact]
    public async Task Tidy_SegmentThatCannotBeReadForAWhile_IsToldOnceAndCleanedLater()
    {
        _home.Log.Watched.Expect(CannotClean);
        await _session.OpenAsync();
        var queue = await _session.CreateAsync();
        for (var first = 0; first < 1_000; first += 10)
        {
            await _session.WriteAsync(queue, Messages.Run(first, 10, size: 1_000));
        }

        // In the first of the messages, which stays.
        var oldest = _home.Segments[0];
        Flip(oldest, 600);
        await _session.SettleAsync(queue, new OffsetRange(1, 998));
        await TidyAsync();
        var before = _home.Segments.Length;
        Assert.InRange(before, 6, 20);

        // After a second it fails again, and is left alone for two.
        _time.Advance(TimeSpan.FromSeconds(1));
        await TidyAsync();
        Flip(oldest, 600);
        _time.Advance(TimeSpan.FromSeconds(1));
        await TidyAsync();
        Assert.Equal(before, _home.Segments.Length);

        _time.Advance(TimeSpan.FromSeconds(1));
        await TidyAsync();
        Assert.InRange(_home.Segments.Length, 1, 4);
        Assert.Contains(oldest, Assert.Single(_home.Log.Errors), StringComparison.Ordinal);
        await _session.CrashAndOpenAsync();
        var offsets = await _session.ReadOffsetsAsync(await _session.TakeOverAsync(queue));
        Assert.Equal<long>([0, 999], offsets);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _session.DisposeAsync();

    private static void Flip(string path, long at)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Position = at;
        var value = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(value ^ 0x41));
    }

    private async Task TidyAsync()
    {
        while (await _session.Store.TidyAsync(CancellationToken.None))
        {
        }
    }
}
