using Granary.Core.Threads;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Core.Figures;

/// <summary>A part of this process whose counts are looked at every few seconds, so that it can tell how fast they change.</summary>
public interface ISampled
{
    /// <param name="elapsed">Since the last look.</param>
    /// <param name="now">Unix milliseconds.</param>
    void Look(TimeSpan elapsed, long now);
}

/// <summary>Looks at all counts of the process every five seconds, as RabbitMQ does. Nothing is done for it in between.</summary>
public sealed partial class Sampler(IEnumerable<ISampled> sampled, TimeProvider clock, ILogger<Sampler> log) : BackgroundService
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    private readonly ISampled[] _sampled = [.. sampled];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, clock);
        for (var last = clock.GetTimestamp(); await timer.NextAsync(stoppingToken).ConfigureAwait(false);)
        {
            var at = clock.GetTimestamp();
            foreach (var part in _sampled)
            {
                Look(part, clock.GetElapsedTime(last, at));
            }

            last = at;
        }
    }

    private void Look(ISampled part, TimeSpan elapsed)
    {
        try
        {
            part.Look(elapsed, clock.GetUtcNow().ToUnixTimeMilliseconds());
        }
        catch (Exception exception)
        {
            // A defect: the others' figures are not to end with it.
            LogFailed(log, exception, part.GetType().Name);
        }
    }

    [LoggerMessage(2301, LogLevel.Error, "The counts of {Part} could not be looked at")]
    private static partial void LogFailed(ILogger logger, Exception exception, string part);
}
