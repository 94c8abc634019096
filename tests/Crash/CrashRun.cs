using System.Diagnostics;
using Granary.Crash.Brokers;
using Granary.Crash.Ledger;
using Granary.Crash.Load;
using Granary.Testing.Logs;
using RabbitMQ.Client;

namespace Granary.Crash;

/// <summary>Kills a broker, or its database, again and again under load, and counts at the end.</summary>
internal sealed class CrashRun(CrashOptions options, Action<string> log)
{
    private const int LastWriteCutOff = 3311;

    private static readonly TimeSpan QuietLimit = TimeSpan.FromSeconds(60);
    private readonly Random _random = new(options.Seed);
    private readonly Plan _plan = new(options.Seed, options.Queues);
    private readonly Faults _faults = new(options.Seed, log);
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private int _kills;

    public async Task<CrashReport> RunAsync()
    {
        var ledger = new CrashLedger(_plan, _faults);
        var clients = new Clients(_plan, ledger, _faults, options.Backlog);
        await using var home = await Home.CreateAsync(options.Store);
        home.Announced = options.Victim == Victim.Broker ? [LastWriteCutOff] : StoreOutage.Events;
        try
        {
            var node = await home.StartReadyAsync();
            try
            {
                await OnChannelAsync(node, async channel =>
                {
                    await Topology.DeclareAsync(channel, _plan);
                    return 0;
                });
                if (options.Victim == Victim.Postgres)
                {
                    await KillDatabaseAsync(home, node, clients, ledger);
                }
                else
                {
                    node = await KillBrokerAsync(home, node, clients, ledger);
                }

                node = await RestartAsync(home, node);
                var left = await OnChannelAsync(node, channel => Topology.CountAsync(channel, _plan));
                ledger.Close(left);
                await using var connection = await Client.ConnectAsync(node.AmqpPort);
                await clients.Late.CheckAsync(connection);
            }
            finally
            {
                CheckLog(node);
                if (_faults.Count > 0)
                {
                    await File.WriteAllTextAsync(Path.Combine(home.Folder, "last.log"), node.Log);
                }

                await node.DisposeAsync();
            }
        }
        catch (Exception exception) when (exception is InvalidOperationException or TimeoutException || Client.IsLoss(exception))
        {
            _faults.Add($"run {ledger.Run}: {exception}");
        }

        home.IsKept = _faults.Count > 0;
        if (home.IsKept)
        {
            log($"The node's files are kept in {home.Folder}");
        }

        return new CrashReport(options, ledger.Totals, _kills, _clock.Elapsed, _faults.Count, _faults.ToString());
    }

    private static async Task<T> OnChannelAsync<T>(NodeProcess node, Func<IChannel, Task<T>> act)
    {
        await using var connection = await Client.ConnectAsync(node.AmqpPort);
        await using var channel = await connection.CreateChannelAsync();
        return await act(channel);
    }

    private async Task<NodeProcess> KillBrokerAsync(Home home, NodeProcess node, Clients clients, CrashLedger ledger)
    {
        while (true)
        {
            using var run = clients.Start(node.AmqpPort);
            await OnChannelAsync(node, channel => Topology.CountAsync(channel, _plan));
            await WaitForKillAsync();
            if (_kills >= options.Kills)
            {
                await FinishAsync(node, run, ledger);
                return node;
            }

            ledger.BeginKill();
            await node.KillAsync();
            ledger.EndRun();
            _kills++;
            await run.EndAsync(QuietLimit * 2);
            CheckLog(node);
            await node.DisposeAsync();

            var since = Stopwatch.GetTimestamp();
            node = home.Start();
            while (_random.Next(6) == 0 && _kills < options.Kills)
            {
                // It dies while it starts, too.
                await Task.Delay(_random.Next(1_500));
                await node.KillAsync();
                _kills++;
                CheckLog(node);
                await node.DisposeAsync();
                node = home.Start();
            }

            await node.WaitUntilReadyAsync();
            ledger.BeginRun();
            log($"seed {options.Seed}: kill {_kills} of {options.Kills}, ready after {Stopwatch.GetElapsedTime(since).TotalSeconds:0.0} s, {ledger.Owed} owed; {ledger.Totals}");
        }
    }

    private async Task KillDatabaseAsync(Home home, NodeProcess node, Clients clients, CrashLedger ledger)
    {
        var server = home.Server ?? throw new InvalidOperationException("--victim postgres needs --store postgres.");
        using var run = clients.Start(node.AmqpPort);
        while (_kills < options.Kills)
        {
            await WaitForKillAsync();
            await server.KillAsync();
            _kills++;
            await Task.Delay(_random.Next(1_500));
            await server.StartAgainAsync();
            log($"seed {options.Seed}: kill {_kills} of {options.Kills}, {ledger.Owed} owed; {ledger.Totals}");
        }

        await WaitForKillAsync();
        await FinishAsync(node, run, ledger);
        CheckLog(node);
    }

    /// <summary>Lets publishers finish and consumers take all there is.</summary>
    private async Task FinishAsync(NodeProcess node, ClientRun run, CrashLedger ledger)
    {
        await run.EndPublishingAsync();
        await run.DrainAsync();
        var (last, at) = (long.MinValue, Stopwatch.GetTimestamp());
        while (true)
        {
            var ready = (await OnChannelAsync(node, channel => Topology.CountAsync(channel, _plan))).Sum(count => count);
            var (owed, held) = (ledger.Owed, ledger.Held);
            if (owed == 0 && held == 0 && ready == 0)
            {
                break;
            }

            var now = ledger.Totals.Acked;
            if (now != last)
            {
                (last, at) = (now, Stopwatch.GetTimestamp());
            }
            else if (Stopwatch.GetElapsedTime(at) > QuietLimit)
            {
                _faults.Add($"nothing came for {QuietLimit}: {owed} confirmed messages are waited for, {held} are held, {ready} are ready");
                foreach (var told in ledger.TellOwed(20))
                {
                    _faults.Add(told);
                }

                break;
            }

            await Task.Delay(200);
        }

        await run.EndConsumingAsync();
    }

    private async Task<NodeProcess> RestartAsync(Home home, NodeProcess node)
    {
        var code = await node.TerminateAsync();
        if (code != 0)
        {
            _faults.Add($"the node ended with {code} when it was told to stop:\n{node.Log}");
        }

        CheckLog(node);
        await node.DisposeAsync();
        return await home.StartReadyAsync();
    }

    private Task WaitForKillAsync() => Task.Delay(TimeSpan.FromSeconds(options.Between * 2 * _random.NextDouble()));

    /// <summary>What the node warns of and the run did not announce is a fault.</summary>
    private void CheckLog(NodeProcess node)
    {
        foreach (var line in node.Watched.TakeUnannounced().Take(5))
        {
            _faults.Add($"the node logged: {line}");
        }
    }
}
