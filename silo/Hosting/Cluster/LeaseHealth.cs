using Granary.Core.Members;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>Whether some silo answers a process that has clients: else these do better elsewhere.</summary>
internal sealed class LeaseHealth(GatewayLease lease) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(lease.IsOver ? HealthCheckResult.Unhealthy("no silo answers: nothing is routed or delivered here") : HealthCheckResult.Healthy());
}
