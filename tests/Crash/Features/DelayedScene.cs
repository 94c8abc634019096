using Granary.Crash.Ledger;
using Granary.Crash.Load;
using RabbitMQ.Client;

namespace Granary.Crash.Features;

/// <summary>An exchange that delays: each message comes, not before its time, and soon after it.</summary>
internal sealed class DelayedScene(World world, Faults faults, int seed) : Scene(world, faults, seed)
{
    private const string Exchange = "delaying", Queue = "delayed";

    // On however slow a machine.
    private const int Late = 20_000;

    private readonly QueueNotes _notes = new(Queue, world, faults);
    private readonly HashSet<int> _seen = [];

    public override long Seen => _seen.Count;

    public override int Owed => _notes.Owed;

    public override async Task DeclareAsync(IChannel channel)
    {
        await channel.ExchangeDeclareAsync(Exchange, "x-delayed-message", durable: true, autoDelete: false, new Dictionary<string, object?> { ["x-delayed-type"] = "direct" });
        await DeclareAsync(channel, Queue);
        await channel.QueueBindAsync(Queue, Exchange, "key");
    }

    public override Task PublishAsync(IConnection connection, CancellationToken stop) => PublishAsync(
        connection, _notes, Exchange, "key", static number => new BasicProperties { Headers = new Dictionary<string, object?> { ["x-delay"] = DelayOf(number) } }, stop);

    public override Task ConsumeAsync(IConnection connection, ClientRun run) => ConsumeAsync(
        connection,
        _notes,
        prefetch: 50,
        async (hand, delivery) =>
        {
            var number = NumberOf(delivery);
            lock (World.Gate)
            {
                var note = _notes[number];

                // It is stored in the queue before the exchange forgets it: a kill in between leaves it in both.
                var isCopy = !_seen.Add(number) && note.SentRun < World.Run;
                note.IsAcked &= !isCopy;
                _notes.Deliver(number, delivery.Redelivered || isCopy, hand, Judge);

                string? Judge(Note note)
                {
                    var due = note.SentAt + DelayOf(number);
                    return World.Now < due - World.Rounding ? $"came {due - World.Now} ms early"
                        : World.Now > Math.Max(due, World.ReadyAt) + Late ? $"came {World.Now - due} ms late"
                        : null;
                }
            }

            await hand.AckAsync(delivery.DeliveryTag, number);
        },
        run.StopConsuming);

    public override void EndRun() => _notes.EndRun();

    public override Task JudgeAsync(IConnection connection)
    {
        _notes.JudgeEnd();
        return Task.CompletedTask;
    }

    private static int DelayOf(int number) => number % 8 == 0 ? 0 : number * 37 % 2_500;
}
