using System.Collections.Concurrent;
using System.Diagnostics;
using Granary.Crash.Ledger;
using Granary.Testing.Brokers;

namespace Granary.Crash.Restarts;

/// <summary>Kills a node and starts it on the same ports and files again and again, under clients that come back at once.</summary>
internal sealed class RestartRun(int restarts, Action<string> log)
{
    private const int ClientCount = 20;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly Faults _faults = new(seed: 0, log);
    private readonly ConcurrentDictionary<long, bool> _seen = new();
    private readonly List<TimeSpan> _starts = [];

    public async Task<RestartReport> RunAsync()
    {
        var clock = Stopwatch.StartNew();
        var clients = Enumerable.Range(0, ClientCount).Select(number => new ReturningClient(number, _faults, _seen)).ToArray();
        using var publish = new CancellationTokenSource();
        using var stop = new CancellationTokenSource();
        await using var node = new KilledNode();
        await node.StartAsync();
        var running = clients.Select(client => client.RunAsync(node.AmqpPort, publish.Token, stop.Token)).ToArray();
        try
        {
            await WaitUntilServedAsync(clients, [.. clients.Select(_ => 0)]);
            while (_starts.Count < restarts)
            {
                await node.KillAsync();
                CheckLog(node);
                var before = clients.Select(client => client.Confirms).ToArray();
                _starts.Add(await node.StartAsync());
                await WaitUntilServedAsync(clients, before);
                log($"start {_starts.Count} of {restarts}: ready after {_starts[^1].TotalSeconds:0.00} s, {clients.Sum(client => client.Confirms)} messages confirmed");
            }

            await publish.CancelAsync();
            await WaitUntilAsync(() => clients.All(client => client.Confirmed.All(_seen.ContainsKey)), "all that was confirmed was delivered");
        }
        catch (Exception exception) when (exception is InvalidOperationException or TimeoutException)
        {
            _faults.Add($"start {_starts.Count + 1}: {exception.Message}");
        }

        await publish.CancelAsync();
        await stop.CancelAsync();
        await Task.WhenAll(running);
        CheckLog(node);
        return new RestartReport(_starts, clients.Sum(client => client.Confirms), clock.Elapsed, _faults.Count, _faults.ToString());
    }

    private static Task WaitUntilServedAsync(ReturningClient[] clients, int[] before) =>
        WaitUntilAsync(() => clients.Zip(before).All(pair => pair.First.Confirms > pair.Second), "each client has had a confirm of the node that was started");

    private static async Task WaitUntilAsync(Func<bool> condition, string what)
    {
        var since = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(since) > Limit)
            {
                throw new TimeoutException($"It never came true within {Limit} that {what}.");
            }

            await Task.Delay(10);
        }
    }

    /// <summary>What the node itself took for an error is one.</summary>
    private void CheckLog(KilledNode node)
    {
        foreach (var line in node.Log.Split('\n').Where(IsTrouble).Take(5))
        {
            _faults.Add($"start {_starts.Count}: the node logged: {line}");
        }
    }

    private static bool IsTrouble(string line) =>
        line.Contains(" fail: ", StringComparison.Ordinal)
        || line.Contains(" crit: ", StringComparison.Ordinal)
        || line.Contains("Unhandled exception", StringComparison.Ordinal)
        || line.Contains("already in use", StringComparison.OrdinalIgnoreCase);
}
