using System.Diagnostics;
using Granary.Core.Figures;

namespace Granary.Silo.Storage.Files;

/// <summary>What this process did with its files since it started, store and scratch log together: RabbitMQ's <c>io_*</c>. A flush is one or a few of each.</summary>
internal static class DiskCounts
{
    private static readonly Operation Reads = new();
    private static readonly Operation Writes = new();
    private static readonly Operation Syncs = new();

    public static IEnumerable<ProcessMetric> Metrics =>
    [
        Told("io_read_ops_total", "Total number of I/O read operations", Reads.Count),
        Told("io_read_bytes_total", "Total number of I/O bytes read", Reads.Bytes),
        Told("io_read_time_seconds_total", "Total I/O read time", Reads.Seconds),
        Told("io_write_ops_total", "Total number of I/O write operations", Writes.Count),
        Told("io_write_bytes_total", "Total number of I/O bytes written", Writes.Bytes),
        Told("io_write_time_seconds_total", "Total I/O write time", Writes.Seconds),
        Told("io_sync_ops_total", "Total number of I/O sync operations", Syncs.Count),
        Told("io_sync_time_seconds_total", "Total I/O sync time", Syncs.Seconds),
    ];

    /// <param name="started">By <see cref="Stopwatch"/>.</param>
    public static void Read(long started, long bytes) => Reads.Add(started, bytes);

    public static void Wrote(long started, long bytes) => Writes.Add(started, bytes);

    public static void Synced(long started) => Syncs.Add(started, 0);

    private static ProcessMetric Told(string name, string help, double value) => new(name, IsCounter: true, help, value) { IsRabbitMqs = true };

    private sealed class Operation
    {
        private long _count;
        private long _bytes;
        private long _ticks;

        public long Count => Volatile.Read(ref _count);

        public long Bytes => Volatile.Read(ref _bytes);

        public double Seconds => Volatile.Read(ref _ticks) / (double)Stopwatch.Frequency;

        public void Add(long started, long bytes)
        {
            Interlocked.Increment(ref _count);
            Interlocked.Add(ref _bytes, bytes);
            Interlocked.Add(ref _ticks, Stopwatch.GetTimestamp() - started);
        }
    }
}
