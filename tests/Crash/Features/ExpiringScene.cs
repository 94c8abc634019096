using Granary.Crash.Ledger;
using Granary.Crash.Load;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Crash.Features;

/// <summary>A queue whose messages expire before its slow consumer has taken them all: each is with the consumer or among the dead, and not there before its time.</summary>
internal sealed class ExpiringScene(World world, Faults faults, int seed) : Scene(world, faults, seed)
{
    private const string Queue = "expiring", Expired = "expired";
    private const int OfQueue = 700;

    private readonly QueueNotes _notes = new(Queue, world, faults);
    private readonly Dictionary<int, (int Deliveries, bool IsAcked, int LastRun)> _dead = [];

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
        await DeclareAsync(channel, Expired);
        await DeclareAsync(channel, Queue, ("x-message-ttl", OfQueue), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", Expired));
    }

    public override Task PublishAsync(IConnection connection, CancellationToken stop) => PublishAsync(
        connection, _notes, "", Queue, static number => number % 3 == 0 ? new BasicProperties { Expiration = NameOf(TimeToLive(number)) } : new BasicProperties(), stop);

    public override Task ConsumeAsync(IConnection connection, ClientRun run) => Task.WhenAll(
        ConsumeAsync(connection, _notes, prefetch: 3, TakeAsync, run.StopConsuming),
        ConsumeAsync(connection, new QueueNotes(Expired, World, Faults), prefetch: 50, TakeDeadAsync, run.StopConsuming));

    public override void EndRun() => _notes.EndRun();

    public override Task JudgeAsync(IConnection connection)
    {
        _notes.JudgeEnd(number => _dead.GetValueOrDefault(number).IsAcked);
        return Task.CompletedTask;
    }

    private static int TimeToLive(int number) => number % 3 == 0 ? 100 + (number % 400) : OfQueue;

    private bool IsOwed(int number) => _notes[number] is { Fate: Fate.Confirmed, IsAcked: false } && !_dead.GetValueOrDefault(number).IsAcked;

    private async Task TakeAsync(Hand hand, BasicDeliverEventArgs delivery)
    {
        var number = NumberOf(delivery);
        _notes.Deliver(number, delivery.Redelivered, hand, _ => _dead.ContainsKey(number) ? "was delivered after it had died" : null);
        await Task.Delay(25);
        await hand.AckAsync(delivery.DeliveryTag, number);
    }

    private async Task TakeDeadAsync(Hand hand, BasicDeliverEventArgs delivery)
    {
        var number = NumberOf(delivery);
        lock (World.Gate)
        {
            var note = _notes[number];
            var dead = _dead.GetValueOrDefault(number);
            if (World.Now < note.SentAt + TimeToLive(number) - World.Rounding)
            {
                _notes.Fault(number, $"died before its time, {TimeToLive(number)} ms");
            }

            if (note.IsAcked && World.IsKnown(note.AckedRun, note.AckedAt))
            {
                _notes.Fault(number, $"died after it was acknowledged in run {note.AckedRun} at {note.AckedAt} ms");
            }

            // It is stored in its new queue before the old one forgets it: a kill in between leaves it in both.
            if (dead.Deliveries > 0 && !delivery.Redelivered && note.SentRun == World.Run)
            {
                _notes.Fault(number, "died twice");
            }

            _dead[number] = (dead.Deliveries + 1, true, World.Run);
        }

        await hand.Channel.BasicAckAsync(delivery.DeliveryTag, multiple: false, CancellationToken.None);
    }
}
