using System.Collections.Concurrent;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Silo.Queues.Activation;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>
/// When a member of the cluster is declared dead: has the sessions of this process ask their queues, and the queues of this process let go of the member's sessions,
/// but not while it may still deliver what its clients hold (<see cref="GatewayLease"/>).
/// </summary>
internal sealed partial class LossWatch(
    ISiloStatusOracle statuses, SiloLosses losses, IMembers members, TimeProvider clock, ILogger<LossWatch> log, LocalQueues? queues = null, LeaseBook? book = null)
    : IHostedService, ISiloStatusListener, IMetricSource
{
    // Those that said that they stop.
    private readonly ConcurrentDictionary<SiloAddress, byte> _leaving = new();
    private long _lost;

    private static readonly TimeSpan AgainAfter = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(1);

    public IEnumerable<ProcessMetric> Metrics =>
        [new("members_lost_total", IsCounter: true, "Members of the cluster that were declared dead and had not been seen to stop: their queues failed over", Volatile.Read(ref _lost))];

    /// <summary>What a member is known by: of its life, not only of its address.</summary>
    public static string NameOf(SiloAddress member) => member.ToParsableString();

    public Task StartAsync(CancellationToken cancellationToken)
    {
        statuses.SubscribeToSiloStatusEvents(this);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        statuses.UnSubscribeFromSiloStatusEvents(this);
        return Task.CompletedTask;
    }

    public void SiloStatusChangeNotification(SiloAddress updatedSilo, SiloStatus status)
    {
        if (status is SiloStatus.ShuttingDown or SiloStatus.Stopping)
        {
            _leaving[updatedSilo] = 0;
        }
        else if (status == SiloStatus.Dead)
        {
            Interlocked.Add(ref _lost, _leaving.TryRemove(updatedSilo, out _) ? 0 : 1);
            queues?.NoteDead(NameOf(updatedSilo));
            losses.Note();
            _ = ReleaseAsync(NameOf(updatedSilo));
        }
    }

    /// <summary>Completes when the queues of this process have been told to let go of a member's sessions.</summary>
    public async Task ReleaseAsync(string member)
    {
        if (queues is null || book is null)
        {
            return;
        }

        // None of the others may answer it any more either: they may not have heard yet.
        book.Close(member);
        var promised = await Task.WhenAll(members.Others.Where(other => other != member).Select(other => CloseAtAsync(book, other, member))).ConfigureAwait(false);
        TimeSpan[] left = [book.Close(member), book.LeftOfDead(member), .. promised];
        await Task.Delay(left.Max(), clock).ConfigureAwait(false);
        queues.PostGone(member);
    }

    private async Task<TimeSpan> CloseAtAsync(LeaseBook own, string other, string member)
    {
        while (members.Find(other) is { } service)
        {
            try
            {
                return await service.CloseLeaseAsync(member).WaitAsync(AnswerLimit, clock).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                LogNotClosed(log, exception, other, member);
                await Task.Delay(AgainAfter, clock).ConfigureAwait(false);
            }
        }

        // It is dead, too, but may be cut off together with the member, and answer it until it is no longer sure of itself.
        own.Close(other);
        return TimeSpan.Zero;
    }

    [LoggerMessage(3516, LogLevel.Debug, "{Other} has not answered yet that it knows of the end of {Member}")]
    private static partial void LogNotClosed(ILogger logger, Exception exception, string other, string member);
}
