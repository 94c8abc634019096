using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Cluster.Tests;

/// <summary>What a consumer holds while its queue's silo is lost.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class HeldMessageTests
{
    private const int Queues = 12;

    /// <summary>
    /// Of two consumers of each queue, at two gateways, one holds all that there is. The queue that comes back elsewhere must not give it to the other, however soon that
    /// one comes; once the holder has settled half of it and given back the rest, the other has that.
    /// </summary>
    [Theory]
    [InlineData("KILL")]
    [InlineData("TERM")]
    public async Task Silo_Goes_WhatAConsumerHoldsIsGivenToNobodyElse(string signal)
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 3, gateways: 2);
        await using var holding = await cluster.ConnectAsync(1);
        await using var holder = await holding.ConfirmedChannelAsync();
        var held = new ConcurrentDictionary<string, BasicDeliverEventArgs>();
        for (var i = 0; i < Queues; i++)
        {
            await holder.QueueDeclareAsync(Name(i), durable: true, exclusive: false, autoDelete: false);
            await ConsumeAsync(holder, Name(i), held);
            foreach (var what in new[] { "acknowledged", "given back" })
            {
                await holder.BasicPublishAsync("", Name(i), mandatory: true, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes($"{what} {Name(i)}"));
            }
        }

        await Clients.UntilAsync(() => held.Count == 2 * Queues);
        await using var waiting = await cluster.ConnectAsync(2);
        await using var waiter = await waiting.CreateChannelAsync();
        var given = new ConcurrentDictionary<string, BasicDeliverEventArgs>();
        for (var i = 0; i < Queues; i++)
        {
            await ConsumeAsync(waiter, Name(i), given);
        }

        await cluster.SignalAsync("silo-2", signal);
        await cluster.WhenDeclaredDeadAsync("silo-2");
        await using var later = await waiting.CreateChannelAsync();
        for (var i = 0; i < Queues; i++)
        {
            // Answered when all who had something of the queue have said so: whatever it had to give, it has given.
            Assert.Equal(2u, (await later.QueueDeclarePassiveAsync(Name(i))).ConsumerCount);
            Assert.Null(await later.BasicGetAsync(Name(i), autoAck: true));
        }

        Assert.Empty(given);
        foreach (var (what, delivery) in held)
        {
            await (what.StartsWith("acknowledged", StringComparison.Ordinal)
                ? holder.BasicAckAsync(delivery.DeliveryTag, multiple: false)
                : holder.BasicNackAsync(delivery.DeliveryTag, multiple: false, requeue: true));
        }

        await holder.CloseAsync();
        await Clients.UntilAsync(() => given.Count == Queues);
        Assert.All(given, message => Assert.StartsWith("given back", message.Key, StringComparison.Ordinal));
        Assert.All(given.Values, delivery => Assert.True(delivery.Redelivered));
    }

    private static async Task ConsumeAsync(IChannel channel, string queue, ConcurrentDictionary<string, BasicDeliverEventArgs> given)
    {
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            given[Encoding.ASCII.GetString(delivery.Body.Span)] = delivery;
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck: false, consumer);
    }

    private static string Name(int queue) => string.Create(CultureInfo.InvariantCulture, $"held.{queue}");
}
