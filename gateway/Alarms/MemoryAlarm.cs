using System.Diagnostics;
using System.Runtime;
using Granary.Core.Alarms;
using Granary.Core.Messages;
using Granary.Core.Threads;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Alarms;

/// <summary>
/// RabbitMQ's memory alarm: while the process uses more than its share of memory, connections that publish are not read, consumers go on.
/// </summary>
/// <remarks>It is looked at now and then, so it also says how much large records may take until it is looked at again.</remarks>
/// <param name="records">Where these get their memory.</param>
/// <param name="available">Bytes that the process may use at all.</param>
internal sealed partial class MemoryAlarm(
    MemoryLimit memory, PublisherAlarms alarms, TimeProvider clock, ILogger<MemoryAlarm> log, LargeRecordPool records, long available) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    // Publishers that nothing slows down fill a gigabyte in a second.
    private static readonly TimeSpan IntervalNearTheLimit = TimeSpan.FromMilliseconds(20);

    private readonly Lock _gate = new();
    private readonly CollectionPace _pace = new(clock);
    private bool _isInPieces;

    /// <summary>Collects all of memory; if told so, large objects are moved together as well.</summary>
    public Action<bool> Collect { get; init; } = CollectAll;

    /// <summary>Measures. Garbage counts as used, and with publishers held nothing else might make the collector look.</summary>
    /// <returns>Whether more than half of the limit is in use, so that it should be looked at more often.</returns>
    public bool Look()
    {
        lock (_gate)
        {
            var limit = memory.Bytes;
            var used = GC.GetTotalMemory(forceFullCollection: false);
            _isInPieces |= records.TakeFailed();
            if ((used > limit || _isInPieces) && _pace.IsDue)
            {
                records.DropIdle();
                var since = Stopwatch.GetTimestamp();
                Collect(_isInPieces);
                var took = Stopwatch.GetElapsedTime(since);
                used = GC.GetTotalMemory(forceFullCollection: false);
                _pace.Collected(took, used <= limit && !_isInPieces);
                _isInPieces = false;
            }

            // Of what is left above the limit, one quarter is for messages that came before the alarm was raised, one for those of them that are to be completed,
            // and the rest for whatever is done besides and for what the collector cannot use.
            var part = Math.Max(available - limit, 0) / 4;
            if (_isInPieces)
            {
                records.SetRoom(0, long.MaxValue, reserve: 0);
            }
            else
            {
                records.SetRoom(limit + part - used, part, part);
            }

            Check(used, limit);
            return used > limit / 2;
        }
    }

    /// <summary>Compares memory in use with the limit.</summary>
    public void Check(long used, long limit)
    {
        if (!alarms.Set(PublisherAlarm.Memory, used > limit))
        {
            return;
        }

        if (used > limit)
        {
            LogRaised(log, used, limit);
        }
        else
        {
            LogCleared(log, used, limit);
        }
    }

    /// <summary>What <see cref="Collect"/> does unless something else is asked for.</summary>
    public static void CollectAll(bool isInPieces)
    {
        if (isInPieces)
        {
            GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
        }

        GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true, compacting: isInPieces);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        memory.Changed += OnChanged;
        records.Short += OnChanged;
        while (await timer.NextAsync(stoppingToken).ConfigureAwait(false))
        {
            timer.Period = Look() ? IntervalNearTheLimit : Interval;
        }

        memory.Changed -= OnChanged;
        records.Short -= OnChanged;
        records.SetRoom(long.MaxValue, long.MaxValue, reserve: 0);
    }

    // Whoever has changed the limit goes on only when it holds, and who waits for memory when it is known how much there is.
    private void OnChanged() => Look();

    [LoggerMessage(1401, LogLevel.Warning, "Memory alarm: {Used} bytes in use, more than the limit of {Limit}; publishers are held")]
    private static partial void LogRaised(ILogger logger, long used, long limit);

    [LoggerMessage(1402, LogLevel.Warning, "Memory alarm cleared: {Used} bytes in use, limit {Limit}")]
    private static partial void LogCleared(ILogger logger, long used, long limit);
}
