using Granary.Core.Links;
using Granary.Silo.Snapshots;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>Looks into the table of members, in which a departure is written before anything that was active there becomes active elsewhere.</summary>
internal sealed partial class Departures(IClusterMembershipService members, SiloLosses losses, ILogger<Departures> log) : IDepartures, IHostedService
{
    private readonly Lock _gate = new();
    private readonly HashSet<SiloAddress> _gone = [];
    private Task _running = Task.CompletedTask;
    private Task<bool>? _next;

    /// <summary>Those of the past took nothing from anybody who is here now.</summary>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _gone.UnionWith(Gone(members.CurrentSnapshot));
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Many who ask at once share a look, but none that has begun: it may have read the table before.</summary>
    public Task<bool> LookAsync()
    {
        lock (_gate)
        {
            return _next ??= LookAfterAsync(_running);
        }
    }

    private async Task<bool> LookAfterAsync(Task before)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        lock (_gate)
        {
            (_running, _next) = (_next!, null);
        }

        try
        {
            // The first may be one that somebody else had begun.
            await members.Refresh(default).ConfigureAwait(false);
            await members.Refresh(default).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Somebody may have left.
            LogNotRead(exception);
            return true;
        }

        var now = members.CurrentSnapshot;
        lock (_gate)
        {
            if (Gone(now).Any(member => !_gone.Contains(member)))
            {
                losses.See();
                _gone.UnionWith(Gone(now));
            }
        }

        return now.Members.Values.Any(static member => member.Status is SiloStatus.ShuttingDown or SiloStatus.Stopping);
    }

    private static IEnumerable<SiloAddress> Gone(ClusterMembershipSnapshot members) =>
        members.Members.Values.Where(static member => member.Status == SiloStatus.Dead).Select(static member => member.SiloAddress);

    [LoggerMessage(3523, LogLevel.Debug, "The table of members could not be read")]
    private partial void LogNotRead(Exception exception);
}
