using System.Diagnostics;
using System.Globalization;
using Granary.Crash.Brokers;
using Granary.Crash.Ledger;
using Granary.Crash.Load;
using Granary.Testing.Logs;
using RabbitMQ.Client;

namespace Granary.Crash.Features;

/// <summary>Kills a broker, or its database, again and again while queues of every kind are used, each by its own clients, and judges each by its own rules.</summary>
internal sealed class FeatureRun(CrashOptions options, Action<string> log)
{
    private const int LastWriteCutOff = 3311;

    private static readonly TimeSpan QuietLimit = TimeSpan.FromSeconds(60);

    private readonly Random _random = new(options.Seed);
    private readonly Faults _faults = new(options.Seed, log);
    private readonly World _world = new();

    public async Task<FeatureReport> RunAsync()
    {
        var clock = Stopwatch.StartNew();
        var scenes = CreateScenes();
        var kills = 0;
        await using var home = await Home.CreateAsync(options.Store);
        home.Announced = options.Victim == Victim.Broker ? [LastWriteCutOff] : StoreOutage.Events;
        try
        {
            var node = await home.StartReadyAsync();
            try
            {
                await using (var connection = await Client.ConnectAsync(node.AmqpPort))
                {
                    await using var channel = await connection.CreateChannelAsync();
                    foreach (var scene in scenes)
                    {
                        await scene.DeclareAsync(channel);
                    }
                }

                var run = Start(scenes, node);
                for (; kills < options.Kills; kills++)
                {
                    await Task.Delay(TimeSpan.FromSeconds(options.Between * (0.4 + (1.2 * _random.NextDouble()))));
                    if (options.Victim == Victim.Postgres)
                    {
                        await home.Server!.KillAsync();
                        await Task.Delay(_random.Next(1_000));
                        await home.Server.StartAgainAsync();
                    }
                    else
                    {
                        _world.BeginKill();
                        await node.KillAsync();
                        lock (_world.Gate)
                        {
                            // At once: who acknowledges in between would have done so in the next run.
                            _world.EndRun();
                            Array.ForEach(scenes, static scene => scene.EndRun());
                        }

                        await run.EndAsync(QuietLimit * 2);
                        run.Dispose();
                        CheckLog(node);
                        await node.DisposeAsync();
                        node = await home.StartReadyAsync();
                        _world.BeginRun();
                        run = Start(scenes, node);
                    }

                    log($"seed {options.Seed}: kill {kills + 1} of {options.Kills}; {Tell(scenes)}");
                }

                await Task.Delay(TimeSpan.FromSeconds(options.Between));
                await FinishAsync(scenes, run);
                run.Dispose();
                await using var last = await Client.ConnectAsync(node.AmqpPort);
                foreach (var scene in scenes)
                {
                    await scene.JudgeAsync(last);
                }
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
            _faults.Add($"run {_world.Run}: {exception}");
        }

        home.IsKept = _faults.Count > 0;
        return new FeatureReport(options, kills, scenes.Min(static scene => scene.Seen), Tell(scenes), clock.Elapsed, _faults.Count, _faults.ToString());
    }

    private static string NameOf(Scene scene) => scene.GetType().Name.Replace("Scene", "", StringComparison.Ordinal);

    private static string Tell(Scene[] scenes) => string.Join(", ", scenes.Select(static scene => string.Create(CultureInfo.InvariantCulture, $"{NameOf(scene)} {scene.Seen}")));

    private Scene[] CreateScenes()
    {
        var seed = options.Seed;
        return
        [
            new OrderedScene(
                _world, _faults, seed, "grouped", consumers: 3, static number => number * 7 % 11, static (properties, key) => properties.Headers = new Dictionary<string, object?> { ["account"] = key },
                isExclusive: true, ("x-message-group", "account")),
            new OrderedScene(_world, _faults, seed + 1, "single", consumers: 3, static _ => 0, static (_, _) => { }, isExclusive: true, ("x-single-active-consumer", true)),
            new OrderedScene(
                _world, _faults, seed + 2, "classic-priorities", consumers: 1, static number => number * 5 % 4, static (properties, key) => properties.Priority = (byte)key, isExclusive: false,
                ("x-max-priority", 3)),
            new OrderedScene(
                _world, _faults, seed + 3, "quorum-priorities", consumers: 1, static number => number * 5 % 9, static (properties, key) => properties.Priority = (byte)key, isExclusive: false,
                ("x-queue-type", "quorum")),
            new ExpiringScene(_world, _faults, seed + 4),
            new ExpiringQueueScene(_world, _faults, seed + 5),
            new RetryScene(_world, _faults, seed + 6),
            new DelayedScene(_world, _faults, seed + 7),
            new LeaseScene(_world, _faults, seed + 8),
            new DeduplicationScene(_world, _faults, seed + 9, byExchange: false),
            new DeduplicationScene(_world, _faults, seed + 10, byExchange: true),
            new HistoryScene(_world, _faults, seed + 11),
            new TransactionScene(_world, _faults, seed + 12),
        ];
    }

    private ClientRun Start(Scene[] scenes, NodeProcess node)
    {
        var run = new ClientRun();
        run.Publishing = Task.WhenAll(scenes.Select(scene => GuardAsync(scene, node.AmqpPort, run.StopPublishing, connection => scene.PublishAsync(connection, run.StopPublishing))));
        run.Consuming = Task.WhenAll(scenes.Select(scene => GuardAsync(scene, node.AmqpPort, run.StopConsuming, connection => scene.ConsumeAsync(connection, run))));
        return run;
    }

    /// <summary>Has a scene's clients run until they are done or the broker is killed. Anything else that ends them is a fault.</summary>
    private async Task GuardAsync(Scene scene, int port, CancellationToken stop, Func<IConnection, Task> clients)
    {
        var run = _world.Run;
        await Task.Yield();
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = await Client.ConnectAsync(port);
                var all = clients(connection);
                var lost = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                connection.ConnectionShutdownAsync += (_, _) =>
                {
                    lost.TrySetResult();
                    return Task.CompletedTask;
                };
                if (await Task.WhenAny(all, lost.Task) != all)
                {
                    await all.WaitAsync(QuietLimit);
                }

                await all;
                return;
            }
            catch (Exception exception) when (Client.IsLoss(exception) || exception is ConfirmsMissingException)
            {
                if (_world.IsKilling || _world.Run != run)
                {
                    return;
                }

                _faults.Add($"run {run}, {NameOf(scene)} lost its connection: {exception.GetType().Name}: {exception.GetBaseException().Message}");
            }
        }
    }

    /// <summary>Lets publishers finish and consumers take all there is.</summary>
    private async Task FinishAsync(Scene[] scenes, ClientRun run)
    {
        await run.EndPublishingAsync();
        await run.DrainAsync();
        for (var (last, at) = (-1L, _world.Now); scenes.Sum(static scene => scene.Owed) is > 0 and var owed;)
        {
            var now = owed + (scenes.Sum(static scene => scene.Seen) << 32);
            if (now != last)
            {
                (last, at) = (now, _world.Now);
            }
            else if (_world.Now - at > QuietLimit.TotalMilliseconds)
            {
                _faults.Add($"nothing came for {QuietLimit}, and something is waited for: {string.Join(", ", scenes.Where(static scene => scene.Owed > 0).Select(static scene => $"{NameOf(scene)} {scene.Owed}"))}");
                break;
            }

            await Task.Delay(100);
        }

        await run.EndConsumingAsync();
    }

    /// <summary>What the node warns of and the run did not announce is a fault.</summary>
    private void CheckLog(NodeProcess node)
    {
        foreach (var line in node.Watched.TakeUnannounced().Take(5))
        {
            _faults.Add($"the node logged: {line}");
        }
    }
}

/// <param name="Least">Seen by the scene that saw least.</param>
internal sealed record FeatureReport(CrashOptions Options, int Kills, long Least, string Seen, TimeSpan Took, int Faults, string FaultTexts)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"features: seed {Options.Seed}, {Options.Store}, victim {Options.Victim}: {Seen}; kills {Kills}, seconds {Took.TotalSeconds:0}, faults {Faults}");
}
