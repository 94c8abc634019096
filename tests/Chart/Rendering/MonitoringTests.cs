using System.Text.Json.Nodes;
using Granary.Testing.Processes;
using k8s;
using k8s.Models;

namespace Granary.Chart.Tests.Rendering;

/// <summary>Alert rules and the dashboard: files that are good for themselves, and what the chart makes of them.</summary>
public sealed class MonitoringTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly string Alerts = Path.Combine(Helm.Chart, "files", "alerts.yaml");

    [PromtoolFact]
    public async Task Alerts_FireWhenTheirTestsSaySo()
    {
        Assert.Contains("SUCCESS", await ChildProcess.RunAsync(Promtool.Program!, ["check", "rules", Alerts], Limit), StringComparison.Ordinal);
        Assert.Contains("SUCCESS", await ChildProcess.RunAsync(Promtool.Program!, ["test", "rules", RepositoryPath.Of("k8s", "alerts.test.yaml")], Limit), StringComparison.Ordinal);
    }

    [Fact]
    public void Alerts_All_HaveATest()
    {
        var tests = File.ReadAllText(RepositoryPath.Of("k8s", "alerts.test.yaml"));
        var names = File.ReadAllLines(Alerts).Select(line => line.Trim()).Where(line => line.StartsWith("- alert: ", StringComparison.Ordinal)).Select(line => line[9..]).ToList();
        Assert.NotEmpty(names);
        Assert.All(names, name => Assert.Contains($"alertname: {name}\n        exp_alerts:\n          - exp_labels", tests, StringComparison.Ordinal));
    }

    [HelmFact]
    public async Task Chart_WithThem_HasTheFilesAsTheyAre()
    {
        var manifests = await Helm.RenderAsync(ValuesFile.Everything);
        var dashboard = JsonNode.Parse(manifests.One<V1ConfigMap>("broker-dashboard").Data["granary.json"]);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(File.ReadAllText(Path.Combine(Helm.Chart, "files", "dashboard.json"))), dashboard));
        Assert.Equal("1", manifests.One<V1ConfigMap>("broker-dashboard").Metadata.Labels["grafana_dashboard"]);

        var rule = KubernetesYaml.Deserialize<Dictionary<string, object>>(Assert.Single(manifests.Texts, text => text.Contains("kind: PrometheusRule", StringComparison.Ordinal)));
        Assert.Equal(
            KubernetesYaml.Serialize(KubernetesYaml.Deserialize<Dictionary<string, object>>(File.ReadAllText(Alerts))), KubernetesYaml.Serialize(rule["spec"]));
    }
}
