using System.Diagnostics;
using System.Globalization;
using Xunit.Abstractions;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>Silos and the database go and come back, in the order of a seed, while clients publish and consume. <c>soak.sh</c> makes it long.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class ChaosTests(ITestOutputHelper output)
{
    private static readonly string[] Silos = ["silo-1", "silo-2", "silo-3"];

    // Queues that were taken from a member that was stopped; a store that is out of reach, and back.
    private static readonly int[] NewsOfLosses = [3004, 3301, 3302];

    private static readonly string[] Kinds = ["KILL", "TERM", "STOP", "database"];

    // For the longest that a confirm may take, on a machine that others use, too.
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(3), PauseOfAHang = TimeSpan.FromSeconds(8);

    [Fact]
    public async Task Members_GoAndComeBackUnderLoad_NothingConfirmedIsLostAndNoConnection()
    {
        var random = new Random(Setting("SEED", 1));
        var hang = TimeSpan.FromSeconds(Setting("HANG", 8));
        await using var cluster = await LocalCluster.StartAsync(Silos.Length, gateways: 2);
        foreach (var news in NewsOfLosses)
        {
            cluster.Allow(news);
        }

        await using var load = await ChaosLoad.StartAsync(cluster);
        output.WriteLine("| event | of | away, s | longest confirm, s | while it came back, s | load of the machine |\n|---|---|---|---|---|---|");
        string[] kinds = [];
        var newest = "";
        List<string> tooLong = [];
        for (int count = 0, events = Setting("EVENTS", Kinds.Length); count < events; count++)
        {
            // Each kind once in as many events as there are kinds.
            if (count % Kinds.Length == 0)
            {
                kinds = [.. Kinds];
                random.Shuffle(kinds);
            }

            var kind = kinds[count % Kinds.Length];

            // The one that came last has few queues.
            string[] victims = kind == "database" ? [LocalCluster.Database] : [.. Silos.Where(silo => silo != newest)];
            var member = victims[random.Next(victims.Length)];
            newest = kind == "database" ? newest : member;
            load.TakeLongest();
            var began = Stopwatch.GetTimestamp();
            await EndAsync(cluster, load, member, kind, hang);
            var ended = load.TakeLongest();
            await cluster.StartAgainAsync(member);
            var away = Stopwatch.GetElapsedTime(began);
            await load.WholeRoundAsync();
            var returned = load.TakeLongest();
            var busy = (await File.ReadAllTextAsync("/proc/loadavg")).Split(' ')[0];
            output.WriteLine($"| {kind} | {member} | {away.TotalSeconds:F1} | {ended.TotalSeconds:F2} | {returned.TotalSeconds:F2} | {busy} |");
            if (ended > (kind == "STOP" ? PauseOfAHang : Pause) || returned > Pause)
            {
                tooLong.Add($"event {count + 1}, {kind} of {member}");
            }
        }

        await load.CheckAsync();
        output.WriteLine($"{load.Confirmed} messages confirmed, {load.Delivered} deliveries, {load.Toggles} times bound and unbound");
        Assert.Empty(tooLong);
    }

    private static async Task EndAsync(LocalCluster cluster, ChaosLoad load, string member, string kind, TimeSpan hang)
    {
        // A database that is stopped without waiting for its clients.
        await cluster.SignalAsync(member, kind == "database" ? "INT" : kind);
        if (kind == "database")
        {
            return;
        }

        if (kind == "STOP")
        {
            await Task.Delay(hang);
            await load.WholeRoundAsync();
            await cluster.SignalAsync(member, "CONT");
        }

        await load.WholeRoundAsync();
        await cluster.WhenEndedAsync(member);
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable($"GRANARY_TEST_CHAOS_{name}"), CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
