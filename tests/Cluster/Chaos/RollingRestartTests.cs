using System.Diagnostics;
using Xunit.Abstractions;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>Everything restarts under load, one after the other. Clients recover from a gateway's own close, and see no other error.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class RollingRestartTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Everything_RestartsUnderLoad_NothingConfirmedIsLostAndClientsRecover()
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 2);
        await using var load = await RollingLoad.StartAsync(cluster);
        foreach (var member in new[] { "silo-1", "silo-2", "gateway-1", "gateway-2" })
        {
            var began = Stopwatch.GetTimestamp();
            await load.RestartAsync(member);
            output.WriteLine($"{member}: {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s until it was back and publishing went on");
        }

        output.WriteLine(await load.CheckAsync());
    }
}
