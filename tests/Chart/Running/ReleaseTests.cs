using Granary.Chart.Tests.Keeping;
using Granary.Chart.Tests.Rendering;
using Granary.Testing.Postgres;

namespace Granary.Chart.Tests.Running;

/// <summary>Releases of the chart as processes of this machine: their probes pass, messages go through, and all of it comes back after all of it has stopped.</summary>
public sealed class ReleaseTests
{
    [HelmFact]
    public async Task Trial_Started_TakesMessagesAndKeepsThemOverAStop()
    {
        var manifests = await Helm.RenderAsync(
            ValuesFile.Trial, "--set", "administrator.existingSecret=login,services.proxy.enabled=true,services.proxy.networks={127.0.0.0/8,10.0.0.0/8}");

        // As kubectl makes it from files that an editor has written.
        await using var release = new Cluster(manifests, new() { ["login"] = new() { ["username"] = "operator\n", ["password"] = "se cret\n" } });
        await release.StartAsync();
        await release.TestAsync();
        await release.Running.Single().ExpectAliveAsync();
        await release.ExpectOpenPortsAsync();

        Assert.Equal(0, Assert.Single(await release.StopAsync()));
        await release.StartAsync();

        await release.TestAsync();
    }

    // Longer than ten seconds: four processes that start twice, and gateways that serve on for their drain time.
    [HelmFact]
    public async Task Production_StoppedAndStartedAllAtOnce_ComesUpByItself()
    {
        await using var postgres = await PostgresServer.StartAsync();
        var manifests = await Helm.RenderAsync(ValuesFile.Production, "--set", "silos.replicas=2,gateways.drainTime=1");
        await using var release = new Cluster(manifests, await SecretsAsync(postgres));
        Assert.Equal(4, release.Pods.Count);
        await release.StartAsync();
        await release.TestAsync();
        await Task.WhenAll(release.Running.Select(pod => pod.ExpectAliveAsync()));
        await release.ExpectOpenPortsAsync();

        Assert.All(await release.StopAsync(), code => Assert.Equal(0, code));
        await release.StartAsync();

        await release.TestAsync();
    }

    // Longer than ten seconds: each pod looks at its certificates every five, three times.
    [HelmFact]
    public async Task MembersAuthority_Changed_IsNoticedByNobody()
    {
        await using var kubernetes = await KubernetesApi.StartAsync();
        await using var postgres = await PostgresServer.StartAsync();
        string[] values = ["--set", "silos.replicas=2,gateways.replicas=1,gateways.drainTime=0"];
        await using var release = new Cluster(await kubernetes.UpgradeAsync(ValuesFile.Minimal, values), await SecretsAsync(postgres));
        await release.StartAsync();

        foreach (var (step, times) in new[] { ("introduce", 1), ("switch", 2), ("", 3) })
        {
            kubernetes.LetStepsBeMinutesAgo();
            release.Refresh(await kubernetes.UpgradeAsync(ValuesFile.Minimal, [.. values, "--set", $"cluster.tls.rotation={step}"]));
            await Task.WhenAll(release.Running.Select(pod => pod.WhenLoggedAsync(3402, pod.Pod.Name == "granary-gateway-0" ? 1 : times)));

            // Connections that are there go on with what they were opened with: the gateway has to open new ones.
            await release.ReplaceAsync("granary-gateway-0");
            await release.TestAsync();
        }

        Assert.DoesNotContain(release.Running.SelectMany(pod => pod.Logged()), line => line.Event is 3403 or 3405);
    }

    private static async Task<Dictionary<string, Dictionary<string, string>>> SecretsAsync(PostgresServer postgres) => new()
    {
        ["granary-postgres"] = new() { ["connection"] = await postgres.CreateDatabaseAsync() },
    };
}
