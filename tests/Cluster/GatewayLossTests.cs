using System.Globalization;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Granary.Cluster.Tests;

/// <summary>A gateway goes: what queues on silos have in memory stays.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class GatewayLossTests
{
    private const int Queues = 300, MessagesOfEach = 2;

    [Theory]
    [InlineData("KILL")]
    [InlineData("TERM")]
    [InlineData("STOP")]
    public async Task Gateway_Goes_LeavesTransientMessagesWhereTheyAre(string signal)
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 2);
        await using (var connection = await ConnectAsync(cluster.AmqpPort(1)))
        {
            await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            for (var i = 0; i < Queues; i++)
            {
                await channel.QueueDeclareAsync(Name(i), durable: false, exclusive: false, autoDelete: false);
                for (var k = 0; k < MessagesOfEach; k++)
                {
                    await channel.BasicPublishAsync("", Name(i), mandatory: true, Encoding.ASCII.GetBytes($"{i}"));
                }
            }
        }

        await cluster.SignalAsync("gateway-1", signal);

        await using var other = await ConnectAsync(cluster.AmqpPort(2));
        await using var taker = await other.CreateChannelAsync();

        // Before the others have declared it dead, and after.
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < Queues; i++)
            {
                var described = await taker.QueueDeclarePassiveAsync(Name(i));
                Assert.Equal((uint)(MessagesOfEach - round), described.MessageCount);
                Assert.NotNull(await taker.BasicGetAsync(Name(i), autoAck: true));
            }

            await cluster.WhenDeclaredDeadAsync("gateway-1");
        }
    }

    [Theory]
    [InlineData("KILL")]
    [InlineData("STOP")]
    public async Task Gateway_Goes_ItsConsumersGoAndWhatTheyHeldIsGivenToOthers(string signal)
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 2);
        await using var lost = await ConnectAsync(cluster.AmqpPort(1));
        await using var holder = await lost.CreateChannelAsync(new CreateChannelOptions(true, true));
        await holder.QueueDeclareAsync("held", durable: true, exclusive: false, autoDelete: false);
        await holder.QueueDeclareAsync("own", durable: false, exclusive: true, autoDelete: false);
        await holder.QueueDeclareAsync("passing", durable: false, exclusive: false, autoDelete: true);
        for (var i = 0; i < 10; i++)
        {
            await holder.BasicPublishAsync("", "held", mandatory: true, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes($"{i}"));
        }

        var allHeld = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var count = 0;
        var consumer = new AsyncEventingBasicConsumer(holder);
        consumer.ReceivedAsync += (_, _) =>
        {
            if (Interlocked.Increment(ref count) == 10)
            {
                allHeld.SetResult();
            }

            return Task.CompletedTask;
        };
        await holder.BasicConsumeAsync("held", autoAck: false, consumer);
        await holder.BasicConsumeAsync("passing", autoAck: false, new AsyncEventingBasicConsumer(holder));
        await allHeld.Task.WaitAsync(TimeSpan.FromSeconds(30));

        await cluster.SignalAsync("gateway-1", signal);
        await cluster.WhenDeclaredDeadAsync("gateway-1");

        await using var other = await ConnectAsync(cluster.AmqpPort(2));
        await using var taker = await other.CreateChannelAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        for (var i = 0; i < 10; i++)
        {
            BasicGetResult? got;
            while ((got = await taker.BasicGetAsync("held", autoAck: true, limit.Token)) is null)
            {
                await Task.Delay(50, limit.Token);
            }

            Assert.Equal($"{i}", Encoding.ASCII.GetString(got.Body.Span));
            Assert.True(got.Redelivered);
        }

        foreach (var gone in new[] { "own", "passing" })
        {
            await using var asking = await other.CreateChannelAsync();
            var refused = await Assert.ThrowsAsync<OperationInterruptedException>(() => asking.QueueDeclarePassiveAsync(gone));
            Assert.Equal(404, (int)refused.ShutdownReason!.ReplyCode);
        }
    }

    private static string Name(int number) => string.Create(CultureInfo.InvariantCulture, $"kept.{number}");

    private static Task<IConnection> ConnectAsync(int port) =>
        new ConnectionFactory { HostName = "127.0.0.1", Port = port, AutomaticRecoveryEnabled = false, ContinuationTimeout = TimeSpan.FromSeconds(30) }.CreateConnectionAsync();
}
