namespace Granary.Silo.Storage;

/// <summary>What was written since the start. Written by the store's thread, read by any.</summary>
internal sealed class StoreStatistics
{
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
