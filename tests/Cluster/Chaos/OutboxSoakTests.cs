using Xunit.Abstractions;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>Silos are killed, and the database, by a seed, while transactions of the database publish what they do.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class OutboxSoakTests(ITestOutputHelper output)
{
    private const int Writers = 4, TransfersOfEachKill = 300;

    // Queues that were taken from a silo; what is due, and who answers not, while a member is gone; what a database that is out of reach has a silo say.
    private static readonly int[] News = [103, 3003, 3004, 3005, 3102, 3301, 3302, 3305, 3308, 3309, 3320, 3321, 3511, 3512, 3521, 1006, 1010, 1208];

    private static readonly string[] Victims = ["silo-1", "silo-2", "silo-3", LocalCluster.Database, LocalCluster.Database];

    [TransferTests.OfSoak]
    public async Task SilosAndDatabase_KilledUnderTransfers_EachIsInEachQueueOnceAndInOrder()
    {
        var random = new Random(TransferTests.Setting("SEED", 1));
        var kills = TransferTests.Setting("KILLS", 5);
        var wanted = Math.Max(TransferTests.Setting("COUNT", 0), (long)TransfersOfEachKill * kills);
        await using var cluster = await LocalCluster.StartAsync(silos: 3, gateways: 1);
        Array.ForEach(News, cluster.Allow);
        await using var load = new OutboxLoad(cluster, Writers, TransferTests.Setting("SEED", 1));
        await load.DeclareAsync();
        load.Start();
        for (var kill = 1; kill <= kills; kill++)
        {
            await load.WhenWrittenAsync(wanted * ((2 * kill) - 1) / (2 * kills));
            var victim = Victims[random.Next(Victims.Length)];

            // QUIT: it leaves as if it had crashed. A silo may have ended by itself, when it had not reached the database for a while and another one had.
            await (victim == LocalCluster.Database ? cluster.SignalAsync(victim, "QUIT") : cluster.EndAsync(victim));
            await Task.Delay(TimeSpan.FromSeconds(3 * random.NextDouble()));
            await cluster.StartAgainAsync(victim);

            // Silos may have ended by themselves, too. The next kill waits until all are there: a silo ends if its database goes while it starts, and cluster.sh ends with it.
            await cluster.StartAllAgainAsync();
            await load.WhenWrittenAsync(wanted * kill / kills);
            output.WriteLine($"kill {kill} of {kills}, {victim}: {load.Written} transfers, {load.Failures} interrupted writers");
        }

        await load.StopAsync();
        await load.CheckAsync();
    }
}
