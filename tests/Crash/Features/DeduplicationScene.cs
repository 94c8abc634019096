using System.Globalization;
using System.Text;
using Granary.Crash.Ledger;
using Granary.Crash.Load;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Crash.Features;

/// <summary>
/// A queue that takes no message twice, by its own argument or by that of the exchange: each is sent several times, and what was not confirmed before a kill is sent again after it. One of
/// all those is delivered; of what was not confirmed, one before the kill and one after it.
/// </summary>
internal sealed class DeduplicationScene(World world, Faults faults, int seed, bool byExchange) : Scene(world, faults, seed)
{
    // More than there are messages.
    private const int Window = 500_000;

    private readonly string _queue = byExchange ? "once-by-exchange" : "once";
    private readonly QueueNotes _notes = new(byExchange ? "once-by-exchange" : "once", world, faults);
    private readonly Dictionary<int, int> _attempts = [];
    private readonly Dictionary<int, int> _seen = [];

    // Not confirmed when the broker was killed.
    private readonly HashSet<int> _unknown = [];

    public override long Seen => _notes.Delivered;

    public override int Owed => _notes.Owed;

    public override async Task DeclareAsync(IChannel channel)
    {
        (string, object?)[] arguments = [("x-message-deduplication", true), ("x-cache-size", Window)];
        await DeclareAsync(channel, _queue, byExchange ? [] : arguments);
        if (byExchange)
        {
            await channel.ExchangeDeclareAsync(_queue, ExchangeType.Fanout, durable: true, autoDelete: false, arguments.ToDictionary(one => one.Item1, one => one.Item2));
            await channel.QueueBindAsync(_queue, _queue, "");
        }
    }

    public override async Task PublishAsync(IConnection connection, CancellationToken stop)
    {
        await using var channel = await ConfirmedAsync(connection);
        var confirms = new Confirms(channel, (id, fate) => _notes.Decide((int)id.Number, fate));
        for (var number = 0; number < _notes.Count; number++)
        {
            if (_notes[number].Fate == Fate.Sent)
            {
                await SendAsync(number);
            }
        }

        while (await MayGoOnAsync(stop))
        {
            for (var i = Random.Next(8); i >= 0; i--)
            {
                await SendAsync(_notes.Send());
                if (Random.Next(3) == 0)
                {
                    // Of long ago, or of a moment ago.
                    await SendAsync(Random.Next(2) == 0 ? Random.Next(_notes.Count) : _notes.Count - 1);
                }
            }
        }

        await confirms.WaitUntilAsync(0);

        async Task SendAsync(int number)
        {
            confirms.Add(new MessageId(0, (uint)number));
            var attempt = _attempts[number] = _attempts.GetValueOrDefault(number) + 1;
            await channel.BasicPublishAsync(
                byExchange ? _queue : "", _queue, mandatory: false, new BasicProperties { Persistent = true, MessageId = NameOf(number) }, Encoding.ASCII.GetBytes($"{number} {attempt}"), CancellationToken.None);
        }
    }

    public override Task ConsumeAsync(IConnection connection, ClientRun run)
    {
        return ConsumeAsync(connection, _notes, prefetch: 50, TakeAsync, run.StopConsuming);

        async Task TakeAsync(Hand hand, BasicDeliverEventArgs delivery)
        {
            int[] parts = [.. Encoding.ASCII.GetString(delivery.Body.Span).Split(' ').Select(static part => int.Parse(part, CultureInfo.InvariantCulture))];
            var isAnew = _unknown.Remove(parts[0]);
            if (isAnew)
            {
                _seen.Remove(parts[0]);
            }

            if (_notes.Deliver(parts[0], delivery.Redelivered || isAnew, hand, _ => Judge(parts[0], parts[1])))
            {
                await hand.AckAsync(delivery.DeliveryTag, parts[0]);
            }
        }
    }

    public override void EndRun()
    {
        _notes.EndRun();
        for (var number = 0; number < _notes.Count; number++)
        {
            // It may have been delivered and not stored: then nothing knows of it any more.
            if (_notes[number].Fate == Fate.Sent)
            {
                _unknown.Add(number);
            }
        }
    }

    public override Task JudgeAsync(IConnection connection)
    {
        _notes.JudgeEnd();
        return Task.CompletedTask;
    }

    private string? Judge(int number, int attempt) =>
        _seen.TryAdd(number, attempt) || _seen[number] == attempt ? null : $"was delivered as it was sent the time {attempt}, after it had been delivered as it was sent the time {_seen[number]}";
}
