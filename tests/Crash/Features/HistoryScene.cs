using System.Globalization;
using System.Text;
using Granary.Crash.Ledger;
using Granary.Crash.Load;
using RabbitMQ.Client;

namespace Granary.Crash.Features;

/// <summary>An exchange that has the last messages for who is bound later: all that was confirmed of them, in their order, also after a kill.</summary>
internal sealed class HistoryScene(World world, Faults faults, int seed) : Scene(world, faults, seed)
{
    private const string Exchange = "history";
    private const int Length = 20;

    private readonly QueueNotes _notes = new(Exchange, world, faults);
    private long _looks;

    public override long Seen => _looks;

    public override int Owed => 0;

    public override Task DeclareAsync(IChannel channel) => channel.ExchangeDeclareAsync(
        Exchange, "x-recent-history", durable: true, autoDelete: false, new Dictionary<string, object?> { ["x-recent-history-length"] = Length });

    public override async Task PublishAsync(IConnection connection, CancellationToken stop)
    {
        await using var channel = await ConfirmedAsync(connection);
        var confirms = new Confirms(channel, (id, fate) => _notes.Decide((int)id.Number, fate));
        await LookAsync(connection);
        while (await MayGoOnAsync(stop))
        {
            for (var i = Random.Next(2 * Length); i >= 0; i--)
            {
                var number = _notes.Send();
                confirms.Add(new MessageId(0, (uint)number));
                await channel.BasicPublishAsync(Exchange, "", mandatory: false, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes(NameOf(number)), CancellationToken.None);
            }

            await confirms.WaitUntilAsync(0);
            await LookAsync(connection);
        }
    }

    public override Task ConsumeAsync(IConnection connection, ClientRun run) => Task.CompletedTask;

    public override void EndRun()
    {
    }

    public override Task JudgeAsync(IConnection connection) => LookAsync(connection);

    private async Task LookAsync(IConnection connection)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: CancellationToken.None);
        var queue = (await channel.QueueDeclareAsync("", durable: false, exclusive: true, autoDelete: false)).QueueName;
        await channel.QueueBindAsync(queue, Exchange, "");
        List<int> got = [];
        while (await channel.BasicGetAsync(queue, autoAck: true) is { } message)
        {
            got.Add(int.Parse(Encoding.ASCII.GetString(message.Body.Span), CultureInfo.InvariantCulture));
        }

        await channel.QueueDeleteAsync(queue);
        lock (World.Gate)
        {
            _looks++;
            var confirmed = Enumerable.Range(0, _notes.Count).Where(number => _notes[number].Fate == Fate.Confirmed).ToArray();
            var missing = confirmed.Where(number => (got.Count < Length || number >= got[0]) && !got.Contains(number)).ToArray();
            if (missing.Length > 0 || got.Count > Length || got.Zip(got.Skip(1)).Any(static pair => pair.First >= pair.Second))
            {
                Faults.Add($"{Exchange}, run {World.Run}: of {_notes.Count} messages the history had {string.Join(' ', got)}; {string.Join(' ', missing)} should be there");
            }
        }

        await channel.CloseAsync(CancellationToken.None);
    }
}
