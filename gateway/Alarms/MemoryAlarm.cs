using System.Diagnostics;
using Granary.Core.Alarms;
using Granary.Core.Threads;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Alarms;

/// <summary>
/// RabbitMQ's memory alarm: while the process uses more than its share of memory, connections that publish are not read, consumers go on.
/// </summary>
internal sealed partial class MemoryAlarm(MemoryLimit memory, PublisherAlarms alarms, TimeProvider clock, ILogger<MemoryAlarm> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    // Publishers that nothing slows down fill a gigabyte in a second.
    private static readonly TimeSpan IntervalNearTheLimit = TimeSpan.FromMilliseconds(20);

    private readonly Lock _gate = new();
    private readonly CollectionPace _pace = new(clock);

    /// <summary>Measures. Garbage counts as used, and with publishers held nothing else might make the collector look.</summary>
    /// <returns>Whether more than half of the limit is in use, so that it should be looked at more often.</returns>
    public bool Look()
    {
        lock (_gate)
        {
            var limit = memory.Bytes;
            var used = GC.GetTotalMemory(forceFullCollection: false);
            if (used > limit && _pace.IsDue)
            {
                var since = Stopwatch.GetTimestamp();
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
                var took = Stopwatch.GetElapsedTime(since);
                used = GC.GetTotalMemory(forceFullCollection: false);
                _pace.Collected(took, used <= limit);
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

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        memory.Changed += OnChanged;
        while (await timer.NextAsync(stoppingToken).ConfigureAwait(false))
        {
            timer.Period = Look() ? IntervalNearTheLimit : Interval;
        }

        memory.Changed -= OnChanged;
    }

    // Whoever has changed the limit is told only when it holds.
    private void OnChanged() => Look();

    [LoggerMessage(1401, LogLevel.Warning, "Memory alarm: {Used} bytes in use, more than the limit of {Limit}; publishers are held")]
    private static partial void LogRaised(ILogger logger, long used, long limit);

    [LoggerMessage(1402, LogLevel.Warning, "Memory alarm cleared: {Used} bytes in use, limit {Limit}")]
    private static partial void LogCleared(ILogger logger, long used, long limit);
}
