using System.Globalization;
using System.Text;
using Granary.Crash.Brokers;
using Granary.Crash.Load;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Granary.Crash;

/// <summary>What is there after a stop in good order, and what is not.</summary>
public sealed class CleanRestartTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Node_StoppedAndStarted_HasAllAndMarksOnlyWhatWasDeliveredAndNotAcknowledged()
    {
        await using var home = await Home.CreateAsync(StoreKind.Files);
        await using (var node = await home.StartReadyAsync())
        {
            await using var connection = await Client.ConnectAsync(node.AmqpPort);
            await using var channel = await DeclareAsync(connection);
            for (var i = 0; i < 10; i++)
            {
                await PublishAsync(channel, "kept.exchange", "key", i, persistent: true);
            }

            await PublishAsync(channel, "", "kept", 99, persistent: false);
            await PublishAsync(channel, "", "passing", 1, persistent: true);

            // Four in hand; the first is acknowledged, so that a fifth comes.
            await TakeFiveAndAckOneAsync(connection);
            Assert.Equal(0, await node.TerminateAsync());
        }

        await using var again = await home.StartReadyAsync();
        await using var after = await Client.ConnectAsync(again.AmqpPort);
        await using var left = await after.CreateChannelAsync(new CreateChannelOptions(true, true));
        Assert.Equal("1r 2r 3r 4r 5 6 7 8 9", await TakeAllAsync(left, "kept"));

        await PublishAsync(left, "kept.exchange", "key", 11, persistent: true);
        Assert.Equal("11", await TakeAllAsync(left, "kept"));
        foreach (var queue in new[] { "passing", "exclusive", "with-its-consumer" })
        {
            Assert.False(await ExistsAsync(after, channel => channel.QueueDeclarePassiveAsync(queue)), $"{queue} is there");
        }

        Assert.False(await ExistsAsync(after, channel => channel.ExchangeDeclarePassiveAsync("passing.exchange")));
        Assert.True(await ExistsAsync(after, channel => channel.QueueDeclarePassiveAsync("never-consumed")));
    }

    [Fact]
    public async Task Node_StoppedIdleAndStarted_MarksNothing()
    {
        await using var home = await Home.CreateAsync(StoreKind.Files);
        await using (var node = await home.StartReadyAsync())
        {
            await using var connection = await Client.ConnectAsync(node.AmqpPort);
            await using var channel = await DeclareAsync(connection);
            for (var i = 0; i < 300; i++)
            {
                await PublishAsync(channel, "", "kept", i, persistent: true);
            }

            // Some were consumed before; what is left was seen by nobody.
            for (var i = 0; i < 100; i++)
            {
                var got = await channel.BasicGetAsync("kept", autoAck: i % 2 == 0);
                Assert.NotNull(got);
                if (i % 2 == 1)
                {
                    await channel.BasicAckAsync(got.DeliveryTag, multiple: false);
                }
            }

            Assert.Equal(0, await node.TerminateAsync());
        }

        await using var again = await home.StartReadyAsync();
        await using var after = await Client.ConnectAsync(again.AmqpPort);
        await using var left = await after.CreateChannelAsync();
        Assert.Equal(string.Join(' ', Enumerable.Range(100, 200)), await TakeAllAsync(left, "kept"));
    }

    private static async Task<IChannel> DeclareAsync(IConnection connection)
    {
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        await channel.ExchangeDeclareAsync("kept.exchange", ExchangeType.Direct, durable: true);
        await channel.ExchangeDeclareAsync("passing.exchange", ExchangeType.Direct, durable: false);
        await channel.QueueDeclareAsync("kept", durable: true, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync("kept", "kept.exchange", "key");
        await channel.QueueDeclareAsync("passing", durable: false, exclusive: false, autoDelete: false);
        await channel.QueueDeclareAsync("exclusive", durable: true, exclusive: true, autoDelete: false);
        await channel.QueueDeclareAsync("never-consumed", durable: true, exclusive: false, autoDelete: true);
        await channel.QueueDeclareAsync("with-its-consumer", durable: true, exclusive: false, autoDelete: true);
        await channel.BasicConsumeAsync("with-its-consumer", autoAck: true, new AsyncEventingBasicConsumer(channel));
        return channel;
    }

    private static ValueTask PublishAsync(IChannel channel, string exchange, string key, int number, bool persistent) => channel.BasicPublishAsync(
        exchange, key, mandatory: true, new BasicProperties { Persistent = persistent }, Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)));

    private static async Task TakeFiveAndAckOneAsync(IConnection connection)
    {
        var channel = await connection.CreateChannelAsync();
        var fifth = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumer = new AsyncEventingBasicConsumer(channel);
        var count = 0;
        consumer.ReceivedAsync += async (_, e) =>
        {
            if (++count == 1)
            {
                await channel.BasicAckAsync(e.DeliveryTag, multiple: false);
            }
            else if (count == 5)
            {
                fifth.SetResult();
            }
        };
        await channel.BasicQosAsync(0, 4, global: false);
        await channel.BasicConsumeAsync("kept", autoAck: false, consumer);
        await fifth.Task.WaitAsync(Limit);
    }

    /// <summary>The bodies of all that is ready, with an r behind those that are redelivered.</summary>
    private static async Task<string> TakeAllAsync(IChannel channel, string queue)
    {
        var taken = new List<string>();
        while (await channel.BasicGetAsync(queue, autoAck: true) is { } got)
        {
            taken.Add(Encoding.ASCII.GetString(got.Body.Span) + (got.Redelivered ? "r" : ""));
        }

        return string.Join(' ', taken);
    }

    private static async Task<bool> ExistsAsync(IConnection connection, Func<IChannel, Task> declare)
    {
        await using var channel = await connection.CreateChannelAsync();
        try
        {
            await declare(channel);
            return true;
        }
        catch (OperationInterruptedException exception) when (exception.ShutdownReason?.ReplyCode == 404)
        {
            return false;
        }
    }
}
