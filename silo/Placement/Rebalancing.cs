using Granary.Silo.Queues.Activation;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Placement;

/// <summary>
/// Gives a silo that joins its share: queues of this one that would be placed there now end here, in good order, and their sessions come to the next activation. It
/// begins when the list of silos has not changed for a while, so that a restart of all moves queues less often than silos come and go.
/// </summary>
internal sealed partial class Rebalancing(
    LocalQueues queues, IClusterMembershipService members, IClusterManifestProvider manifests, ILocalSiloDetails own, TimeProvider time, ILogger<Rebalancing> log)
    : BackgroundService
{
    /// <summary>Queues that are asked to move before the next ones are.</summary>
    private const int AtOnce = 50;

    private static readonly GrainType Queue = GrainType.Create("queue");
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
                var now = Silos();
                calm = now.SequenceEqual(seen) ? calm + 1 : 0;
                seen = now;
                if (calm < Calm || now.SequenceEqual(balanced))
                {
                    continue;
                }

                // What a silo that is gone had has been placed anew already.
                if (now.Except(balanced).Any(silo => !silo.Equals(own.SiloAddress)))
                {
                    await MoveAsync(now, stoppingToken).ConfigureAwait(false);
                }

                balanced = now;
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    /// <summary>Those that may have queues, in an order that is always the same.</summary>
    private SiloAddress[] Silos()
    {
        var manifest = manifests.Current.Silos;
        return
        [
            .. members.CurrentSnapshot.Members.Values
                .Where(member => member.Status == SiloStatus.Active && manifest.TryGetValue(member.SiloAddress, out var has) && has.Grains.ContainsKey(Queue))
                .Select(member => member.SiloAddress).Order(),
        ];
    }

    private async Task MoveAsync(SiloAddress[] silos, CancellationToken cancellation)
    {
        LogMoving(silos.Length);
        foreach (var some in queues.Inboxes.Chunk(AtOnce))
        {
            foreach (var inbox in some)
            {
                inbox.PostPlaces(silos);
            }

            await Task.Delay(Pause, time, cancellation).ConfigureAwait(false);
        }
    }

    [LoggerMessage(3601, LogLevel.Information, "Another silo has joined, there are {Count}: queues that belong to it move there")]
    private partial void LogMoving(int count);

    [LoggerMessage(3602, LogLevel.Debug, "No queue is moved any more: the node stops")]
    private partial void LogStopped();
}
