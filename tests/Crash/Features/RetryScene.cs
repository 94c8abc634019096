using System.Text;
using Granary.Crash.Ledger;
using Granary.Crash.Load;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Crash.Features;

/// <summary>A quorum queue whose consumer gives messages back: they wait, their returns are counted, and those that came back too often are among the dead, stored there at least once.</summary>
internal sealed class RetryScene(World world, Faults faults, int seed) : Scene(world, faults, seed)
{
    private const string Queue = "retried", GivenUp = "given-up";
    private const int Limit = 3, Least = 150, Most = 400;

    // Times are read before the client is told, and after it has told.
    private const int Early = 5;

    private readonly QueueNotes _notes = new(Queue, world, faults);
    private readonly QueueNotes _deadQueue = new(GivenUp, world, faults);
    private readonly HashSet<int> _dead = [];

    public override long Seen => _dead.Count;

    public override int Owed
    {
        get
        {
            lock (World.Gate)
            {
                return Enumerable.Range(0, _notes.Count).Count(IsOwed);
            }
        }
    }

    public override async Task DeclareAsync(IChannel channel)
    {
        await DeclareAsync(channel, GivenUp, ("x-queue-type", "quorum"));
        await DeclareAsync(
            channel,
            Queue,
            ("x-queue-type", "quorum"),
            ("x-delivery-limit", Limit),
            ("x-delayed-retry-type", "all"),
            ("x-delayed-retry-min", Least),
            ("x-delayed-retry-max", Most),
            ("x-overflow", "reject-publish"),
            ("x-dead-letter-strategy", "at-least-once"),
            ("x-dead-letter-exchange", ""),
            ("x-dead-letter-routing-key", GivenUp));
    }

    public override Task PublishAsync(IConnection connection, CancellationToken stop) => PublishAsync(connection, _notes, "", Queue, static _ => new BasicProperties(), stop);

    public override Task ConsumeAsync(IConnection connection, ClientRun run) => Task.WhenAll(
        ConsumeAsync(connection, _notes, prefetch: 20, TakeAsync, run.StopConsuming), ConsumeAsync(connection, _deadQueue, prefetch: 20, TakeDeadAsync, run.StopConsuming));

    public override void EndRun() => _notes.EndRun();

    public override Task JudgeAsync(IConnection connection)
    {
        _notes.JudgeEnd(_dead.Contains);
        return Task.CompletedTask;
    }

    private bool IsOwed(int number) => _notes[number] is { Fate: Fate.Confirmed, IsAcked: false } && !_dead.Contains(number);

    private async Task TakeAsync(Hand hand, BasicDeliverEventArgs delivery)
    {
        var number = NumberOf(delivery);
        if (!_notes.Deliver(number, delivery.Redelivered, hand, note => Judge(number, note, CountOf(delivery))))
        {
            return;
        }

        if (number % 7 == 0 || (number % 7 == 3 && _notes[number].Returns.Count == 0))
        {
            _notes.Return(number, hand);
            await (number % 2 == 0 ? hand.Channel.BasicNackAsync(delivery.DeliveryTag, multiple: false, requeue: true) : hand.Channel.BasicRejectAsync(delivery.DeliveryTag, requeue: true));
        }
        else if (number % 11 == 5)
        {
            _notes.LetGo(number, hand);
            await hand.Channel.BasicRejectAsync(delivery.DeliveryTag, requeue: false);
        }
        else
        {
            await hand.AckAsync(delivery.DeliveryTag, number);
        }
    }

    private string? Judge(int number, Note note, long count)
    {
        // A kill may leave it in both.
        if (_dead.Contains(number) && note.SentRun == World.Run)
        {
            return "was delivered after it had been given up";
        }

        // A return just before a kill may be forgotten.
        var known = note.Returns.Where(back => World.IsKnown(back.Run, back.At)).ToArray();
        if (count < known.Length || count > note.Returns.Count + note.Leaves)
        {
            return $"has the count {count}, after {known.Length} returns that are known and {note.Returns.Count + note.Leaves} that may be";
        }

        if (note.Returns.Count > 0 && note.Returns[^1] is var last && World.IsKnown(last.Run, last.At))
        {
            var wait = Math.Min(Most, Least * count);
            if (World.Now < last.At + wait - Early)
            {
                return $"came {World.Now - last.At} ms after it was given back, instead of {wait}";
            }
        }

        return null;
    }

    private async Task TakeDeadAsync(Hand hand, BasicDeliverEventArgs delivery)
    {
        var number = NumberOf(delivery);
        lock (World.Gate)
        {
            var note = _notes[number];
            var reason = Encoding.ASCII.GetString((byte[])delivery.BasicProperties.Headers!["x-first-death-reason"]!);
            if (note.IsAcked && World.IsKnown(note.AckedRun, note.AckedAt))
            {
                _notes.Fault(number, $"was given up ({reason}) after it was acknowledged");
            }

            if (reason == "delivery_limit" ? note.Returns.Count + note.Leaves <= Limit : number % 11 != 5)
            {
                _notes.Fault(number, $"was given up for {reason}");
            }

            // It is stored in its new queue before the old one forgets it: a kill in between leaves it in both.
            if (!_dead.Add(number) && !delivery.Redelivered && note.SentRun == World.Run)
            {
                _notes.Fault(number, "was given up twice");
            }
        }

        await hand.Channel.BasicAckAsync(delivery.DeliveryTag, multiple: false, CancellationToken.None);
    }

    private static long CountOf(BasicDeliverEventArgs delivery) =>
        delivery.BasicProperties.Headers?.TryGetValue("x-delivery-count", out var count) is true ? Convert.ToInt64(count, System.Globalization.CultureInfo.InvariantCulture) : 0;
}
