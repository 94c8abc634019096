using Granary.Core.Threads;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Core.Figures;

/// <summary>A part of this process whose counts are looked at every few seconds, so that it can tell how fast they change.</summary>
public interface ISampled
{
    /// <param name="times">This look is the last of them.</param>
    void Look(SampleTimes times);
}

/// <summary>Looks at all counts of the process every five seconds, as RabbitMQ does. Nothing is done for it in between.</summary>
public sealed partial class Sampler(IEnumerable<ISampled> sampled, OwnFigures own, NodeHistory node, SampleTimes times, TimeProvider clock, ILogger<Sampler> log) : BackgroundService
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    /// <summary>For so many looks back it is known what the counts were: ten minutes.</summary>
    public const int Samples = 120;

    private readonly ISampled[] _sampled = [.. sampled];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, clock);
        for (var last = clock.GetTimestamp(); await timer.NextAsync(stoppingToken).ConfigureAwait(false);)
        {
            var at = clock.GetTimestamp();
            times.Advance(clock.GetUtcNow().ToUnixTimeMilliseconds(), clock.GetElapsedTime(last, at));
            last = at;
            foreach (var part in _sampled)
            {
                Look(part);
            }

            await LookAtNodeAsync(stoppingToken).ConfigureAwait(false);
        }
    }

    private void Look(ISampled part)
    {
        try
        {
            part.Look(times);
        }
        catch (Exception exception)
        {
            // A defect: the others' figures are not to end with it.
            LogFailed(log, exception, part.GetType().Name);
        }
    }

    private async Task LookAtNodeAsync(CancellationToken cancellation)
    {
        try
        {
            node.Look((await own.TellAsync(FigureKinds.Node, null, cancellation).ConfigureAwait(false)).Node!);
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            LogFailed(log, exception, nameof(NodeHistory));
        }
    }

    [LoggerMessage(2301, LogLevel.Error, "The counts of {Part} could not be looked at")]
    private static partial void LogFailed(ILogger logger, Exception exception, string part);
}
