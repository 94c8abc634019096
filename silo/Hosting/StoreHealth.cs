using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Silo.Hosting;

/// <summary>
/// Whether the store's thread does its work. A store that is out of reach is degraded, not unhealthy: publishers are held, consumers go on, and it goes on by
/// itself; clients that went elsewhere would find the same store. So is one that refuses what it is to write: a restart would not change its mind, and lose what waits.
/// </summary>
internal sealed class StoreHealth(StoreHome home) : IHealthCheck
{
    /// <summary>No disk or database takes this long for one try of a flush, and those that are away are given up sooner.</summary>
    private static readonly TimeSpan Stuck = TimeSpan.FromSeconds(60);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        foreach (var commit in home.Commits)
        {
            if (!commit.IsRunning)
            {
                return Task.FromResult(HealthCheckResult.Unhealthy("the store is broken: nothing durable is confirmed until the node is restarted"));
            }

            if (commit.TryingFor > Stuck)
            {
                return Task.FromResult(HealthCheckResult.Unhealthy($"a flush of the store has not ended after {Stuck.TotalSeconds:0} s"));
            }

            if (commit.Outage is { } outage)
            {
                return Task.FromResult(HealthCheckResult.Degraded(
                    $"the store {(outage.IsRefusal ? "refuses what is written" : "is out of reach")}, for {outage.Lasts.TotalSeconds:0} s: {outage.Reason}"));
            }
        }

        return Task.FromResult(HealthCheckResult.Healthy());
    }
}
