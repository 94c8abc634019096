using System.Buffers.Binary;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Files;

namespace Granary.Storage.Tests.Files;

/// <summary>Files that are not as they were written: a last flush that was cut short, damage, other formats.</summary>
public class FileStoreDamageTests : IAsyncLifetime
{
    private readonly FileStoreHome _home = new();
    private readonly StoreSession _session;
    private readonly int _readAtOnce;

    public FileStoreDamageTests()
        : this(new FileStoreOptions("").ReadAtOnce)
    {
    }

    protected FileStoreDamageTests(int readAtOnce) => (_session, _readAtOnce) = (new StoreSession(_home), readAtOnce);

    private string LastSegment => _home.Segments[^1];

    [Fact]
    public async Task Open_LastFlushTruncatedAtAnyByte_CutsItOff()
    {
        var (queue, start, end) = await WriteThreeFlushesAsync();
        for (var length = start; length < end; length++)
        {
            await using var damaged = await DamagedAsync(file => file.SetLength(length));
            await damaged.OpenAsync();

            Assert.Equal(Enumerable.Range(0, 10).Select(offset => (long)offset), await damaged.ReadOffsetsAsync(await damaged.TakeOverAsync(queue)));
            Assert.Equal(length - start >= 1 ? 1 : 0, damaged.Home.Log.Warnings.Count());
        }
    }

    [Fact]
    public async Task Open_AnyByteOfTheLastFlushFlipped_CutsItOffOrHasAllOfIt()
    {
        var (queue, start, end) = await WriteThreeFlushesAsync();
        for (var at = start; at < end; at++)
        {
            await using var damaged = await DamagedAsync(file => Flip(file, at));
            await damaged.OpenAsync();

            var offsets = await damaged.ReadOffsetsAsync(await damaged.TakeOverAsync(queue));
            if (offsets.Length == 15)
            {
                // The padding between entries says nothing.
                Assert.Empty(damaged.Home.Log.Warnings);
                continue;
            }

            Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], offsets);
            Assert.Contains(Path.GetFileName(LastSegment), Assert.Single(damaged.Home.Log.Warnings));
            await damaged.WriteAsync(await damaged.TakeOverAsync(queue), Messages.Run(10, 1));
            await damaged.ReopenAsync();
            Assert.Equal(Enumerable.Range(0, 11).Select(offset => (long)offset), await damaged.ReadOffsetsAsync(await damaged.TakeOverAsync(queue)));
        }
    }

    [Fact]
    public async Task Open_AnyByteOfASyncedFlushFlipped_RefusesByNameAndPosition()
    {
        var (queue, start, end) = await WriteThreeFlushesAsync();
        await _session.WriteAsync(queue, Messages.Run(15, 1));
        await _session.WriteAsync(queue, Messages.Run(16, 1));
        var refused = 0;
        for (var at = start; at < end; at++)
        {
            await using var damaged = await DamagedAsync(file => Flip(file, at));
            try
            {
                await damaged.OpenAsync();
                Assert.Equal(17, (await damaged.ReadOffsetsAsync(await damaged.TakeOverAsync(queue))).Length);
            }
            catch (StoreException e)
            {
                refused++;
                Assert.Contains(Path.GetFileName(LastSegment), e.Message, StringComparison.Ordinal);
                Assert.Contains("at byte ", e.Message, StringComparison.Ordinal);
                Assert.Contains("--repair", e.Message, StringComparison.Ordinal);
            }
        }

        Assert.True(refused > (end - start) * 9 / 10, $"{refused} of {end - start} flips were refused");
    }

    [Fact]
    public async Task Open_LastFlushDamagedAfterAnOrderlyEnd_Refuses()
    {
        var (_, start, _) = await WriteThreeFlushesAsync();
        await _session.Store.DisposeAsync();
        await using var damaged = await DamagedAsync(file => Flip(file, start + 20));

        await Assert.ThrowsAsync<StoreException>(damaged.OpenAsync);
    }

    [Fact]
    public async Task Open_AnyByteOfAHeaderFlipped_Refuses()
    {
        await WriteThreeFlushesAsync();
        for (var at = 0; at < SegmentHeader.Size; at++)
        {
            await using var damaged = await DamagedAsync(file => Flip(file, at));
            Assert.Contains(Path.GetFileName(LastSegment), (await Assert.ThrowsAsync<StoreException>(damaged.OpenAsync)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Open_EarlierSegmentTruncatedOrMissing_Refuses()
    {
        await _session.OpenAsync();
        var queue = await _session.CreateAsync();
        for (var i = 0; i < 40; i++)
        {
            await _session.WriteAsync(queue, Messages.Run(i * 10, 10, size: 1000));
        }

        Assert.True(_home.Segments.Length >= 4);
        var second = _home.Segments[1];
        await using var truncated = await DamagedAsync(file => file.SetLength(file.Length / 2), second);
        Assert.Contains(Path.GetFileName(second), (await Assert.ThrowsAsync<StoreException>(truncated.OpenAsync)).Message, StringComparison.Ordinal);

        await using var missing = await DamagedAsync(file => file.SetLength(0), second);
        File.Delete(Path.Combine(missing.Home.Folder, "log", Path.GetFileName(second)));
        Assert.Contains(Path.GetFileName(second), (await Assert.ThrowsAsync<StoreException>(missing.OpenAsync)).Message, StringComparison.Ordinal);

        foreach (var damaged in new[] { truncated, missing })
        {
            await damaged.OpenAsync(repair: true);
            Assert.NotEmpty(damaged.Home.Log.Errors);
            var left = await damaged.ReadOffsetsAsync(await damaged.TakeOverAsync(queue));
            Assert.InRange(left.Length, 200, 390);
            await damaged.ReopenAsync();
            Assert.Equal(left, await damaged.ReadOffsetsAsync(await damaged.TakeOverAsync(queue)));
        }
    }

    [Fact]
    public async Task Repair_OneDamagedBatch_DropsItAndSaysHowMuchThatIs()
    {
        var (queue, start, _) = await WriteThreeFlushesAsync();
        await _session.WriteAsync(queue, Messages.Run(15, 5));
        await _session.FlushAsync(new QueueChanges(queue) { Settled = { new(3, 1) }, OffsetBound = 100 });
        await using var damaged = await DamagedAsync(file => Flip(file, start + LogEntry.BatchHeadSize + 30));
        await Assert.ThrowsAsync<StoreException>(damaged.OpenAsync);

        await damaged.OpenAsync(repair: true);
        var error = Assert.Single(damaged.Home.Log.Errors);
        Assert.Contains("1 entries and 5 messages", error, StringComparison.Ordinal);
        long[] left = [0, 1, 2, 4, 5, 6, 7, 8, 9, 15, 16, 17, 18, 19];
        Assert.Equal(left, await damaged.ReadOffsetsAsync(await damaged.TakeOverAsync(queue)));

        await damaged.ReopenAsync();
        queue = await damaged.TakeOverAsync(queue);
        Assert.Equal(left, await damaged.ReadOffsetsAsync(queue));
        Assert.Equal(100, queue.Backlog.NextOffset);
        Assert.Single(damaged.Home.Log.Errors);
    }

    [Fact]
    public async Task Repair_AnyByteFlipped_OpensAndIsCleanAfterwards()
    {
        var (queue, _, _) = await WriteThreeFlushesAsync();
        await _session.WriteAsync(queue, Messages.Run(15, 5));
        await _session.Store.DisposeAsync();
        var length = Array.FindLastIndex(await File.ReadAllBytesAsync(LastSegment), value => value != 0);
        for (var at = 0; at < length; at += 3)
        {
            if (at is >= 8 and < 12)
            {
                // Of a newer format, for all one can tell.
                continue;
            }

            await using var damaged = await DamagedAsync(file => Flip(file, at));
            await damaged.OpenAsync(repair: true);
            var left = await damaged.ReadAsync(await damaged.TakeOverAsync(queue));
            Assert.All(left, message => Assert.Equal(Messages.BodyOf(message.Offset, 16), message.Body));
            await damaged.ReopenAsync();
            Assert.Equal(left, await damaged.ReadAsync(await damaged.TakeOverAsync(queue)));
        }
    }

    [Fact]
    public async Task Read_BatchDamagedSinceTheStart_SaysWhere()
    {
        var (queue, start, _) = await WriteThreeFlushesAsync();
        using (var file = File.Open(LastSegment, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            Flip(file, start + LogEntry.BatchHeadSize + 10);
        }

        var e = await Assert.ThrowsAsync<StoreException>(() => _session.ReadAsync(queue));
        Assert.Contains($"{LastSegment} is damaged at byte {start}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_RandomCutsOfALongLog_HaveThePrefixThatWasWritten()
    {
        await _session.OpenAsync();
        var queue = await _session.CreateAsync();
        var random = new Random(4);
        var ends = new List<long> { 0 };
        for (var next = 0L; ends.Count < 60; ends.Add(next))
        {
            var count = random.Next(1, 20);
            await _session.WriteAsync(queue, Messages.Run(next, count, random.Next(10, 60)));
            next += count;
        }

        var length = Array.FindLastIndex(await File.ReadAllBytesAsync(LastSegment), value => value != 0) + 1;
        for (var i = 0; i < 60; i++)
        {
            var cut = random.Next(1000, length);
            await using var damaged = await DamagedAsync(file =>
            {
                file.SetLength(cut);
                file.SetLength(128 << 10);
            });
            await damaged.OpenAsync();
            var left = await damaged.ReadOffsetsAsync(await damaged.TakeOverAsync(queue));
            Assert.Equal(Enumerable.Range(0, left.Length).Select(offset => (long)offset), left);
            Assert.Contains(left.Length, ends);
        }
    }

    [Fact]
    public async Task Open_FolderInUse_IsRefusedByName()
    {
        await _session.OpenAsync();
        var e = await Assert.ThrowsAsync<StoreException>(() => _home.NewStore().OpenAsync(CancellationToken.None));
        Assert.Contains(_home.Folder, e.Message, StringComparison.Ordinal);
        Assert.Contains("in use", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("granary-store 3\n")]
    [InlineData("something else\n")]
    [InlineData("")]
    public async Task Open_FolderOfAnotherFormat_IsRefused(string format)
    {
        await _session.OpenAsync();
        await _session.Store.DisposeAsync();
        await File.WriteAllTextAsync(Path.Combine(_home.Folder, "format"), format);

        var e = await Assert.ThrowsAsync<StoreException>(() => _home.NewStore(repair: true).OpenAsync(CancellationToken.None));
        Assert.Contains(_home.Folder, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_SegmentOfANewerFormat_IsRefused()
    {
        await WriteThreeFlushesAsync();
        await using var damaged = await DamagedAsync(file => Write(file, 8, [2, 0, 0, 0]));
        Assert.Contains("newer", (await Assert.ThrowsAsync<StoreException>(() => damaged.OpenAsync(repair: true))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_EntryOfAKindItDoesNotKnow_IsRefused()
    {
        var (_, start, _) = await WriteThreeFlushesAsync();
        var id = Guid.Parse((await File.ReadAllLinesAsync(Path.Combine(_home.Folder, "format")))[1]);
        await using var damaged = await DamagedAsync(file =>
        {
            var entry = new byte[4096];
            file.Position = start;
            file.ReadExactly(entry);
            entry[12] = 99;
            var length = LogEntry.LengthAt(entry);
            var crc = Crc32C.Append(LogEntry.Seed(new SegmentHeader(1, 1, 0, id).Salt, start, length), entry.AsSpan(12..length));
            BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(8), crc);
            Write(file, start, entry[..length]);
        });

        var e = await Assert.ThrowsAsync<StoreException>(() => damaged.OpenAsync(repair: true));
        Assert.Contains($"at byte {start}", e.Message, StringComparison.Ordinal);
        Assert.Contains("(99)", e.Message, StringComparison.Ordinal);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _session.DisposeAsync();

    private static void Flip(FileStream file, long at)
    {
        file.Position = at;
        var value = file.ReadByte();
        Write(file, at, [(byte)(value ^ 0x41)]);
    }

    private static void Write(FileStream file, long at, ReadOnlySpan<byte> bytes)
    {
        file.Position = at;
        file.Write(bytes);
    }

    /// <summary>Ten messages in two flushes and five in a third, all synced, in one segment; where the third is.</summary>
    private async Task<(StoredQueue Queue, int Start, int End)> WriteThreeFlushesAsync()
    {
        await _session.OpenAsync();
        var queue = await _session.CreateAsync();
        await _session.WriteAsync(queue, Messages.Run(0, 5));
        await _session.WriteAsync(queue, Messages.Run(5, 5));
        var start = await EndOfLogAsync();
        await _session.FlushAsync(new QueueChanges(queue) { Runs = { Messages.Run(10, 5) }, OffsetBound = 20 });
        return (queue, start, await EndOfLogAsync());
    }

    /// <summary>Behind the last commit, whose last word is not zero.</summary>
    private async Task<int> EndOfLogAsync() =>
        (Array.FindLastIndex(await File.ReadAllBytesAsync(LastSegment), value => value != 0) + 8) / 8 * 8;

    private Task<DamagedCopy> DamagedAsync(Action<FileStream> damage, string? segment = null) => Task.FromResult(new DamagedCopy(_home, damage, segment ?? LastSegment, _readAtOnce));

    /// <summary>A copy of a store's files with damage done to one of them.</summary>
    private sealed class DamagedCopy : IAsyncDisposable
    {
        private readonly StoreSession _session;

        public DamagedCopy(FileStoreHome original, Action<FileStream> damage, string segment, int readAtOnce)
        {
            Home = new FileStoreHome(configure: options => options with { ReadAtOnce = readAtOnce });
            Home.Log.Watched.Allow(FileStoreEvents.Cut, FileStoreEvents.AfterFailedSync, FileStoreEvents.Repaired, FileStoreEvents.SegmentMissing, FileStoreEvents.DefinitionLost);
            _session = new StoreSession(Home);
            FileStoreHome.Copy(original.Folder, Home.Folder);
            using var file = File.Open(Path.Combine(Home.Folder, "log", Path.GetFileName(segment)), FileMode.Open, FileAccess.ReadWrite);
            damage(file);
        }

        public FileStoreHome Home { get; }

        public Task OpenAsync() => _session.OpenAsync();

        public Task OpenAsync(bool repair) => _session.OpenAsync(Home.NewStore(repair));

        public Task ReopenAsync() => _session.ReopenAsync();

        public Task<StoredQueue> TakeOverAsync(StoredQueue queue) => _session.TakeOverAsync(queue);

        public Task WriteAsync(StoredQueue queue, params Silo.Queues.Messages.MessageRun[] runs) => _session.WriteAsync(queue, runs);

        public Task<List<Message>> ReadAsync(StoredQueue queue) => _session.ReadAsync(queue);

        public Task<long[]> ReadOffsetsAsync(StoredQueue queue) => _session.ReadOffsetsAsync(queue);

        public ValueTask DisposeAsync() => _session.DisposeAsync();
    }
}
