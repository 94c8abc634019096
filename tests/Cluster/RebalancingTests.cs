using System.Diagnostics;
using System.Globalization;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Cluster.Tests;

/// <summary>A silo joins: it gets its share of the queues that there are.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class RebalancingTests
{
    private const int Moving = 3601;
    private const int Queues = 60;

    /// <summary>By chance fewer of 60 queues belong to the third of three silos in one of a million cases.</summary>
    private const int LeastShare = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    [Fact]
    public async Task Silo_Joins_QueuesMoveToItWithTheirTransientMessagesAndConsumers()
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 1);
        await using var connection = await cluster.ConnectAsync(1);
        await using var publisher = await connection.ConfirmedChannelAsync();
        await using var consumed = await connection.CreateChannelAsync();
        var received = 0;
        var consumer = new AsyncEventingBasicConsumer(consumed);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            Assert.False(delivery.Redelivered);
            Interlocked.Increment(ref received);
            return Task.CompletedTask;
        };
        for (var i = 0; i < Queues; i++)
        {
            await publisher.QueueDeclareAsync(Name(i), durable: i % 2 == 0, exclusive: false, autoDelete: false);
            await PublishAsync(publisher, i);
            if (i % 4 == 0)
            {
                await consumed.BasicConsumeAsync(Name(i), autoAck: false, consumer);
            }
        }

        await Clients.UntilAsync(() => received == Queues / 4);
        await using var joined = JoiningNode.Start("silo", cluster.Connection, logsDebug: true);
        await joined.WhenReadyAsync();
        await cluster.WhenLoggedAsync("silo-1", Moving);
        await cluster.WhenLoggedAsync("silo-2", Moving);

        // A queue that nobody asks for waits in the store until somebody does.
        for (var began = Stopwatch.GetTimestamp(); TakenOver(joined) < LeastShare; await Task.Delay(Pause))
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < Patience, $"{TakenOver(joined)} queues have moved:\n{joined.Output}");
            for (var i = 0; i < Queues; i++)
            {
                Assert.Equal(i % 4 == 0 ? 0u : 1u, (await publisher.QueueDeclarePassiveAsync(Name(i))).MessageCount);
            }
        }

        for (var i = 0; i < Queues; i++)
        {
            await PublishAsync(publisher, i);
        }

        await Clients.UntilAsync(() => received == 2 * (Queues / 4));
        Assert.True(connection.IsOpen);
    }

    private static int TakenOver(JoiningNode silo) => silo.Output.Split("were taken over from the silo that had it").Length - 1;

    private static async Task PublishAsync(IChannel channel, int queue) =>
        await channel.BasicPublishAsync("", Name(queue), mandatory: true, Encoding.ASCII.GetBytes(Name(queue))).AsTask().WaitAsync(Patience);

    private static string Name(int queue) => string.Create(CultureInfo.InvariantCulture, $"moved.{queue}");
}
