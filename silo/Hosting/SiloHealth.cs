using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Silo.Hosting;

/// <summary>Whether the silo of this process takes calls: it has joined, and has not begun to leave.</summary>
internal sealed class SiloHealth(ILocalSiloDetails silo, ISiloStatusOracle members) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var status = members.GetApproximateSiloStatus(silo.SiloAddress);
        return Task.FromResult(status == SiloStatus.Active ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy($"the silo is {status}"));
    }
}
