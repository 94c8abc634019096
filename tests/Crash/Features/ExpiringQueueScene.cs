using Granary.Crash.Ledger;
using Granary.Crash.Load;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.Crash.Features;

/// <summary>Queues that nobody uses, and which go by themselves: not before their time, and not never.</summary>
internal sealed class ExpiringQueueScene(World world, Faults faults, int seed) : Scene(world, faults, seed)
{
    private const int Expires = 1_500;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    // What was declared, and when at the earliest it was used last.
    private readonly List<(string Queue, long UsedAt, int Run)> _queues = [];
    private int _gone;

    public override long Seen => _gone;

    public override int Owed => 0;

    public override Task DeclareAsync(IChannel channel) => Task.CompletedTask;

    public override async Task PublishAsync(IConnection connection, CancellationToken stop)
    {
        while (await MayGoOnAsync(stop))
        {
            await using var channel = await connection.CreateChannelAsync(cancellationToken: CancellationToken.None);
            var queue = $"unused-{_queues.Count}";
            var now = World.Now;
            await DeclareAsync(channel, queue, ("x-expires", Expires));
            _queues.Add((queue, now, World.Run));
            await channel.BasicPublishAsync("", queue, mandatory: false, new BasicProperties { Persistent = true }, new byte[100], CancellationToken.None);

            // Asking for it begins its time anew.
            var asked = Random.Next(_queues.Count);
            now = World.Now;
            var isThere = await IsThereAsync(connection, _queues[asked].Queue);
            if (!isThere && World.Now < _queues[asked].UsedAt + Expires - World.Rounding)
            {
                Faults.Add($"{_queues[asked].Queue} has gone within {World.Now - _queues[asked].UsedAt} ms, in run {World.Run}; it was used in run {_queues[asked].Run}");
            }

            if (isThere)
            {
                _queues[asked] = (_queues[asked].Queue, now, World.Run);
            }

            await channel.CloseAsync(CancellationToken.None);
            await Task.Delay(Random.Next(200), CancellationToken.None);
        }
    }

    public override Task ConsumeAsync(IConnection connection, ClientRun run) => Task.CompletedTask;

    public override void EndRun()
    {
    }

    public override async Task JudgeAsync(IConnection connection)
    {
        // Asked seldom, since each time keeps it.
        var since = World.Now;
        foreach (var (queue, _, _) in _queues)
        {
            while (await IsThereAsync(connection, queue))
            {
                if (World.Now - since > Limit.TotalMilliseconds)
                {
                    Faults.Add($"{queue} is still there");
                    return;
                }

                await Task.Delay(Expires * 3, CancellationToken.None);
            }

            _gone++;
        }
    }

    private static async Task<bool> IsThereAsync(IConnection connection, string queue)
    {
        await using var channel = await connection.CreateChannelAsync();
        try
        {
            await channel.QueueDeclarePassiveAsync(queue);
            return true;
        }
        catch (OperationInterruptedException exception) when (exception.ShutdownReason?.ReplyCode == 404)
        {
            return false;
        }
    }
}
