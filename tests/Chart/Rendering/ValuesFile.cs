namespace Granary.Chart.Tests.Rendering;

/// <summary>The files of values that are rendered, of which each stands for a way to install the chart.</summary>
internal static class ValuesFile
{
    public static readonly string Trial = InChart("values-trial.yaml");

    public static readonly string Production = InChart("values-production.yaml");

    public static readonly string Minimal = InChart("ci/minimal-values.yaml");

    public static readonly string Everything = InChart("ci/everything-values.yaml");

    public static readonly string NetworkPolicies = InChart("ci/network-policies-values.yaml");

    public static TheoryData<string> All =>
        [.. new[] { "trial", "production", "minimal", "external-postgres", "gateway-api", "autoscaling", "network-policies", "everything" }];

    /// <summary>Of a name in <see cref="All"/>.</summary>
    public static string Of(string name) => InChart($"ci/{name}-values.yaml");

    private static string InChart(string path) => Path.Combine(Helm.Chart, path);
}
