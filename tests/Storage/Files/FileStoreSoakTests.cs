using System.Diagnostics;
using Granary.Core.Links;
using Granary.Silo.Storage;
using Xunit.Abstractions;

namespace Granary.Storage.Tests.Files;

/// <summary>How fast the store is on this machine, beside what the disk does without it, and a backlog of 10 million messages.</summary>
public sealed class FileStoreSoakTests(ITestOutputHelper output) : IAsyncDisposable
{
    private readonly FileStoreHome _home = new(
        configure: options => options with { SegmentSize = 64 << 20, DeadBytesAllowed = 64 << 20, CleaningStep = 4 << 20, Reserve = 8 << 20 });

    private StoreSession? _session;

    private StoreSession Session => _session ??= new StoreSession(_home);

    [SoakFact]
    public async Task Flushes_OfOneKilobyteMessages_AgainstTheDiskAlone()
    {
        await Session.OpenAsync();
        var queue = await Session.CreateAsync();
        var chunk = Messages.Run(0, 60, size: 1024);
        var next = 0L;
        foreach (var (chunks, rounds) in new[] { (16, 400), (128, 100), (16, 400), (128, 100) })
        {
            // Each run has an array of its own, as those of connections do.
            var runs = Enumerable.Range(0, chunks).Select(_ => chunk with { Records = chunk.Records.ToArray() }).ToArray();
            var bytes = Messages.BytesOf(runs);
            var raw = Raw((int)bytes, rounds);
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < rounds; i++)
            {
                var changes = new QueueChanges(queue);
                foreach (var run in runs)
                {
                    changes.Runs.Add(run with { First = next });
                    next += run.Count;
                }

                changes.Settled.Add(new OffsetRange(next - 60 * chunks, 60 * chunks));
                await Session.FlushAsync(changes);
            }

            var rate = bytes * rounds / Stopwatch.GetElapsedTime(started).TotalSeconds / 1e6;
            output.WriteLine($"flushes of {bytes >> 10} KiB: {rate:F0} MB/s, the disk alone {raw:F0} MB/s");
            Assert.True(rate > raw / 4, "a flush is not much more than its write");
        }
    }

    [SoakFact]
    public async Task Flushes_OfOneMessage_AgainstTheDiskAlone()
    {
        await Session.OpenAsync();
        var queue = await Session.CreateAsync();
        var message = Messages.Run(0, 1, size: 1024);
        for (var round = 0; round < 3; round++)
        {
            var raw = Raw(1200, 3000) * 1e6 / 1200;
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < 3000; i++)
            {
                await Session.WriteAsync(queue, message with { First = round * 3000 + i });
            }

            var rate = 3000 / Stopwatch.GetElapsedTime(started).TotalSeconds;
            output.WriteLine($"synced flushes of one message: {rate:F0}/s, the disk alone {raw:F0}/s");
        }
    }

    [SoakFact]
    public async Task Backlog_TenMillionMessages_IsReadySoonAndReadBackFast()
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await Session.OpenAsync();
        var queue = await Session.CreateAsync();
        var chunk = Messages.Run(0, 500, size: 100);
        const int total = 10_000_000;
        var started = Stopwatch.GetTimestamp();
        for (var next = 0; next < total;)
        {
            var changes = new QueueChanges(queue) { OffsetBound = total };
            for (var i = 0; i < 40 && next < total; i++, next += chunk.Count)
            {
                changes.Runs.Add(chunk with { First = next });
            }

            await Session.FlushAsync(changes);
        }

        var bytes = _home.Segments.Sum(file => new FileInfo(file).Length);
        output.WriteLine($"written: {bytes >> 20} MiB in {Stopwatch.GetElapsedTime(started).TotalSeconds:F2} s");
        for (var round = 0; round < 2; round++)
        {
            await Session.Store.DisposeAsync();
            started = Stopwatch.GetTimestamp();
            await Session.OpenAsync();
            var opened = Stopwatch.GetElapsedTime(started);
            queue = await Session.TakeOverAsync(queue);
            output.WriteLine(
                $"open {opened.TotalSeconds:F2} s, with take-over {Stopwatch.GetElapsedTime(started).TotalSeconds:F2} s; index and buffers {(GC.GetTotalMemory(forceFullCollection: true) - before) >> 10} KiB");
            Assert.Equal(total, queue.Backlog.Count);
            Assert.InRange(opened.TotalSeconds, 0, 10);
        }

        started = Stopwatch.GetTimestamp();
        var read = 0L;
        for (long from = 0; await Session.Store.ReadAsync(queue, from, long.MaxValue, 1 << 20, CancellationToken.None) is { Length: > 0 } runs; from = runs[^1].End)
        {
            read += Messages.BytesOf(runs);
        }

        output.WriteLine($"read back at {read / Stopwatch.GetElapsedTime(started).TotalSeconds / 1e6:F0} MB/s");
        Assert.Equal(queue.Backlog.Bytes, read);

        started = Stopwatch.GetTimestamp();
        for (var next = 0; next < total; next += 1000)
        {
            var changes = new QueueChanges(queue) { Settled = { new OffsetRange(next, 1000) } };
            await Session.TryFlushAsync([changes], mustSync: false);
        }

        while (await Session.Store.TidyAsync(CancellationToken.None))
        {
        }

        output.WriteLine($"settled in {Stopwatch.GetElapsedTime(started).TotalSeconds:F2} s; {_home.Segments.Length} segments left");
        Assert.InRange(_home.Segments.Length, 1, 3);
    }

    [SoakFact]
    public async Task Backlog_AMillionSmallBatches_IsReadySoon()
    {
        await Session.OpenAsync();
        var queue = await Session.CreateAsync();
        var message = Messages.Run(0, 1, size: 100);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var next = 0; next < 2_000_000; next += 2000)
        {
            var changes = new QueueChanges(queue) { OffsetBound = 2_000_000 };
            for (var i = 0; i < 1000; i++)
            {
                changes.Runs.Add(message with { First = next + i * 2 });
            }

            await Session.TryFlushAsync([changes], mustSync: false);
        }

        output.WriteLine($"memory {(GC.GetTotalMemory(forceFullCollection: true) - before) / 1_000_000.0:F1} bytes a batch");
        await Session.Store.DisposeAsync();
        var started = Stopwatch.GetTimestamp();
        await Session.OpenAsync();
        output.WriteLine($"open {Stopwatch.GetElapsedTime(started).TotalSeconds:F2} s");
        queue = await Session.TakeOverAsync(queue);
        Assert.Equal(1_000_000, queue.Backlog.Count);
    }

    public ValueTask DisposeAsync() => Session.DisposeAsync();

    /// <summary>The same writes into a file with room for them, without anything else: MB/s.</summary>
    private double Raw(int size, int count)
    {
        var disk = new Silo.Storage.Files.Disk();
        var path = Path.Combine(Path.GetDirectoryName(_home.Folder)!, "raw");
        using var file = disk.Create(path, (long)size * count);
        ReadOnlyMemory<byte>[] parts = [new byte[size]];
        Random.Shared.NextBytes(System.Runtime.InteropServices.MemoryMarshal.AsMemory(parts[0]).Span);
        disk.Sync(file);
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < count; i++)
        {
            disk.Write(file, parts, (long)i * size);
            disk.Sync(file);
        }

        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        File.Delete(path);
        return (double)size * count / seconds / 1e6;
    }
}
