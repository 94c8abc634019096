using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Alarms;

/// <summary>
/// RabbitMQ's memory alarm: while the process uses more than its share of memory, connections that publish are not read, consumers go on.
/// </summary>
internal sealed partial class MemoryAlarm(MemoryAlarmOptions options, TimeProvider clock, ILogger<MemoryAlarm> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly Lock _gate = new();
    private TaskCompletionSource? _clear;

    public bool IsRaised => Volatile.Read(ref _clear) is not null;

    /// <summary>As connection.blocked says it.</summary>
    public string Reason => "low on memory";

    public Task WaitUntilClearAsync(CancellationToken cancellationToken) =>
        Volatile.Read(ref _clear) is { } clear ? clear.Task.WaitAsync(cancellationToken) : Task.CompletedTask;

    /// <summary>Compares memory in use with the limit; called five times a second.</summary>
    public void Check(long used, long limit)
    {
        lock (_gate)
        {
            if (used > limit && _clear is null)
            {
                LogRaised(log, used, limit);
                Volatile.Write(ref _clear, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            }
            else if (used <= limit && _clear is { } clear)
            {
                LogCleared(log, used, limit);
                Volatile.Write(ref _clear, null);
                clear.SetResult();
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                var limit = (long)(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes * options.HighWatermark);
                var used = GC.GetTotalMemory(forceFullCollection: false);
                if (used > limit)
                {
                    // Garbage counts as used, and with publishers held nothing else would make the collector look.
                    GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
                    used = GC.GetTotalMemory(forceFullCollection: false);
                }

                Check(used, limit);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped(log);
        }
    }

    [LoggerMessage(1401, LogLevel.Warning, "Memory alarm: {Used} bytes in use, more than the limit of {Limit}; publishers are held")]
    private static partial void LogRaised(ILogger logger, long used, long limit);

    [LoggerMessage(1402, LogLevel.Warning, "Memory alarm cleared: {Used} bytes in use, limit {Limit}")]
    private static partial void LogCleared(ILogger logger, long used, long limit);

    [LoggerMessage(1403, LogLevel.Debug, "Memory is no longer watched")]
    private static partial void LogStopped(ILogger logger);
}

/// <param name="HighWatermark">Share of the memory available to the process, 0 to 1 (<c>vm_memory_high_watermark</c>).</param>
internal sealed record MemoryAlarmOptions(double HighWatermark = 0.6);
