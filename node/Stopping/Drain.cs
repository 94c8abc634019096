using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Node.Stopping;

/// <summary>Whether the process is about to stop, and serves only until its clients are sent elsewhere: it is not ready then.</summary>
internal sealed class Drain : IHealthCheck
{
    private volatile bool _isUnderWay;

    public void Begin() => _isUnderWay = true;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_isUnderWay ? HealthCheckResult.Unhealthy("the process is about to stop: clients are to go elsewhere") : HealthCheckResult.Healthy());
}
