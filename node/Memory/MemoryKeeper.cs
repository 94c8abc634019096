using System.Diagnostics;
using Granary.Core.Messages;
using Granary.Core.Threads;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Node.Memory;

/// <summary>
/// Gives memory back to the system once there is little to do: arrays that the pool of large records keeps, garbage (<see cref="QuietHeap"/>), and what is free in the
/// C library's heap.
/// </summary>
internal sealed partial class MemoryKeeper(TimeProvider clock, ILogger<MemoryKeeper> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly QuietHeap _heap = new();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        for (var since = clock.GetTimestamp(); await timer.NextAsync(stoppingToken).ConfigureAwait(false); since = clock.GetTimestamp())
        {
            LargeRecordPool.Shared.Tidy();
            if (_heap.IsDue(clock.GetElapsedTime(since), Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes() + LargeRecordPool.Shared.GivenUpBytes))
            {
                Collect();
            }
        }
    }

    // First without moving anything, which is fast however much is in use: only then is it known how much that is.
    private void Collect()
    {
        var began = Stopwatch.GetTimestamp();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: false);
        var heap = GC.GetGCMemoryInfo(GCKind.FullBlocking);
        if (QuietHeap.IsWorthMoving(heap.TotalCommittedBytes, heap.HeapSizeBytes - heap.FragmentedBytes))
        {
            // The one mode that gives memory back to the system at once.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }

        NativeHeap.Trim();
        var after = GC.GetGCMemoryInfo(GCKind.FullBlocking);
        LogCollected(heap.TotalCommittedBytes, after.TotalCommittedBytes, after.HeapSizeBytes, Stopwatch.GetElapsedTime(began).TotalMilliseconds);
    }

    [LoggerMessage(9101, LogLevel.Debug, "There is little to do: the heap was reduced from {Before} to {After} bytes, with {Used} in use, in {Milliseconds:F1} ms")]
    private partial void LogCollected(long before, long after, long used, double milliseconds);
}
