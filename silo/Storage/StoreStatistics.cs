using Granary.Core.Figures;

namespace Granary.Silo.Storage;

/// <summary>What was written since the start. Written by the store's thread, read by any.</summary>
internal sealed class StoreStatistics
{
    private readonly Distribution _times = new([0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30]);
    private readonly Distribution _sizes = new([1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000]);
    private long _flushes;
    private long _synced;
    private long _queues;
    private long _messages;
    private long _bytes;
    private long _ticks;

    public StoreFigures Figures => new(
        Volatile.Read(ref _flushes), Volatile.Read(ref _synced), Volatile.Read(ref _queues), Volatile.Read(ref _messages), Volatile.Read(ref _bytes),
        new TimeSpan(Volatile.Read(ref _ticks)));

    /// <summary>Flushes that somebody waited for.</summary>
    public long Synced => Volatile.Read(ref _synced);

    /// <summary>The same for whoever scrapes, with how long flushes took and how much each wrote.</summary>
    public IEnumerable<ProcessMetric> Metrics =>
    [
        ProcessMetric.Histogram("store_flush_seconds", "How long flushes to the store took, repeated tries included", _times),
        ProcessMetric.Histogram("store_flush_bytes", "How many bytes of messages each flush to the store had", _sizes),
        new("store_flushes_waited_for_total", IsCounter: true, "Flushes that a publisher or a declaration waited for", Synced),
        new("store_messages_written_total", IsCounter: true, "Messages that were stored", Figures.Messages),
    ];

    public void Add(Flush flush, TimeSpan took)
    {
        long messages = 0, bytes = 0;
        foreach (var queue in flush.Queues)
        {
            foreach (var run in queue.Runs)
            {
                messages += run.Count;
                bytes += run.Length;
            }
        }

        _times.Add(_times.BucketOf(took.TotalSeconds), took.TotalSeconds);
        _sizes.Add(_sizes.BucketOf(bytes), bytes);
        Volatile.Write(ref _flushes, _flushes + 1);
        Volatile.Write(ref _synced, _synced + (flush.MustSync ? 1 : 0));
        Volatile.Write(ref _queues, _queues + flush.Queues.Count);
        Volatile.Write(ref _messages, _messages + messages);
        Volatile.Write(ref _bytes, _bytes + bytes);
        Volatile.Write(ref _ticks, _ticks + took.Ticks);
    }
}

/// <param name="Flushes">All of them.</param>
/// <param name="Synced">Those that somebody waited for.</param>
/// <param name="Queues">Queues served, counted once per flush.</param>
/// <param name="Bytes">Record bytes of <paramref name="Messages"/>.</param>
/// <param name="Time">Spent in flushes.</param>
internal readonly record struct StoreFigures(long Flushes, long Synced, long Queues, long Messages, long Bytes, TimeSpan Time);
