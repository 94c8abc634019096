using Granary.Core.Alarms;
using Granary.Core.Threads;
using Granary.Silo.Hosting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage;

/// <summary>RabbitMQ's disk alarm: while the data folder's file system has too little room, publishers are held.</summary>
internal sealed partial class DiskAlarm(StoreOptions options, DiskLimit limit, PublisherAlarms alarms, TimeProvider time, ILogger<DiskAlarm> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>Compares the free bytes with the limit; called every second.</summary>
    public void Check(long free, long least)
    {
        if (!alarms.Set(PublisherAlarm.Disk, free < least))
        {
            return;
        }

        if (free < least)
        {
            LogRaised(free, least);
        }
        else
        {
            LogCleared(free, least);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);

        // Whoever has changed the limit is told only when it holds.
        limit.Changed += Look;
        do
        {
            Look();
        }
        while (await timer.NextAsync(stoppingToken).ConfigureAwait(false));
        limit.Changed -= Look;
    }

    private void Look()
    {
        try
        {
            Check(new DriveInfo(options.Data!.FullName).AvailableFreeSpace, limit.Bytes);
        }
        catch (IOException exception)
        {
            // The store itself says what is wrong with its folder.
            LogUnknown(exception);
        }
    }

    [LoggerMessage(3331, LogLevel.Warning, "Disk alarm: {Free} bytes free, less than the limit of {Limit}; publishers are held")]
    private partial void LogRaised(long free, long limit);

    [LoggerMessage(3332, LogLevel.Warning, "Disk alarm cleared: {Free} bytes free, limit {Limit}")]
    private partial void LogCleared(long free, long limit);

    [LoggerMessage(3333, LogLevel.Debug, "How much room the disk has is not known")]
    private partial void LogUnknown(Exception exception);
}
