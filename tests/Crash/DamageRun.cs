using System.Diagnostics;
using Granary.Crash.Brokers;
using Granary.Crash.Ledger;
using Granary.Crash.Load;
using RabbitMQ.Client;

namespace Granary.Crash;

/// <summary>Kills a broker in the middle of its writes, damages copies of its folder in many ways, and starts a node on each.</summary>
internal sealed class DamageRun(int seed, int damages, Action<string> log)
{
    private const int Cut = 3311, AfterFailedSync = 3312, Repaired = 3313, SegmentMissing = 3314, DefinitionLost = 3315;
    private const int Queues = 3;
    private const int Early = 240;
    private const int Window = 100;
    private static readonly Route[] Routes = [.. Enumerable.Range(0, Queues).Select(queue => new Route("", Plan.NameOf(queue), [queue]))];
    private readonly Random _random = new(seed);
    private readonly Faults _faults = new(seed, log);
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private int _cut, _refused, _repaired;

    public async Task<DamageReport> RunAsync()
    {
        await using var home = await Home.CreateAsync(StoreKind.Files);
        var early = await FillAndKillAsync(home);
        var damage = new SegmentDamage(home.Folder, early, _random);
        for (var i = 0; i < damages; i++)
        {
            await TryAsync(damage, (DamageKind)(i % Enum.GetValues<DamageKind>().Length));
        }

        home.IsKept = _faults.Count > 0;
        if (home.IsKept)
        {
            log($"The folder that was damaged in copies is kept: {home.Folder}");
        }

        return new DamageReport(seed, damages, _cut, _refused, _repaired, _clock.Elapsed, _faults.Count, _faults.ToString());
    }

    /// <summary>Publishes the early messages, notes how far the log goes, and kills the node amid the late ones.</summary>
    private async Task<LogEnd> FillAndKillAsync(Home home)
    {
        await using var node = await home.StartReadyAsync();
        await using var connection = await Client.ConnectAsync(node.AmqpPort);
        await using var channel = await connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false));
        foreach (var route in Routes)
        {
            await channel.QueueDeclareAsync(route.Key, durable: true, exclusive: false, autoDelete: false);
        }

        var confirms = new Confirms(channel, (_, _) => { });
        for (var number = 1; number <= Early; number++)
        {
            await PublishAsync(channel, confirms, number);
        }

        await confirms.WaitUntilAsync(0);
        var early = LogEnd.Of(home.Folder);
        var kill = KillSoonAsync(node);
        try
        {
            for (var number = Early + 1; !kill.IsCompleted; number++)
            {
                await PublishAsync(channel, confirms, number);
                await confirms.WaitUntilAsync(Window);
            }
        }
        catch (Exception exception) when (Client.IsLoss(exception))
        {
            // The node is gone: what it was sent last may be there or not.
        }

        await kill;
        return early;
    }

    private async Task KillSoonAsync(NodeProcess node)
    {
        await Task.Delay(_random.Next(50, 800));
        await node.KillAsync();
    }

    private static ValueTask PublishAsync(IChannel channel, Confirms confirms, int number)
    {
        var id = new MessageId(0, (uint)number);
        var size = number % 29 == 0 ? 70_000 : 10 + (number * 37 % 3_000);
        confirms.Add(id);
        return channel.BasicPublishAsync("", Routes[number % Queues].Key, false, new BasicProperties { Persistent = true }, Bodies.Create(id, size));
    }

    private async Task TryAsync(SegmentDamage damage, DamageKind kind)
    {
        var folder = Directory.CreateTempSubdirectory("granary-damage-").FullName;
        try
        {
            var (file, what) = damage.Inflict(folder, kind);
            var (node, refusal) = await StartAsync(folder);
            if (refusal is not null)
            {
                _refused++;
                if (kind is DamageKind.Cut or DamageKind.Garbage)
                {
                    _faults.Add($"{what}: refused, though that is how a write looks that was not finished:\n{refusal}");
                }

                if (!refusal.Contains(Path.GetFileName(file), StringComparison.Ordinal))
                {
                    _faults.Add($"{what}: refused without naming {file}:\n{refusal}");
                }

                (node, refusal) = await StartAsync(folder, "--repair");
                if (node is null)
                {
                    _faults.Add($"{what}: refused with --repair, too:\n{refusal}");
                    return;
                }

                _repaired++;
                if (!node.Log.Contains("Repaired", StringComparison.Ordinal))
                {
                    _faults.Add($"{what}: repaired without a word of what was dropped:\n{node.Log}");
                }
            }
            else if (kind == DamageKind.Early)
            {
                _faults.Add($"{what}: started, and said nothing");
            }
            else
            {
                _cut++;
            }

            await CheckAsync(node!, what, isWhole: kind != DamageKind.Early);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>A node that is ready, or what it said when it refused to start.</summary>
    private async Task<(NodeProcess? Node, string? Refusal)> StartAsync(string folder, params string[] options)
    {
        var node = NodeProcess.Start(folder, options);
        node.Watched.Allow(Cut, AfterFailedSync, Repaired, SegmentMissing, DefinitionLost);
        try
        {
            await node.WaitUntilReadyAsync();
            return (node, null);
        }
        catch (InvalidOperationException)
        {
            // Why it refuses to start is said past the log.
            node.Watched.Allow(0);
            await using (node)
            {
                var code = node.HasExited ? await node.WaitForExitAsync() : -1;
                if (code != 1)
                {
                    _faults.Add($"the node ended with {code} instead of 1:\n{node.Log}");
                }

                return (null, node.Log);
            }
        }
    }

    /// <summary>Takes all messages: whole ones, in order, none twice, and all of the early ones if nothing of them was damaged.</summary>
    private async Task CheckAsync(NodeProcess node, string what, bool isWhole)
    {
        await using (node)
        {
            try
            {
                await TakeAllAsync(node, what, isWhole);
            }
            catch (Exception exception) when (Client.IsLoss(exception))
            {
                _faults.Add($"{what}: {exception}\n{node.Log}");
            }
        }
    }

    private async Task TakeAllAsync(NodeProcess node, string what, bool isWhole)
    {
        await using var connection = await Client.ConnectAsync(node.AmqpPort);
        await using var channel = await connection.CreateChannelAsync();
        for (var queue = 0; queue < Queues; queue++)
        {
            var numbers = await TakeAsync(channel, queue, what);
            for (var i = 1; i < numbers.Count; i++)
            {
                if (numbers[i] <= numbers[i - 1])
                {
                    _faults.Add($"{what}: {Plan.NameOf(queue)} gave message {numbers[i]} after {numbers[i - 1]}");
                }
            }

            var early = numbers.Count(number => number <= Early);
            if (isWhole && early != Early / Queues)
            {
                _faults.Add($"{what}: {Plan.NameOf(queue)} has {early} of the {Early / Queues} messages that were confirmed long before");
            }
        }
    }

    private async Task<List<uint>> TakeAsync(IChannel channel, int queue, string what)
    {
        var numbers = new List<uint>();
        while (await channel.BasicGetAsync(Plan.NameOf(queue), autoAck: true) is { } got)
        {
            if (!Bodies.TryRead(got.Body.Span, out var id))
            {
                _faults.Add($"{what}: {Plan.NameOf(queue)} gave a damaged body of {got.Body.Length} bytes, it seems to be {id}");
            }

            numbers.Add(id.Number);
        }

        return numbers;
    }
}

/// <summary>The outcome of a <see cref="DamageRun"/>; its text is the summary line.</summary>
internal sealed record DamageReport(int Seed, int Damages, int Cut, int Refused, int Repaired, TimeSpan Took, int Faults, string FaultTexts)
{
    public override string ToString() =>
        $"seed {Seed}: {Damages} damaged folders, {Cut} started with what was whole, {Refused} refused, {Repaired} repaired, seconds {(int)Took.TotalSeconds}, faults {Faults}";
}
