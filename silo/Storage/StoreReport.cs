using Granary.Core.Threads;
using Granary.Silo.Hosting;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage;

/// <summary>Tells in the log every ten seconds what was written in them, if anything was.</summary>
internal sealed partial class StoreReport(StoreHome home, TimeProvider time, ILogger<StoreReport> log) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        var last = default(StoreFigures);
        while (await timer.NextAsync(stoppingToken).ConfigureAwait(false))
        {
            var now = home.Commit.Statistics.Figures;
            if (now.Flushes != last.Flushes)
            {
                Tell(now, last);
            }

            last = now;
        }
    }

    private void Tell(StoreFigures now, StoreFigures last)
    {
        var flushes = now.Flushes - last.Flushes;
        LogWritten(
            flushes / Period.TotalSeconds, (now.Synced - last.Synced) / Period.TotalSeconds, (now.Queues - last.Queues) / (double)flushes,
            (now.Messages - last.Messages) / Period.TotalSeconds, (now.Bytes - last.Bytes) / Period.TotalSeconds / 1_000_000,
            (now.Time - last.Time).TotalMilliseconds / flushes);
    }

    [LoggerMessage(3306, LogLevel.Information,
        "{Flushes:F1} flushes/s, {Synced:F1} of them waited for, {Queues:F1} queues and {Milliseconds:F2} ms each; {Messages:F0} messages/s, {Megabytes:F1} MB/s")]
    private partial void LogWritten(double flushes, double synced, double queues, double messages, double megabytes, double milliseconds);
}
