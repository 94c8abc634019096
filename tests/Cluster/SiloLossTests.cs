namespace Granary.Cluster.Tests;

/// <summary>A silo goes while clients publish and consume at gateways: they notice nothing but a pause.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class SiloLossTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private const int QueueTakenOver = 3004;

    /// <param name="mostSeconds">The longest that a confirm may take, on a machine that others use, too.</param>
    [Theory]
    [InlineData("KILL", 3)]
    [InlineData("TERM", 3)]
    [InlineData("STOP", 8)]
    public async Task Silo_GoesUnderLoad_LosesNothingConfirmedAndNoConnection(string signal, int mostSeconds)
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 3, gateways: 2);
        await using var load = await ClusterLoad.StartAsync(cluster.AmqpPort(1), cluster.AmqpPort(2), queues: 30);
        await load.PublishForAsync(TimeSpan.FromSeconds(2));

        var publishing = load.PublishForAsync(TimeSpan.FromSeconds(8));
        await cluster.SignalAsync("silo-2", signal);
        await publishing;

        await load.CheckAsync();
        if (signal == "STOP")
        {
            // Its queues were taken over, which it hears when it goes on.
            cluster.Allow(QueueTakenOver);
        }

        output.WriteLine($"{signal}: {load.Published} messages, the longest confirm took {load.LongestConfirm.TotalSeconds:F2} s");
        Assert.InRange(load.LongestConfirm, TimeSpan.Zero, TimeSpan.FromSeconds(mostSeconds));
    }
}
