using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Gateway.Hosting;

/// <summary>What the health paths answer to people: one word when all is well, else a line for each check that is not.</summary>
internal static class HealthText
{
    public static string Of(string well, HealthReport report) => report.Status == HealthStatus.Healthy
        ? well
        : string.Join('\n', report.Entries.Where(entry => entry.Value.Status != HealthStatus.Healthy)
            .Select(entry => $"{entry.Key} {entry.Value.Status.ToString().ToLowerInvariant()}: {entry.Value.Description}"));
}
