using Granary.Crash.Ledger;
using Granary.Crash.Load;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Crash.TakeOvers;

/// <summary>Publishes to one queue over a connection of its own, as fast as confirms come.</summary>
internal sealed class QueuePublisher(QueueNotes notes, ushort id, int seed, int window, bool isHeavy)
{
    private readonly Random _random = new(seed);
    private IConnection? _connection;
    private IChannel? _channel;
    private Confirms? _confirms;

    public async Task ConnectAsync(int port)
    {
        _connection = await Client.ConnectAsync(port);
        _channel = await _connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false), CancellationToken.None);
        _confirms = new Confirms(_channel, notes.Decide);
    }

    public async Task DeclarePassivelyAsync() => await _channel!.QueueDeclarePassiveAsync(notes.Name);

    public async Task<MessageId> PublishAsync()
    {
        var size = isHeavy ? _random.Next(Bodies.Largest / 4, Bodies.Largest + 1) : Bodies.Size(_random);
        var message = notes.Send(id, size);
        _confirms!.Add(message);
        await _channel!.BasicPublishAsync("", notes.Name, mandatory: false, new BasicProperties { Persistent = true }, Bodies.Create(message, size), CancellationToken.None);
        return message;
    }

    /// <summary>Publishes until <paramref name="stop"/>, waits for what is not confirmed, and ends the connection. A connection that is gone ends it, too.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        await Task.Yield();
        while (!stop.IsCancellationRequested)
        {
            await _confirms!.WaitUntilAsync(window - 1);
            await PublishAsync();
        }

        await _confirms!.WaitUntilAsync(0);
        await _connection!.CloseAsync(CancellationToken.None);
    }

    /// <summary>As when the client is killed.</summary>
    public Task AbandonAsync() => QueueConsumer.AbandonAsync(_connection);
}

/// <summary>Takes as many messages as it may, acknowledges every other one and keeps the rest.</summary>
internal sealed class QueueConsumer(QueueNotes notes, Faults faults, ushort prefetch)
{
    private IConnection? _connection;
    private IChannel? _channel;

    public async Task StartAsync(int port)
    {
        _connection = await Client.ConnectAsync(port);
        _channel = await _connection.CreateChannelAsync();
        var consumer = new AsyncEventingBasicConsumer(_channel);
        consumer.ReceivedAsync += OnReceivedAsync;
        await _channel.BasicQosAsync(0, prefetch, global: false);
        await _channel.BasicConsumeAsync(notes.Name, autoAck: false, consumer);
    }

    /// <summary>Gives back what it has.</summary>
    public async Task CloseAsync()
    {
        await _channel!.CloseAsync();
        await _connection!.CloseAsync();
    }

    public Task AbandonAsync() => AbandonAsync(_connection);

    /// <summary>Ends a connection whose broker may not answer.</summary>
    public static async Task AbandonAsync(IConnection? connection)
    {
        if (connection is not null)
        {
            await connection.AbortAsync(TimeSpan.FromMilliseconds(100));
        }
    }

    private async Task OnReceivedAsync(object sender, BasicDeliverEventArgs e)
    {
        if (!Bodies.TryRead(e.Body.Span, out var id))
        {
            faults.Add($"{notes.Name}: a body of {e.Body.Length} bytes is damaged; it seems to be message {id}");
            return;
        }

        notes.See(id);
        if (e.DeliveryTag % 2 == 0)
        {
            notes.Ack(id);
            await _channel!.BasicAckAsync(e.DeliveryTag, multiple: false);
        }
    }
}

/// <summary>Takes all that is in a queue.</summary>
internal static class QueueDrain
{
    /// <summary>Who publishes the message that says where the end is.</summary>
    public const ushort Marker = 99;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    public static async Task<List<Drained>> RunAsync(int port, QueueNotes notes, Faults faults, bool delete)
    {
        await using var connection = await Client.ConnectAsync(port);
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        var marker = notes.Send(Marker, Bodies.Smallest);
        await channel.BasicPublishAsync("", notes.Name, mandatory: true, new BasicProperties { Persistent = true }, Bodies.Create(marker, Bodies.Smallest));
        notes.Decide(marker, Fate.Confirmed);

        var drained = new List<Drained>();
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, e) =>
        {
            if (!Bodies.TryRead(e.Body.Span, out var id))
            {
                faults.Add($"{notes.Name}: a body of {e.Body.Length} bytes is damaged; it seems to be message {id}");
            }

            drained.Add(new Drained(id, e.Body.Length, e.Redelivered));
            if (e.DeliveryTag % 50 == 0 || id == marker)
            {
                await channel.BasicAckAsync(e.DeliveryTag, multiple: true);
            }

            if (id == marker)
            {
                end.TrySetResult();
            }
        };
        await channel.BasicQosAsync(0, 200, global: false);
        var tag = await channel.BasicConsumeAsync(notes.Name, autoAck: false, consumer);
        await end.Task.WaitAsync(Limit);
        await channel.BasicCancelAsync(tag);
        var left = delete ? await channel.QueueDeleteAsync(notes.Name) : await channel.MessageCountAsync(notes.Name);
        if (left > 0)
        {
            faults.Add($"{notes.Name}: {left} messages are left behind the last one");
        }

        return drained;
    }
}
