using System.Globalization;
using System.Text;
using Granary.Core.Links;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Files;

namespace Granary.Storage.Tests.Files;

/// <summary>Files that streams have of their own: what goes there, when they go, and what becomes of them when they are damaged.</summary>
public sealed class StreamFileTests : IAsyncLifetime
{
    private const int SegmentGivenUp = 3316, CannotMove = 3336;

    private readonly FaultyDisk _disk = new();
    private readonly FileStoreHome _home;
    private readonly StoreSession _session;

    public StreamFileTests()
    {
        _home = new FileStoreHome(_disk, Small);
        _session = new StoreSession(_home);
    }

    private long LogBytes => _home.Segments.Sum(file => new FileInfo(file).Length);

    [Fact]
    public async Task Stream_WithMoreThanAFile_LeavesTheLogAndIsReadAsBefore()
    {
        var stream = await WriteStreamAsync();

        Assert.InRange(_home.StreamFiles.Length, 3, 12);
        Assert.StartsWith("granary-store 2\n", await File.ReadAllTextAsync(Path.Combine(_home.Folder, "format")), StringComparison.Ordinal);
        await ExpectAsync(stream, 0, 4_000);
        foreach (var crash in new[] { true, false })
        {
            await _session.RestartAsync(crash);
            stream = await _session.TakeOverAsync(stream);
            Assert.Equal((0, 4_000, 4_000), (stream.Backlog.First, stream.Backlog.NextOffset, stream.Backlog.Count));
            await ExpectAsync(stream, 0, 4_000);
        }

        Assert.InRange(LogBytes, 0, 300_000);
        Assert.Empty(_home.Log.Warnings);
    }

    [Fact]
    public async Task Retention_BesideAnOldMessageOfAQueue_GivesRoomBackAtOnce()
    {
        await _session.OpenAsync();
        var queue = await _session.CreateAsync("old");
        await _session.WriteAsync(queue, Messages.Run(0, 1));
        var stream = await WriteStreamAsync();
        var before = _home.StreamFiles;

        await _session.SettleAsync(stream, new OffsetRange(0, 3_000));
        await TidyAsync();

        Assert.InRange(_home.StreamFiles.Length, 1, (before.Length / 3) + 1);
        await ExpectAsync(stream, 3_000, 4_000);
        await _session.CrashAndOpenAsync();
        Assert.Equal(1, (await _session.TakeOverAsync(queue)).Backlog.Count);
        stream = await _session.TakeOverAsync(stream);
        Assert.Equal((3_000, 1_000), (stream.Backlog.First, stream.Backlog.Count));
        await ExpectAsync(stream, 3_000, 4_000);
    }

    [Fact]
    public async Task Stream_Deleted_TakesItsFilesWithIt()
    {
        var stream = await WriteStreamAsync();
        await _session.FlushAsync(new QueueChanges(stream) { IsDeleted = true });
        await TidyAsync();

        Assert.Empty(_home.StreamFiles);
        await _session.ReopenAsync();
        Assert.Empty(_home.StreamFiles);
    }

    [Fact]
    public async Task Stream_DeletedJustBeforeACrash_LeavesNoFiles()
    {
        var stream = await WriteStreamAsync();
        await _session.FlushAsync(new QueueChanges(stream) { IsDeleted = true });
        await _session.CrashAndOpenAsync();
        await TidyAsync();

        Assert.Empty(_home.StreamFiles);
    }

    [Fact]
    public async Task Open_StoreWithStreamsInTheLogOnly_MovesThemWhenTheyAreTakenOver()
    {
        var home = new FileStoreHome(configure: options => Small(options) with { HasOwnFiles = static _ => false });
        await using var earlier = new StoreSession(home);
        await earlier.OpenAsync();
        var stream = await WriteStreamAsync(earlier);
        Assert.Empty(home.StreamFiles);
        Assert.StartsWith("granary-store 1\n", await File.ReadAllTextAsync(Path.Combine(home.Folder, "format")), StringComparison.Ordinal);
        FileStoreHome.Copy(home.Folder, _home.Folder);

        await _session.OpenAsync();
        stream = await _session.TakeOverAsync(stream);
        await ((FileStore)_session.Store).WhenMovedAsync();
        Assert.InRange(_home.StreamFiles.Length, 3, 12);
        await ExpectAsync(stream, 0, 4_000);
    }

    [Fact]
    public async Task Move_WithoutRoom_IsToldOnceAndLeavesTheStreamInTheLog()
    {
        _home.Log.Watched.Expect(CannotMove);
        await _session.OpenAsync();
        _disk.IsFullForStreams = true;
        var stream = await WriteStreamAsync();

        Assert.Empty(_home.StreamFiles);
        Assert.Contains("No space left", Assert.Single(_home.Log.Errors), StringComparison.Ordinal);
        await ExpectAsync(stream, 0, 4_000);
        await _session.CrashAndOpenAsync();
        stream = await _session.TakeOverAsync(stream);
        await ExpectAsync(stream, 0, 4_000);

        // A start does not wait until it is tried again.
        _disk.IsFullForStreams = false;
        await _session.ReopenAsync();
        stream = await _session.TakeOverAsync(stream);
        await ((FileStore)_session.Store).WhenMovedAsync();
        Assert.NotEmpty(_home.StreamFiles);
        await ExpectAsync(stream, 0, 4_000);
    }

    /// <summary>By then the log says that the file counts.</summary>
    [Fact]
    public async Task Move_LogCannotBeSyncedAfterwards_EndsTheStoreAndTheNextStartHasAll()
    {
        _home.Log.Watched.Expect(CannotMove);
        _home.Log.Watched.Expect(SegmentGivenUp);
        _disk.IsFullForStreams = true;
        var stream = await WriteStreamAsync();
        await _session.ReopenAsync();
        _disk.IsFullForStreams = false;
        var isFileThere = false;
        _disk.FailsSyncOf = path =>
        {
            var isFile = path.EndsWith(".stream", StringComparison.Ordinal);
            isFileThere |= isFile;
            return isFileThere && !isFile;
        };
        stream = await _session.TakeOverAsync(stream);
        await ((FileStore)_session.Store).WhenMovedAsync();
        _disk.FailsSyncOf = null;
        await Assert.ThrowsAsync<StoreLostException>(() => _session.Store.TidyAsync(CancellationToken.None).AsTask());
        Assert.NotEmpty(_home.StreamFiles);

        await _session.ReopenAsync();
        stream = await _session.TakeOverAsync(stream);
        await ExpectAsync(stream, 0, 4_000);
    }

    [Fact]
    public async Task Move_FolderFailsToSync_EndsTheStoreAndTheNextStartHasAll()
    {
        _home.Log.Watched.Expect(CannotMove, SegmentGivenUp);
        _disk.IsFullForStreams = true;
        var stream = await WriteStreamAsync();
        await _session.ReopenAsync();
        _disk.IsFullForStreams = false;
        _disk.UnsyncableFolder = "streams";
        await _session.TakeOverAsync(stream);
        await ((FileStore)_session.Store).WhenMovedAsync();

        // The system says so only once.
        _disk.UnsyncableFolder = null;
        await Assert.ThrowsAsync<StoreLostException>(() => _session.Store.TidyAsync(CancellationToken.None).AsTask());
        await _session.ReopenAsync();
        stream = await _session.TakeOverAsync(stream);
        await ExpectAsync(stream, 0, 4_000);
    }

    [Fact]
    public async Task Open_FileThatWasNotFinished_IsRemoved()
    {
        var stream = await WriteStreamAsync();
        var unfinished = Path.Combine(_home.Folder, "streams", "80000ff0.stream");
        await _session.Store.DisposeAsync();
        await File.WriteAllBytesAsync(unfinished, new byte[1_000]);

        await _session.OpenAsync();
        Assert.False(File.Exists(unfinished));
        await ExpectAsync(await _session.TakeOverAsync(stream), 0, 4_000);
    }

    [Fact]
    public async Task Read_FileDamagedSinceTheStart_SaysWhereAndIsRepaired()
    {
        _home.Log.Watched.Expect(FileStoreEvents.Repaired);
        var stream = await WriteStreamAsync();
        var file = _home.StreamFiles[1];
        Flip(file, 3_000);

        var e = await Assert.ThrowsAsync<StoreException>(() => _session.ReadAsync(stream));
        Assert.Contains(file, e.Message, StringComparison.Ordinal);
        Assert.Contains("--repair", e.Message, StringComparison.Ordinal);

        await _session.Store.DisposeAsync();
        await _session.OpenAsync(_home.NewStore(repair: true));
        var left = await _session.ReadOffsetsAsync(await _session.TakeOverAsync(stream));
        Assert.Contains(
            string.Create(CultureInfo.InvariantCulture, $"1 entries and {4_000 - left.Length} messages"), Assert.Single(_home.Log.Errors), StringComparison.Ordinal);
        Assert.InRange(left.Length, 3_000, 3_990);
        Assert.Equal((0, 3_999), (left[0], left[^1]));

        await _session.ReopenAsync();
        Assert.Equal(left, await _session.ReadOffsetsAsync(await _session.TakeOverAsync(stream)));
        Assert.Single(_home.Log.Errors);
    }

    [Fact]
    public async Task Open_IndexDamaged_RefusesByNameAndIsRepairedWithoutLoss()
    {
        _home.Log.Watched.Expect(FileStoreEvents.Repaired);
        var stream = await WriteStreamAsync();
        var file = _home.StreamFiles[^1];
        await _session.Store.DisposeAsync();
        Flip(file, new FileInfo(file).Length - LogEntry.CommitSize - 10);

        var e = await Assert.ThrowsAsync<StoreException>(() => _session.OpenAsync());
        Assert.Contains(file, e.Message, StringComparison.Ordinal);
        Assert.Contains("--repair", e.Message, StringComparison.Ordinal);

        await _session.OpenAsync(_home.NewStore(repair: true));
        await ExpectAsync(await _session.TakeOverAsync(stream), 0, 4_000);
        await _session.ReopenAsync();
        await ExpectAsync(await _session.TakeOverAsync(stream), 0, 4_000);
    }

    [Fact]
    public async Task Open_FileMissing_RefusesByNameAndIsRepairedWithoutIt()
    {
        _home.Log.Watched.Expect(FileStoreEvents.SegmentMissing);
        var stream = await WriteStreamAsync();
        var file = _home.StreamFiles[0];
        await _session.Store.DisposeAsync();
        File.Delete(file);

        var e = await Assert.ThrowsAsync<StoreException>(() => _session.OpenAsync());
        Assert.Contains(file, e.Message, StringComparison.Ordinal);

        await _session.OpenAsync(_home.NewStore(repair: true));
        var left = await _session.ReadOffsetsAsync(await _session.TakeOverAsync(stream));
        Assert.InRange(left.Length, 2_000, 3_900);
        Assert.Equal(3_999, left[^1]);
        await _session.ReopenAsync();
        Assert.Equal(left, await _session.ReadOffsetsAsync(await _session.TakeOverAsync(stream)));
    }

    [Fact]
    public async Task Repair_RowOfAFileLostWithTheLog_TakesTheFileInAgain()
    {
        _home.Log.Watched.Expect(FileStoreEvents.Repaired);
        var stream = await WriteStreamAsync();
        await _session.Store.DisposeAsync();
        var name = Encoding.UTF8.GetBytes(StreamFileRow.Table);
        var isDone = false;
        foreach (var segment in _home.Segments.Reverse())
        {
            var at = (await File.ReadAllBytesAsync(segment)).AsSpan().LastIndexOf(name);
            if (at >= 0 && !isDone)
            {
                Flip(segment, at);
                isDone = true;
            }
        }

        Assert.True(isDone);
        await Assert.ThrowsAsync<StoreException>(() => _session.OpenAsync());
        await _session.OpenAsync(_home.NewStore(repair: true));
        await ExpectAsync(await _session.TakeOverAsync(stream), 0, 4_000);
        await _session.ReopenAsync();
        await ExpectAsync(await _session.TakeOverAsync(stream), 0, 4_000);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _session.DisposeAsync();

    private static FileStoreOptions Small(FileStoreOptions options) =>
        options with { SegmentSize = 64 << 10, DeadBytesAllowed = 32 << 10, LeastStreamFile = 64 << 10, MostStreamFile = 128 << 10, StreamBytesInLog = 8 << 10 };

    private static void Flip(string path, long at)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Position = at;
        var value = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(value ^ 0x41));
    }

    private Task<StoredQueue> WriteStreamAsync() => WriteStreamAsync(_session);

    /// <summary>4,000 messages of 100 bytes.</summary>
    private static async Task<StoredQueue> WriteStreamAsync(StoreSession session)
    {
        if (!session.IsOpen)
        {
            await session.OpenAsync();
        }

        var stream = session.Store.Create(StoreSession.Identity("%2F/stream") with { IsStream = true }, 1);
        await session.FlushAsync(new QueueChanges(stream) { IsCreated = true });
        for (var first = 0; first < 4_000; first += 40)
        {
            await session.WriteAsync(stream, Messages.Run(first, 40, size: 100));
        }

        await ((FileStore)session.Store).WhenMovedAsync();
        await TidyAsync(session);
        return stream;
    }

    private async Task ExpectAsync(StoredQueue stream, long first, long end) =>
        Assert.Equal(
            Enumerable.Range((int)first, (int)(end - first)).Select(offset => (offset, Messages.BodyOf(offset, 100))),
            (await _session.ReadAsync(stream)).Select(message => ((int)message.Offset, message.Body)));

    private Task TidyAsync() => TidyAsync(_session);

    private static async Task TidyAsync(StoreSession session)
    {
        while (await session.Store.TidyAsync(CancellationToken.None))
        {
        }
    }
}
