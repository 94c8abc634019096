using System.Diagnostics;
using Granary.Crash.Brokers;
using Granary.Crash.Ledger;
using Granary.Crash.Load;
using Granary.Testing.Logs;

namespace Granary.Crash.TakeOvers;

/// <summary>Two nodes on one database: one is stopped (SIGSTOP) under load, the other takes a queue from it, and the first is continued.</summary>
internal sealed class TakeOverRun(int seed, int takeOvers, Action<string> log)
{
    /// <summary>What the connections of the node that is stopped call themselves.</summary>
    public const string First = "first";

    private const string Second = "second";
    private const int TakenOver = 3004, LinkLost = 1004;

    /// <summary>Connections get 5 s to let go of their queues; this leaves as much again for a busy machine, and 5 s for the rest of the stop.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan NoticeLimit = TimeSpan.FromSeconds(30);

    private readonly Random _random = new(seed);
    private readonly Faults _faults = new(seed, log);
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<RoundResult> _results = [];

    public async Task<TakeOverReport> RunAsync()
    {
        await using var home = await Home.CreateAsync(StoreKind.Postgres);
        await using var firstHome = home.Beside(First);
        await using var secondHome = home.Beside(Second);

        // The flush that a take-over ends is an error for the first, and so is each try to use what it has lost.
        firstHome.Announced = [TakenOver, LinkLost, .. StoreOutage.Events];
        await using var first = await firstHome.StartReadyAsync();
        await using var second = await secondHome.StartReadyAsync();
        try
        {
            for (var number = 0; number < takeOvers; number++)
            {
                var round = new TakeOverRound(number, isLast: number == takeOvers - 1, home, first, second, _random, _faults);
                _results.Add(await round.RunAsync());
                log($"seed {seed}: take-over {number + 1} of {takeOvers}: {_results[^1]}");
                await CheckFencedAsync(round, first);
            }

            await StopAsync(First, first);
            await StopAsync(Second, second);
        }
        catch (Exception exception) when (exception is InvalidOperationException or TimeoutException or ConfirmsMissingException || Client.IsLoss(exception))
        {
            _faults.Add(exception.ToString());
        }

        CheckLog(First, first);
        CheckLog(Second, second);
        await KeepAsync(firstHome, first);
        await KeepAsync(secondHome, second);
        return new TakeOverReport(seed, _results, _clock.Elapsed, _faults.Count, _faults.ToString());
    }

    // What it logs comes over a pipe, and after what its clients hear.
    private async Task CheckFencedAsync(TakeOverRound round, NodeProcess first)
    {
        for (var since = Stopwatch.GetTimestamp(); !first.Log.Contains($"Queue {round.Name} in vhost / was taken over", StringComparison.Ordinal); await Task.Delay(20))
        {
            if (Stopwatch.GetElapsedTime(since) > NoticeLimit)
            {
                _faults.Add($"{round.Name}: the first node has not noticed that it has lost it");
                return;
            }
        }
    }

    private async Task StopAsync(string name, NodeProcess node)
    {
        var since = Stopwatch.GetTimestamp();
        var code = await node.TerminateAsync();
        var took = Stopwatch.GetElapsedTime(since);
        if (code != 0 || took > StopLimit)
        {
            _faults.Add($"the {name} node ended with {code} after {took} when it was told to stop");
        }
    }

    private void CheckLog(string name, NodeProcess node)
    {
        foreach (var line in node.Watched.TakeUnannounced())
        {
            _faults.Add($"the {name} node logged: {line}");
        }
    }

    private async Task KeepAsync(Home home, NodeProcess node)
    {
        if (_faults.Count > 0)
        {
            home.IsKept = true;
            await File.WriteAllTextAsync(Path.Combine(home.Folder, "last.log"), node.Log);
            log($"A node's log is kept in {home.Folder}");
        }
    }
}
