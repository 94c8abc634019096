using Granary.Chart.Tests.Rendering;
using Granary.Testing.Postgres;

namespace Granary.Chart.Tests.Running;

/// <summary>Releases of the chart as processes of this machine: their probes pass, messages go through, and all of it comes back after all of it has stopped.</summary>
public sealed class ReleaseTests
{
    // On loopback guest may come in; everywhere else the broker has to be told of an administrator.
    private static readonly Dictionary<string, string> Login = new() { ["username"] = "guest", ["password"] = "guest" };

    [HelmFact]
    public async Task Trial_Started_TakesMessagesAndKeepsThemOverAStop()
    {
        var manifests = await Helm.RenderAsync(ValuesFile.Trial, "--set", "administrator.existingSecret=login");
        await using var release = new Cluster(manifests, new() { ["login"] = Login });
        await release.StartAsync();
        await release.TestAsync();
        Assert.True(await release.Running.Single().IsAliveAsync());

        Assert.Equal(0, Assert.Single(await release.StopAsync()));
        await release.StartAsync();

        await release.TestAsync();
    }

    // Longer than ten seconds: four processes that start twice, and gateways that serve on for their drain time.
    [HelmFact]
    public async Task Production_StoppedAndStartedAllAtOnce_ComesUpByItself()
    {
        await using var postgres = await PostgresServer.StartAsync();
        var manifests = await Helm.RenderAsync(ValuesFile.Production, "--set", "administrator.existingSecret=login,silos.replicas=2,gateways.drainTime=1");
        await using var release = new Cluster(manifests, new()
        {
            ["login"] = Login,
            ["granary-postgres"] = new() { ["connection"] = await postgres.CreateDatabaseAsync() },
        });
        Assert.Equal(4, release.Pods.Count);
        await release.StartAsync();
        await release.TestAsync();
        Assert.All(await Task.WhenAll(release.Running.Select(pod => pod.IsAliveAsync())), Assert.True);

        Assert.All(await release.StopAsync(), code => Assert.Equal(0, code));
        await release.StartAsync();

        await release.TestAsync();
    }
}
