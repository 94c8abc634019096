using System.Globalization;
using System.Text;
using Granary.Crash.Ledger;
using Granary.Crash.Load;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Crash.Features;

/// <summary>One feature under kills: its queues, who publishes and consumes, and what has to hold.</summary>
internal abstract class Scene(World world, Faults faults, int seed)
{
    private const int Burst = 8, MostOwed = 200;

    protected World World { get; } = world;

    protected Faults Faults { get; } = faults;

    protected int Seed { get; } = seed;

    protected Random Random { get; } = new(seed);

    /// <summary>All that has happened in it, to be seen in a report.</summary>
    public abstract long Seen { get; }

    /// <summary>What is waited for.</summary>
    public abstract int Owed { get; }

    /// <summary>Declares what it needs.</summary>
    public abstract Task DeclareAsync(IChannel channel);

    /// <summary>Publishes until the end, or the broker's.</summary>
    public abstract Task PublishAsync(IConnection connection, CancellationToken stop);

    /// <summary>Consumes until the end, or the broker's.</summary>
    public abstract Task ConsumeAsync(IConnection connection, ClientRun run);

    /// <summary>The broker is gone.</summary>
    public abstract void EndRun();

    /// <summary>In the end, when nothing is waited for.</summary>
    public abstract Task JudgeAsync(IConnection connection);

    protected static string NameOf(int number) => number.ToString(CultureInfo.InvariantCulture);

    protected static int NumberOf(BasicDeliverEventArgs delivery) => int.Parse(Encoding.ASCII.GetString(delivery.Body.Span), CultureInfo.InvariantCulture);

    protected static Task DeclareAsync(IChannel channel, string queue, params (string Name, object? Value)[] arguments) => channel.QueueDeclareAsync(
        queue, durable: true, exclusive: false, autoDelete: false, arguments.ToDictionary(static argument => argument.Name, static argument => argument.Value));

    /// <summary>Publishes the queue's messages, one after the other, with confirms.</summary>
    protected async Task PublishAsync(
        IConnection connection, QueueNotes notes, string exchange, string key, Func<int, BasicProperties> propertiesOf, CancellationToken stop)
    {
        await using var channel = await ConfirmedAsync(connection);
        var confirms = new Confirms(channel, (id, fate) => notes.Decide((int)id.Number, fate));
        while (await MayGoOnAsync(stop))
        {
            for (var i = Random.Next(Burst); i >= 0; i--)
            {
                var number = notes.Send();
                confirms.Add(new MessageId(0, (uint)number));
                var properties = propertiesOf(number);
                properties.Persistent = true;
                await channel.BasicPublishAsync(exchange, key, mandatory: false, properties, Encoding.ASCII.GetBytes(NameOf(number)), CancellationToken.None);
            }
        }

        await confirms.WaitUntilAsync(0);
    }

    protected static Task<IChannel> ConfirmedAsync(IConnection connection) => connection.CreateChannelAsync(
        new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false), CancellationToken.None);

    /// <summary>Consumes on a channel of its own.</summary>
    /// <param name="take">What is done with a delivery, one after the other.</param>
    /// <param name="end">It leaves then.</param>
    protected async Task ConsumeAsync(IConnection connection, QueueNotes notes, ushort prefetch, Func<Hand, BasicDeliverEventArgs, Task> take, CancellationToken end)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: CancellationToken.None);
        var run = World.Run;
        var hand = new Hand(channel, notes, run);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            try
            {
                await hand.ActAsync(() => run == World.Run ? take(hand, delivery) : Task.CompletedTask);
            }
            catch (Exception exception) when (Client.IsLoss(exception))
            {
                ended.TrySetException(exception);
            }
            catch (Exception exception)
            {
                Faults.Add($"{notes.Queue}: {exception}");
            }
        };
        channel.ChannelShutdownAsync += (_, e) =>
        {
            ended.TrySetException(new IOException($"The channel ended: {e.ReplyText}"));
            return Task.CompletedTask;
        };
        consumer.UnregisteredAsync += (_, _) =>
        {
            ended.TrySetException(new IOException("The broker cancelled the consumer."));
            return Task.CompletedTask;
        };
        await channel.BasicQosAsync(0, prefetch, global: false, CancellationToken.None);
        await channel.BasicConsumeAsync(notes.Queue, autoAck: false, "", consumer, CancellationToken.None);
        await using (end.Register(() => ended.TrySetResult()))
        {
            await ended.Task;
        }

        await hand.LeaveAsync();
        await channel.CloseAsync(CancellationToken.None);
    }

    /// <summary>Pauses, also while consumers are far behind; false at the end.</summary>
    protected async Task<bool> MayGoOnAsync(CancellationToken stop)
    {
        try
        {
            do
            {
                await Task.Delay(Random.Next(80), stop);
            }
            while (Owed > MostOwed);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
