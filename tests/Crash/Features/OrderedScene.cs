using Granary.Crash.Ledger;
using Granary.Crash.Load;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Crash.Features;

/// <summary>A queue whose messages of each key come in order: those of a group, of a priority, or all of them, where a single consumer is active.</summary>
/// <param name="keyOf">By a message's number.</param>
/// <param name="describe">What the message has, so that the queue knows its key.</param>
/// <param name="isExclusive">Nobody is given a message of a key of which somebody else has one; consumers come and go.</param>
internal sealed class OrderedScene(
    World world, Faults faults, int seed, string queue, int consumers, Func<int, int> keyOf, Action<BasicProperties, int> describe, bool isExclusive, params (string, object?)[] arguments)
    : Scene(world, faults, seed)
{
    private const ushort Prefetch = 10;

    private readonly QueueNotes _notes = new(queue, world, faults);

    public override long Seen => _notes.Delivered;

    public override int Owed => _notes.Owed;

    public override Task DeclareAsync(IChannel channel) => DeclareAsync(channel, queue, arguments);

    public override Task PublishAsync(IConnection connection, CancellationToken stop) => PublishAsync(
        connection,
        _notes,
        "",
        queue,
        number =>
        {
            var properties = new BasicProperties();
            describe(properties, keyOf(number));
            return properties;
        },
        stop);

    public override Task ConsumeAsync(IConnection connection, ClientRun run) =>
        Task.WhenAll(Enumerable.Range(0, consumers).Select(number => ConsumeAsync(connection, number, run)));

    public override void EndRun() => _notes.EndRun();

    public override Task JudgeAsync(IConnection connection)
    {
        _notes.JudgeEnd();
        return Task.CompletedTask;
    }

    private async Task ConsumeAsync(IConnection connection, int number, ClientRun run)
    {
        var random = new Random(HashCode.Combine(Seed, number, World.Run));
        while (!run.StopConsuming.IsCancellationRequested)
        {
            using var end = CancellationTokenSource.CreateLinkedTokenSource(run.StopConsuming);
            if (isExclusive && !run.Draining.IsCancellationRequested)
            {
                end.CancelAfter(random.Next(500, 2_500));
            }

            await ConsumeAsync(connection, _notes, Prefetch, TakeAsync, end.Token);
        }

        async Task TakeAsync(Hand hand, BasicDeliverEventArgs delivery)
        {
            var number = NumberOf(delivery);
            if (!_notes.Deliver(number, delivery.Redelivered, hand, _ => Judge(number, hand)))
            {
                return;
            }

            if (run.Draining.IsCancellationRequested || random.Next(3) == 0)
            {
                await hand.AckAsync(delivery.DeliveryTag, number);
            }
            else
            {
                _ = AckLaterAsync(hand, delivery.DeliveryTag, number, random.Next(60));
            }
        }
    }

    private static async Task AckLaterAsync(Hand hand, ulong tag, int number, int after)
    {
        await Task.Delay(after);
        try
        {
            await hand.ActAsync(() => hand.AckAsync(tag, number));
        }
        catch (Exception exception) when (Client.IsLoss(exception))
        {
            // The broker is gone.
        }
    }

    /// <summary>All before it of its key is settled, or somebody's: this consumer's, where only one may have any.</summary>
    private string? Judge(int number, object holder)
    {
        var key = keyOf(number);
        for (var other = 0; other < _notes.Count; other++)
        {
            if (other == number || keyOf(other) != key || _notes[other] is not { IsAcked: false } note)
            {
                continue;
            }

            if (other < number && note is { Fate: Fate.Confirmed, Holder: null })
            {
                return $"came before {other}, which is like it";
            }

            if (isExclusive && note.Holder is { } somebody && somebody != holder)
            {
                return $"came while somebody else had {other}, which is like it";
            }
        }

        return null;
    }
}
