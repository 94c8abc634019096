using Granary.Crash.Ledger;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.Crash.Load;

/// <summary>Declares, binds and deletes queues while the broker is being killed, and sees at the end that what was answered holds.</summary>
internal sealed class LateDefinitions(int seed, CrashLedger ledger, Faults faults)
{
    private readonly Random _random = new(seed);
    private readonly List<LateQueue> _queues = [];

    private enum Known
    {
        /// <summary>Asked for, and not answered.</summary>
        Maybe,

        Yes,

        No,
    }

    public async Task RunAsync(int port, CancellationToken stop)
    {
        await using var connection = await Client.ConnectAsync(port);
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), CancellationToken.None);
        while (!stop.IsCancellationRequested)
        {
            var queue = new LateQueue(_queues.Count);
            _queues.Add(queue);
            await channel.QueueDeclareAsync(queue.Name, durable: true, exclusive: false, autoDelete: false, cancellationToken: CancellationToken.None);
            queue.Exists = Known.Yes;
            await channel.QueueBindAsync(queue.Name, Plan.Topic, queue.Key, cancellationToken: CancellationToken.None);
            queue.IsBound = true;
            await channel.BasicPublishAsync(Plan.Topic, queue.Key, mandatory: true, new BasicProperties { Persistent = true }, "late"u8.ToArray(), CancellationToken.None);
            queue.HasMessage = true;
            if (_queues.Where(old => old.Exists == Known.Yes).Skip(_random.Next(4)).FirstOrDefault() is { } victim && _random.Next(8) > 0)
            {
                victim.Exists = Known.Maybe;
                await channel.QueueDeleteAsync(victim.Name, cancellationToken: CancellationToken.None);
                victim.Exists = Known.No;
            }

            await Task.Delay(_random.Next(300), CancellationToken.None);
        }
    }

    /// <summary>Sees that what was answered is so.</summary>
    public async Task CheckAsync(IConnection connection)
    {
        foreach (var queue in _queues)
        {
            var count = await CountAsync(connection, queue.Name);
            if (count is null != (queue.Exists == Known.No) && queue.Exists != Known.Maybe)
            {
                faults.Add($"queue {queue.Name} is {(count is null ? "gone, though its declaration was answered" : "there, though its deletion was answered")} (runs so far: {ledger.Run})");
            }

            if (count is null || queue.Exists != Known.Yes)
            {
                continue;
            }

            if (queue.HasMessage && count != 1)
            {
                faults.Add($"queue {queue.Name} has {count} messages instead of the one that was confirmed");
            }

            await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            await channel.BasicPublishAsync(Plan.Topic, queue.Key, "again"u8.ToArray());
            if (queue.IsBound && await CountAsync(connection, queue.Name) != count + 1)
            {
                faults.Add($"queue {queue.Name} has lost its binding");
            }
        }
    }

    private static async Task<uint?> CountAsync(IConnection connection, string queue)
    {
        await using var channel = await connection.CreateChannelAsync();
        try
        {
            return (await channel.QueueDeclarePassiveAsync(queue)).MessageCount;
        }
        catch (OperationInterruptedException exception) when (exception.ShutdownReason?.ReplyCode == 404)
        {
            return null;
        }
    }

    private sealed class LateQueue(int number)
    {
        public string Name { get; } = $"late-{number}";

        public string Key { get; } = $"late.{number}";

        public Known Exists { get; set; } = Known.Maybe;

        public bool IsBound { get; set; }

        public bool HasMessage { get; set; }
    }
}
