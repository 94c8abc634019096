using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Granary.Crash.Ledger;
using Granary.Crash.Load;
using RabbitMQ.Client;

namespace Granary.Crash.Features;

/// <summary>Transactions over several queues: all of one is delivered, or nothing, and nothing before it is committed.</summary>
internal sealed class TransactionScene(World world, Faults faults, int seed) : Scene(world, faults, seed)
{
    private static readonly string[] Queues = ["together-a", "together-b", "together-c"];

    private readonly QueueNotes[] _notes = [.. Queues.Select(queue => new QueueNotes(queue, world, faults))];
    private readonly ConcurrentDictionary<int, bool>[] _seen = [.. Queues.Select(static _ => new ConcurrentDictionary<int, bool>())];

    // Of each transaction, the numbers in each queue.
    private readonly List<int[][]> _transactions = [];

    public override long Seen => _notes.Sum(static notes => notes.Delivered);

    public override int Owed => _notes.Sum(static notes => notes.Owed);

    public override async Task DeclareAsync(IChannel channel)
    {
        foreach (var queue in Queues)
        {
            await DeclareAsync(channel, queue);
        }
    }

    public override async Task PublishAsync(IConnection connection, CancellationToken stop)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: CancellationToken.None);
        await channel.TxSelectAsync(CancellationToken.None);
        while (await MayGoOnAsync(stop))
        {
            int[][] numbers = [.. _notes.Select(notes => Enumerable.Range(0, Random.Next(4)).Select(_ => notes.Send(Fate.Open)).ToArray())];
            _transactions.Add(numbers);
            for (var queue = 0; queue < Queues.Length; queue++)
            {
                foreach (var number in numbers[queue])
                {
                    await channel.BasicPublishAsync("", Queues[queue], mandatory: false, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes(NameOf(number)), CancellationToken.None);
                }
            }

            if (Random.Next(8) == 0)
            {
                await channel.TxRollbackAsync(CancellationToken.None);
                Decide(numbers, Fate.RolledBack);
                continue;
            }

            Decide(numbers, Fate.Sent);
            await channel.TxCommitAsync(CancellationToken.None);
            Decide(numbers, Fate.Confirmed);
        }
    }

    public override Task ConsumeAsync(IConnection connection, ClientRun run) => Task.WhenAll(Queues.Select((_, queue) => ConsumeAsync(
        connection,
        _notes[queue],
        prefetch: 40,
        async (hand, delivery) =>
        {
            var number = NumberOf(delivery);
            if (_notes[queue].Deliver(number, delivery.Redelivered, hand))
            {
                _seen[queue][number] = true;
                await hand.AckAsync(delivery.DeliveryTag, number);
            }
        },
        run.StopConsuming)));

    public override void EndRun() => Array.ForEach(_notes, static notes => notes.EndRun());

    public override Task JudgeAsync(IConnection connection)
    {
        Array.ForEach(_notes, static notes => notes.JudgeEnd());
        for (var i = 0; i < _transactions.Count; i++)
        {
            bool[] came = [.. _transactions[i].SelectMany((numbers, queue) => numbers.Select(number => _seen[queue].ContainsKey(number)))];
            if (came.Any(static one => one) && !came.All(static one => one))
            {
                Faults.Add(string.Create(CultureInfo.InvariantCulture, $"of the {came.Length} messages of transaction {i} only {came.Count(static one => one)} came: {string.Join(", ", _transactions[i].Select((numbers, queue) => $"{Queues[queue]} {string.Join(' ', numbers)}"))}"));
            }
        }

        return Task.CompletedTask;
    }

    private void Decide(int[][] numbers, Fate fate)
    {
        for (var queue = 0; queue < Queues.Length; queue++)
        {
            Array.ForEach(numbers[queue], number => _notes[queue].Decide(number, fate));
        }
    }
}
