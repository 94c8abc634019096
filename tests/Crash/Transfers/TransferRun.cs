using System.Diagnostics;
using Granary.Crash.Brokers;
using RabbitMQ.Client;

namespace Granary.Crash.Transfers;

/// <summary>Kills a node again and again under transactions that move tokens between its queues: after each start there are as many as there were.</summary>
internal sealed class TransferRun(int seed, int kills, StoreKind store, double between, Action<string> log)
{
    private const int Tokens = 200;
    private const int Movers = 6;

    // On a slow machine the time between two kills may pass before the first of them.
    private const int LeastCommits = 12;

    private static readonly string[] Queues = ["transfers-a", "transfers-b", "transfers-c"];

    public async Task<TransferReport> RunAsync()
    {
        var clock = Stopwatch.StartNew();
        var random = new Random(seed);
        await using var home = await Home.CreateAsync(store);
        var node = await home.StartReadyAsync();
        var load = new TransferLoad(
            [() => new ConnectionFactory { HostName = "127.0.0.1", Port = node.AmqpPort }], Queues, Tokens, Movers, seed, static _ => { });
        var fault = "";
        try
        {
            await load.FillAsync();
            for (var kill = 1; kill <= kills; kill++)
            {
                load.Start();
                await load.WaitForCommitsAsync(LeastCommits);
                await Task.Delay(TimeSpan.FromSeconds(between * (0.3 + (1.4 * random.NextDouble()))));
                await node.KillAsync();
                var stopped = load.StopAsync();
                await node.DisposeAsync();
                node = await home.StartReadyAsync();
                await stopped;
                await load.CheckSumAsync();
                log($"kill {kill} of {kills}: {load.Commits} transactions, {load.Moved} tokens moved, {load.Failures} lost channels");
            }

            await load.CheckTokensAsync();
        }
        catch (Exception exception) when (exception is InvalidOperationException or TimeoutException)
        {
            fault = exception.Message;
            home.IsKept = true;
            log($"seed {seed}: {fault} The files are kept in {home.Folder}.");
        }

        await node.DisposeAsync();
        return new TransferReport(kills, load.Commits, load.Moved, clock.Elapsed, fault);
    }
}

/// <param name="Fault">Empty: there was none.</param>
internal sealed record TransferReport(int Kills, long Commits, long Moved, TimeSpan Took, string Fault)
{
    public int Faults => Fault.Length == 0 ? 0 : 1;

    public override string ToString() => $"transfers: {Kills} kills, {Commits} transactions, {Moved} tokens moved, {Took.TotalSeconds:0} s, {(Fault.Length == 0 ? "no fault" : Fault)}";
}
