using Granary.Testing.Processes;

namespace Granary.Chart.Tests.Rendering;

/// <summary>The helm in PATH, and the chart of this tree.</summary>
internal static class Helm
{
    /// <summary>The release that is rendered.</summary>
    public const string Release = "granary";

    public static readonly string Chart = RepositoryPath.Of("k8s", "granary");

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly string? Program = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => Path.Combine(folder, "helm"))
        .FirstOrDefault(File.Exists);

    /// <summary>Why tests that need it are left out; null: they are not.</summary>
    public static string? Missing => Program is null ? "There is no helm in PATH." : null;

    /// <summary>Its output; throws with it when it fails.</summary>
    /// <param name="kubeConfig">The Kubernetes cluster that it may ask; none unless told.</param>
    public static async Task<string> RunAsync(IEnumerable<string> arguments, string? kubeConfig = null)
    {
        var home = Directory.CreateTempSubdirectory("granary-helm-").FullName;
        try
        {
            var environment = new Dictionary<string, string>
            {
                ["HELM_CACHE_HOME"] = home,
                ["HELM_CONFIG_HOME"] = home,
                ["HELM_DATA_HOME"] = home,
                ["KUBECONFIG"] = kubeConfig ?? "/dev/null",
            };
            return await ChildProcess.RunAsync(Program!, arguments, Limit, environment);
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }

    /// <summary>What would be applied to a cluster.</summary>
    /// <param name="values">The path of a file of values.</param>
    public static async Task<Manifests> RenderAsync(string values, params string[] more) =>
        Manifests.Parse(await RunAsync(["template", Release, Chart, "--values", values, .. more]));

    /// <summary>What helm says to values that it should refuse.</summary>
    public static async Task<string> RefusalAsync(params string[] arguments) =>
        (await Assert.ThrowsAsync<InvalidOperationException>(() => RunAsync(["template", Release, Chart, .. arguments]))).Message;
}
