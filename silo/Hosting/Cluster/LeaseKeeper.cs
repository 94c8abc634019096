using Granary.Core.Members;
using Granary.Core.Routing;
using Granary.Core.Threads;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>
/// Asks every silo, twice a second. That keeps the lease of a process that has clients, for which any of them is enough, and tells one that has queues that it is
/// still a member, for which all of them are needed (<see cref="Standing"/>).
/// </summary>
/// <param name="hasClients">Somebody goes by the lease.</param>
/// <param name="book">That of a process that has queues; null if it has none.</param>
internal sealed partial class LeaseKeeper(
    bool hasClients, IMembers members, GatewayLease lease, Standing standing, IFatalErrorHandler end, TimeProvider clock, ILogger<LeaseKeeper> log, LeaseBook? book = null)
    : BackgroundService
{
    // When it asks later than this, the process stood still, and asked nobody meanwhile.
    private static readonly TimeSpan StoodStill = SnapshotLease.RenewEvery * 2;

    private bool _wasOver = true;
    private bool _wasEverRenewed;
    private long? _askedAt;
    private long? _awakeSince;

    /// <summary>Asks all.</summary>
    public void Ask()
    {
        var hasHadTimeToAnswer = HasHadTimeToAnswer();
        if (hasClients && hasHadTimeToAnswer)
        {
            Look();
        }

        var silos = standing.Silos;
        if (book is not null)
        {
            _ = RenewOwnAsync(isAlone: silos.Length == 0);
        }

        foreach (var silo in silos)
        {
            _ = AskAsync(silo);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(SnapshotLease.RenewEvery, clock);
        do
        {
            Ask();
        }
        while (await timer.NextAsync(stoppingToken).ConfigureAwait(false));
    }

    /// <summary>A process that has queues counts as one that answers it, as long as it knows that it is a member.</summary>
    private async Task RenewOwnAsync(bool isAlone)
    {
        if (isAlone)
        {
            lease.Renew(clock.GetTimestamp());
        }

        await standing.LookAsync().ConfigureAwait(false);
        lease.RenewUntil(standing.Until);
    }

    private async Task AskAsync(string silo)
    {
        var askedAt = clock.GetTimestamp();
        try
        {
            if (members.Find(silo) is not { } service)
            {
                return;
            }

            switch (await service.RenewAsync(members.Own).WaitAsync(SnapshotLease.HolderLimit, clock).ConfigureAwait(false))
            {
                case LeaseAnswer.Renewed:
                    standing.NoteAnswer(silo, askedAt);
                    lease.Renew(askedAt);
                    break;
                case LeaseAnswer.Unsure:
                    standing.NoteAnswer(silo, askedAt);
                    LogUnsure(log, silo);
                    break;
                case LeaseAnswer.WithoutQueues:
                    standing.NoteWithoutQueues(silo);
                    break;
                case LeaseAnswer.Dead:
                    end.OnFatalException(this, $"silo {silo} says that this member was declared dead");
                    break;
                default:
                    LogUnknown(log, silo);
                    break;
            }
        }
        catch (Exception exception)
        {
            LogNotAnswered(log, exception, silo);
        }
    }

    // A timer that comes late may come again at once.
    private bool HasHadTimeToAnswer()
    {
        var now = clock.GetTimestamp();
        if (_askedAt is { } before && clock.GetElapsedTime(before, now) > StoodStill)
        {
            _awakeSince = now;
        }

        _askedAt = now;
        return _awakeSince is not { } since || clock.GetElapsedTime(since, now) >= SnapshotLease.RenewEvery;
    }

    private void Look()
    {
        var isOver = lease.IsOver;
        if (isOver == _wasOver)
        {
            return;
        }

        _wasOver = isOver;
        if (isOver)
        {
            LogOver(log, SnapshotLease.HolderLimit);
        }
        else if (_wasEverRenewed)
        {
            LogRenewed(log);
        }

        _wasEverRenewed = true;
    }

    [LoggerMessage(3511, LogLevel.Warning, "No silo has answered for {Time}: nothing is routed or delivered here until one does")]
    private static partial void LogOver(ILogger logger, TimeSpan time);

    [LoggerMessage(3512, LogLevel.Warning, "A silo has answered again")]
    private static partial void LogRenewed(ILogger logger);

    [LoggerMessage(3513, LogLevel.Debug, "Silo {Silo} has not answered to a renewal")]
    private static partial void LogNotAnswered(ILogger logger, Exception exception, string silo);

    [LoggerMessage(3514, LogLevel.Debug, "Silo {Silo} does not know this member")]
    private static partial void LogUnknown(ILogger logger, string silo);

    [LoggerMessage(3515, LogLevel.Debug, "Silo {Silo} does not know whether it is a member itself")]
    private static partial void LogUnsure(ILogger logger, string silo);
}
