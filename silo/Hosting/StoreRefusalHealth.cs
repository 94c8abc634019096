using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Silo.Hosting;

/// <summary>Whether the store refuses what it is to write: then nothing durable is taken here until somebody has done something about it, which may be long.</summary>
internal sealed class StoreRefusalHealth(StoreHome home) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(home.Commits.Select(commit => commit.Outage).FirstOrDefault(outage => outage is { IsRefusal: true }) is { } refusal
            ? HealthCheckResult.Unhealthy($"nothing durable is taken until the store does: {refusal.Reason}")
            : HealthCheckResult.Healthy());
}
