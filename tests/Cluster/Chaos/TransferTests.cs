using System.Diagnostics;
using System.Globalization;
using Granary.Crash.Transfers;
using Xunit.Abstractions;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>Silos and gateways are killed, by a seed, while transactions move tokens between queues of different silos: there are always as many as there were.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class TransferTests(ITestOutputHelper output)
{
    private const int Tokens = 300, Movers = 12;

    private static readonly TimeSpan Standstill = TimeSpan.FromMinutes(3);

    // Queues that were taken from a silo; what is due, and who answers not, while a member is gone.
    private static readonly int[] News = [3003, 3004, 3102, 3309, 3320, 3321, 3511, 3512, 3521, 1006, 1010, 1208];

    private static readonly string[] Silos = ["silo-1", "silo-2", "silo-3"], Gateways = ["gateway-1", "gateway-2"];
    private static readonly string[] Queues = ["transfers-a", "transfers-b", "transfers-c", "transfers-d"];

    [OfSoak]
    public async Task Members_KilledUnderTransfers_EachTokenIsThereOnce()
    {
        var random = new Random(Setting("SEED", 1));
        await using var cluster = await LocalCluster.StartAsync(Silos.Length, Gateways.Length);
        Array.ForEach(News, cluster.Allow);
        var load = new TransferLoad([() => cluster.ClientOf(1), () => cluster.ClientOf(2)], Queues, Tokens, Movers, Setting("SEED", 1), static _ => { });
        await load.FillAsync();
        var (kills, wanted) = (Setting("KILLS", 2), Setting("COUNT", 0));
        for (var kill = 1; kill <= kills; kill++)
        {
            var victims = random.Next(3) == 0 ? Gateways : Silos;
            var victim = victims[random.Next(victims.Length)];
            load.Start();
            await Task.Delay(TimeSpan.FromSeconds(1 + (3 * random.NextDouble())));
            await UntilAsync(load, (long)wanted * ((2 * kill) - 1) / (2 * kills));
            await cluster.SignalAsync(victim, "KILL");
            await Task.Delay(TimeSpan.FromSeconds(3 * random.NextDouble()));
            await cluster.StartAgainAsync(victim);
            await UntilAsync(load, (long)wanted * kill / kills);
            await load.StopAsync();
            await load.CheckSumAsync();
            output.WriteLine($"kill {kill}, {victim}: {load.Commits} transactions, {load.Moved} tokens moved, {load.Failures} lost channels");
        }

        await load.CheckTokensAsync();
    }

    private static async Task UntilAsync(TransferLoad load, long commits)
    {
        for (var (seen, since) = (load.Commits, Stopwatch.GetTimestamp()); load.Commits < commits;)
        {
            await Task.Delay(100);
            if (load.Commits != seen)
            {
                (seen, since) = (load.Commits, Stopwatch.GetTimestamp());
            }

            Assert.True(Stopwatch.GetElapsedTime(since) < Standstill, $"no transaction for {Standstill}, after {seen} of {commits}");
        }
    }

    internal static int Setting(string name, int standard) =>
        int.TryParse(Environment.GetEnvironmentVariable($"GRANARY_TEST_TRANSFER_{name}"), CultureInfo.InvariantCulture, out var told) ? told : standard;

    /// <summary>Too long for each run of the suite.</summary>
    internal sealed class OfSoakAttribute : FactAttribute
    {
        public OfSoakAttribute() => Skip = Environment.GetEnvironmentVariable("GRANARY_TEST_TRANSFER_KILLS") is { Length: > 0 } ? null : "soak.sh runs it; tests/Crash has a short one.";
    }
}
