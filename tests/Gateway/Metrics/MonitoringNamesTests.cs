using System.Text.RegularExpressions;
using Granary.Gateway.Tests.Management;
using Granary.Testing.Brokers;
using Granary.Testing.Processes;

namespace Granary.Gateway.Tests.Metrics;

/// <summary>Alert rules and dashboard ask for what there is.</summary>
[WatchedBroker]
public sealed partial class MonitoringNamesTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    [Theory]
    [InlineData("alerts.yaml")]
    [InlineData("dashboard.json")]
    public async Task Metric_OfAlertsAndDashboard_IsTold(string file)
    {
        using var client = new HttpClient();
        var scrape = await client.GetStringAsync(broker.Metrics);
        var names = Name().Matches(await File.ReadAllTextAsync(RepositoryPath.Of("k8s", "granary", "files", file))).Select(match => match.Value).ToHashSet(StringComparer.Ordinal);
        Assert.NotEmpty(names);
        Assert.All(names, name => Assert.Contains($"# TYPE {name.Replace("_bucket", "", StringComparison.Ordinal)} ", scrape, StringComparison.Ordinal));
    }

    [Fact]
    public async Task EachMetric_OfRabbitMq_IsToldOrListedAsMissing()
    {
        using var client = new HttpClient();
        var scrape = await client.GetStringAsync(broker.Metrics);
        var listed = (await File.ReadAllLinesAsync(RepositoryPath.Of("docs", "operations.md")))
            .Where(static line => line.StartsWith("| `", StringComparison.Ordinal)).Select(static line => line.Split('|')[1]).ToArray();
        var names = (await File.ReadAllLinesAsync(RepositoryPath.Of("tests", "Gateway", "Metrics", "rabbitmq-3.10.8.txt"))).Where(static line => !line.StartsWith('#')).ToArray();
        Assert.True(names.Length > 100);
        Assert.All(names, name => Assert.True(
            scrape.Contains($"# TYPE {name} ", StringComparison.Ordinal) != listed.Any(cell => cell.Contains($"`{name.Replace("rabbitmq_", "", StringComparison.Ordinal)}`", StringComparison.Ordinal)),
            $"{name} is neither told nor listed, or both."));
    }

    [GeneratedRegex("(?:rabbitmq|granary)_[a-z_]+[a-z]")]
    private static partial Regex Name();
}
