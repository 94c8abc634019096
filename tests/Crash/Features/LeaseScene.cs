using Granary.Crash.Ledger;
using Granary.Crash.Load;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Crash.Features;

/// <summary>A queue with leases, one of whose consumers acknowledges some too late: these come again, each lease lasts as long as it should, and late acknowledgements settle nothing.</summary>
internal sealed class LeaseScene(World world, Faults faults, int seed) : Scene(world, faults, seed)
{
    private const string Queue = "leased";
    private const int Lease = 700;

    private readonly QueueNotes _notes = new(Queue, world, faults);

    public override long Seen => _notes.Delivered;

    public override int Owed => _notes.Owed;

    public override Task DeclareAsync(IChannel channel) => DeclareAsync(channel, Queue, ("x-message-lease", Lease));

    public override Task PublishAsync(IConnection connection, CancellationToken stop) => PublishAsync(connection, _notes, "", Queue, static _ => new BasicProperties(), stop);

    public override Task ConsumeAsync(IConnection connection, ClientRun run) => Task.WhenAll(
        ConsumeAsync(connection, _notes, prefetch: 30, (hand, delivery) => TakeAsync(hand, delivery, isSlow: !run.Draining.IsCancellationRequested), run.StopConsuming),
        ConsumeAsync(connection, _notes, prefetch: 30, (hand, delivery) => TakeAsync(hand, delivery, isSlow: false), run.StopConsuming));

    public override void EndRun() => _notes.EndRun();

    public override Task JudgeAsync(IConnection connection)
    {
        _notes.JudgeEnd();
        return Task.CompletedTask;
    }

    private async Task TakeAsync(Hand hand, BasicDeliverEventArgs delivery, bool isSlow)
    {
        var number = NumberOf(delivery);
        lock (World.Gate)
        {
            // Whoever had it has it no more, and what was acknowledged may have been late: a client cannot tell when its lease began.
            var note = _notes[number];
            note.Holder = null;
            note.IsAcked = false;
            _notes.Deliver(number, delivery.Redelivered, hand, Judge);
        }

        if (isSlow && number % 4 == 1)
        {
            _ = AckLateAsync(hand.Channel, delivery.DeliveryTag);
            return;
        }

        await hand.AckAsync(delivery.DeliveryTag, number);
    }

    // A lease begins after the message was sent, and each further one when the one before is over.
    private string? Judge(Note note) =>
        note.SentRun == World.Run && note.Leaves == 0 && World.Now < note.SentAt + ((Lease - World.Rounding) * (long)note.Deliveries) ? $"came {World.Now - note.SentAt} ms after it was sent, as delivery {note.Deliveries + 1}" : null;

    private static async Task AckLateAsync(IChannel channel, ulong tag)
    {
        await Task.Delay(2 * Lease);
        try
        {
            await channel.BasicAckAsync(tag, multiple: false, CancellationToken.None);
        }
        catch (Exception exception) when (Client.IsLoss(exception))
        {
            // The broker is gone, or the consumer.
        }
    }
}
