using System.Diagnostics;
using System.Globalization;
using Xunit.Abstractions;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>Members and the database go and come back, and links between them are cut and mended, in the order of a seed, while clients publish and consume. <c>soak.sh</c> makes it long.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class ChaosTests(ITestOutputHelper output)
{
    // Queues that were taken from a member that was stopped, or that two silos had for a moment; a store that is out of reach, and back; what is due cannot be
    // read then, and bindings of queues that are deleted wait; a gateway that no silo answers, and that is declared dead; one that stops while somebody does not answer.
    private static readonly int[] News = [3003, 3004, 3301, 3302, 3309, 3320, 3321, 3102, 3511, 3512, 3521, 1208];

    // A call that was on its way when its link was cut is given up after 10 s, and the method that waits for it refused after 15 (docs/operations.md, "Cluster").
    private const int NotAnswered = 1006;

    private static readonly TimeSpan Median = TimeSpan.FromSeconds(1.5), BesideTheDatabase = TimeSpan.FromSeconds(1), Look = TimeSpan.FromMilliseconds(500);

    private readonly List<string> _excesses = [], _faults = [];
    private readonly List<TimeSpan> _kills = [], _restarts = [];
    private int _told;

    private static bool CutsLinks => Setting("CUTS", 0) != 0;

    [Fact]
    public async Task Members_GoAndComeBackUnderLoad_NothingConfirmedIsLostAndNoConnection()
    {
        await using var cluster = await LocalCluster.StartAsync(Upheaval.Silos.Length, Upheaval.Gateways.Length, CutsLinks ? [LocalCluster.InNamespaces] : []);
        Array.ForEach(CutsLinks ? [.. News, NotAnswered] : News, cluster.Allow);
        await using var load = await ChaosLoad.StartAsync(cluster);
        try
        {
            await GoThroughAllAsync(cluster, load);
        }
        catch (Exception failure)
        {
            // What members have logged meanwhile would hide it.
            Say(failure.ToString());
            throw;
        }
    }

    private async Task GoThroughAllAsync(LocalCluster cluster, ChaosLoad load)
    {
        Say(
            "| # | event | of | away, s | longest confirm, s | limit, s | of clients that connected again, s | while all came back, s | connections closed | ended by it | load of the machine |\n"
            + "|---|---|---|---|---|---|---|---|---|---|---|");
        var random = new Random(Setting("SEED", 1));
        var hang = TimeSpan.FromSeconds(Setting("HANG", 8));
        var kinds = Environment.GetEnvironmentVariable("GRANARY_TEST_CHAOS_KINDS") is { Length: > 0 } told ? told.Split(',') : CutsLinks ? Upheaval.Kinds : Upheaval.OfProcesses;
        var newest = "";
        for (int count = 0, events = Setting("EVENTS", kinds.Length); count < events; count++)
        {
            // Each kind once in as many events as there are kinds.
            if (count % kinds.Length == 0)
            {
                random.Shuffle(kinds);
            }

            newest = await GoThroughAsync(cluster, load, count + 1, Upheaval.Choose(kinds[count % kinds.Length], random, hang, newest)) ?? newest;
        }

        await load.CheckAsync();
        Sum(load);
        Assert.Empty(_faults);
    }

    /// <returns>The silo that was started last, if any was.</returns>
    private async Task<string?> GoThroughAsync(LocalCluster cluster, ChaosLoad load, int number, Upheaval upheaval)
    {
        if (upheaval.MayTakeGateways)
        {
            load.ExpectGateways();
        }

        load.TakeLongest(gone: null);
        var victim = upheaval.IsCut ? null : upheaval.Member;
        var began = Stopwatch.GetTimestamp();
        await upheaval.HappenAsync(cluster);
        Longest ended = default, returned = default;
        if (upheaval.Kind != Upheaval.Database)
        {
            await load.WholeRoundAsync();
            ended = load.TakeLongest(victim);
        }

        HashSet<string> gone = [.. upheaval.IsCut ? [] : new[] { upheaval.Member }];
        var (started, wasDown) = await StartAgainAsync(cluster, load, gone, began);
        returned = load.TakeLongest(victim);
        var closed = load.JudgeClosings(gone, upheaval.IsTold);
        var away = Stopwatch.GetElapsedTime(began);
        if (upheaval.Kind == Upheaval.Database)
        {
            // Publishers are held until it is back.
            ended = returned;
        }

        foreach (var fault in load.FaultsSince(_told))
        {
            _told++;
            Say($"{fault}, beside event {number}");
        }

        Tell(number, upheaval, (away, wasDown, ended, returned), closed, started.Where(member => upheaval.IsCut || member != upheaval.Member));
        return started.LastOrDefault(Upheaval.Silos.Contains);
    }

    /// <summary>Completes when all who went are back, and their clients with them: also those that are declared dead a little later by whom they did not reach.</summary>
    /// <param name="gone">Who went; gets those who went besides.</param>
    /// <returns>All of them, in the order in which they were started, and how long it took until the last of them was there.</returns>
    private async Task<(List<string> Started, TimeSpan Took)> StartAgainAsync(LocalCluster cluster, ChaosLoad load, HashSet<string> gone, long began)
    {
        List<string> started = [];
        var took = TimeSpan.Zero;
        var settling = load.SettleAsync();
        while (true)
        {
            var isSettled = settling.IsCompleted;
            if (gone.Count == started.Count)
            {
                gone.UnionWith(await cluster.GoneAsync());
            }

            string[] missing = [.. gone.Except(started).Order()];
            foreach (var member in missing)
            {
                var asked = Stopwatch.GetTimestamp();
                await cluster.StartAgainAsync(member);
                _restarts.Add(Stopwatch.GetElapsedTime(asked));
                started.Add(member);
                took = Stopwatch.GetElapsedTime(began);
            }

            if (missing.Length > 0)
            {
                await settling;
                settling = load.SettleAsync();
            }
            else if (isSettled)
            {
                await settling;
                return (started, took);
            }
            else
            {
                await Task.WhenAny(settling, Task.Delay(Look));
            }
        }
    }

    private void Tell(int number, Upheaval upheaval, (TimeSpan Away, TimeSpan WasDown, Longest Ended, Longest Returned) took, int closed, IEnumerable<string> others)
    {
        var limit = upheaval.Kind == Upheaval.Database ? took.WasDown + BesideTheDatabase : upheaval.Limit;
        var (longest, again) = (took.Ended.Stayed, took.Ended.Or(took.Returned).Recovered);
        var busy = double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture);
        Say(
            $"| {number} | {upheaval.Kind} | {upheaval} | {Said(took.Away)} | {Said(longest)} | {Said(limit)} | {Said(again)} | {Said(took.Returned.Stayed)} | {closed} | {string.Join(", ", others)} | {busy} |");
        if (longest > limit)
        {
            Exceed($"event {number}, {upheaval.Kind} of {upheaval}: {Said(longest)} s, where {Said(limit)} s is the limit", busy);
        }

        if (upheaval.Kind == Upheaval.SiloKill)
        {
            _kills.Add(longest);
        }
    }

    private void Sum(ChaosLoad load)
    {
        Say($"{load.Confirmed} messages confirmed, {load.Delivered} deliveries, {load.Toggles} times bound and unbound");
        Say($"{_restarts.Count} times something was started again, and was ready after {Said(_restarts.DefaultIfEmpty().Max())} s at the most");
        if (_kills.Count > 0)
        {
            var median = _kills.Order().ElementAt((_kills.Count - 1) / 2);
            Say($"silo-kill: p50 of the longest confirm {Said(median)} s, limit {Said(Median)} s");
            if (median > Median)
            {
                Exceed("p50 of silo-kill", double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[2], CultureInfo.InvariantCulture));
            }
        }

        Say($"{_excesses.Count} times a limit was exceeded; that is no fault where the machine had more to do than its {Environment.ProcessorCount} processors can");
        _excesses.ForEach(Say);
    }

    private void Exceed(string what, double load)
    {
        var isFault = load <= Environment.ProcessorCount;
        _excesses.Add(string.Create(CultureInfo.InvariantCulture, $"{what}, at a load of {load:F1}{(isFault ? ": a fault" : "")}"));
        if (isFault)
        {
            _faults.Add(_excesses[^1]);
        }
    }

    // The runner says it when all is over; whoever waits reads it meanwhile.
    private void Say(string line)
    {
        output.WriteLine(line);
        if (Environment.GetEnvironmentVariable("GRANARY_TEST_CHAOS_TABLE") is { Length: > 0 } table)
        {
            File.AppendAllText(table, line + "\n");
        }
    }

    private static string Said(TimeSpan? time) => time is { Ticks: > 0 } some ? some.TotalSeconds.ToString("F2", CultureInfo.InvariantCulture) : "";

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable($"GRANARY_TEST_CHAOS_{name}"), CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
