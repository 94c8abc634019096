using Granary.Silo.Queues.Activation;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Placement;

/// <summary>
/// Gives a silo that joins its share: queues of this one that would be placed there now end here, in good order, and their sessions come to the next activation. It
/// begins when the list of silos has not changed for a while, so that a restart of all moves queues less often than silos come and go.
/// </summary>
internal sealed partial class Rebalancing(
    LocalQueues queues, QueueSilos places, ILocalSiloDetails own, TimeProvider time, ILogger<Rebalancing> log)
    : BackgroundService
{
    /// <summary>Queues that are asked to move before the next ones are.</summary>
    private const int AtOnce = 50;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Looks in a row that have to see the same silos.</summary>
    private const int Calm = 5;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        SiloAddress[] balanced = [];
        SiloAddress[] seen = [];
        var calm = 0;
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                var now = places.All();
                calm = now.SequenceEqual(seen) ? calm + 1 : 0;
                seen = now;
                if (calm < Calm || now.SequenceEqual(balanced))
                {
                    continue;
                }

                // What a silo that is gone had has been placed anew already; what was moved on request stays where it is.
                SiloAddress[] joined = [.. now.Except(balanced).Where(silo => !silo.Equals(own.SiloAddress))];
                if (joined.Length > 0)
                {
                    await MoveAsync(new JoinedSilos(joined, now), stoppingToken).ConfigureAwait(false);
                }

                balanced = now;
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task MoveAsync(JoinedSilos silos, CancellationToken cancellation)
    {
        LogMoving(silos.All.Length);
        foreach (var some in queues.Inboxes.Chunk(AtOnce))
        {
            foreach (var inbox in some)
            {
                inbox.PostJoined(silos);
            }

            await Task.Delay(Pause, time, cancellation).ConfigureAwait(false);
        }
    }

    [LoggerMessage(3601, LogLevel.Information, "Another silo has joined, there are {Count}: queues that belong to it move there")]
    private partial void LogMoving(int count);

    [LoggerMessage(3602, LogLevel.Debug, "No queue is moved any more: the node stops")]
    private partial void LogStopped();
}

/// <param name="New">Silos that may have queues, and had none so far.</param>
/// <param name="All">Those and the others.</param>
internal sealed record JoinedSilos(SiloAddress[] New, SiloAddress[] All);
