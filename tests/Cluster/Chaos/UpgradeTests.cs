using System.Diagnostics;
using Granary.Testing.Processes;
using Xunit.Abstractions;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>A cluster of an earlier build of Granary becomes one of this build, member by member, under load.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class UpgradeTests(ITestOutputHelper output)
{
    /// <summary>Neither kind of member waits for the other: Kubernetes rolls both out at once.</summary>
    private static readonly string[] Members = ["gateway-1", "silo-1", "silo-2", "gateway-2"];

    [UpgradeFact]
    public async Task Members_ReplacedByThisBuildOneByOne_NothingConfirmedIsLostAndClientsSeeOnlyTheirGatewaysClose()
    {
        var nodes = Directory.CreateTempSubdirectory("granary-upgrade-").FullName;
        try
        {
            foreach (var member in Members)
            {
                await File.WriteAllTextAsync(Path.Combine(nodes, member), UpgradeFactAttribute.From);
            }

            await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 2, "--nodes", nodes);
            await using var load = await RollingLoad.StartAsync(cluster);
            foreach (var member in Members)
            {
                var began = Stopwatch.GetTimestamp();
                await load.RestartAsync(member, between: () =>
                    File.WriteAllTextAsync(Path.Combine(nodes, member), Path.Combine(RepositoryPath.OutputOf("node"), "Granary.Node.dll")));
                output.WriteLine($"{member}: {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s until it was back as this build and publishing went on");
            }

            output.WriteLine(await load.CheckAsync());
        }
        finally
        {
            Directory.Delete(nodes, recursive: true);
        }
    }
}

/// <summary>A test that needs an earlier build: tests/Compat/upgrade.sh makes one.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class UpgradeFactAttribute : FactAttribute
{
    public UpgradeFactAttribute() => Skip = string.IsNullOrEmpty(From) ? "There is no earlier build: see tests/Compat/upgrade.sh." : null;

    /// <summary>The earlier Granary.Node.dll.</summary>
    public static string? From { get; } = Environment.GetEnvironmentVariable("GRANARY_TEST_UPGRADE_FROM");
}
