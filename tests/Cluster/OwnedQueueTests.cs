using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Granary.Cluster.Tests;

/// <summary>What is not durable belongs to a connection or to the run of the cluster: it comes back with its owner when its silo is lost, and goes with its owner.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class OwnedQueueTests
{
    private const string Exchange = "owned.exchange";
    private const int Queues = 24;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    [Theory]
    [InlineData("KILL")]
    [InlineData("TERM")]
    [InlineData("STOP")]
    public async Task Silo_Goes_WhatIsNotDurableComesBackAndItsClientsNoticeNothing(string signal)
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 3, gateways: 2);
        var owner = await cluster.ConnectAsync(1);
        await using var channel = await owner.CreateChannelAsync();
        var received = new ConcurrentQueue<string>();
        var cancelled = new ConcurrentQueue<string>();
        var names = await DeclareAsync(channel, received, cancelled);

        await using var other = await cluster.ConnectAsync(2);
        await using var publisher = await other.ConfirmedChannelAsync();
        await PublishToEachAsync(publisher, received, "before");

        await cluster.SignalAsync("silo-2", signal);
        await PublishToEachAsync(publisher, received, "meanwhile");
        await cluster.WhenDeclaredDeadAsync("silo-2");
        await PublishToEachAsync(publisher, received, "after");

        Assert.Empty(cancelled);
        Assert.True(owner.IsOpen);

        await owner.CloseAsync();
        await owner.DisposeAsync();
        foreach (var name in names)
        {
            await AssertGoneAsync(other, name);
        }
    }

    [Fact]
    public async Task SiloAndGateway_GoTogether_QueuesOfTheGatewaysClientsGoWithThem()
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 3, gateways: 2);
        await using var owner = await cluster.ConnectAsync(1);
        await using var channel = await owner.CreateChannelAsync();
        var names = new List<string>();
        await using var other = await cluster.ConnectAsync(2);
        await using var observer = await other.CreateChannelAsync();
        for (var i = 0; i < Queues; i++)
        {
            names.Add((await channel.QueueDeclareAsync("", durable: false, exclusive: true, autoDelete: false)).QueueName);
            await channel.QueueBindAsync(names[i], "amq.direct", Key(i));
        }

        await Task.WhenAll(cluster.SignalAsync("gateway-1", "KILL"), cluster.SignalAsync("silo-2", "KILL"));

        foreach (var name in names)
        {
            await AssertGoneAsync(other, name);
        }

        for (var i = 0; i < Queues; i++)
        {
            await using var publisher = await other.ConfirmedChannelAsync();
            var returned = await Assert.ThrowsAsync<PublishReturnException>(async () => await publisher.BasicPublishAsync("amq.direct", Key(i), mandatory: true, ReadOnlyMemory<byte>.Empty));
            Assert.Equal(312, returned.ReplyCode);
        }
    }

    /// <summary>Half of them exclusive, at an exchange that is not durable; half of them auto-delete, at one that is.</summary>
    private static async Task<List<string>> DeclareAsync(IChannel channel, ConcurrentQueue<string> received, ConcurrentQueue<string> cancelled)
    {
        await channel.ExchangeDeclareAsync(Exchange, ExchangeType.Direct, durable: false, autoDelete: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            received.Enqueue(Encoding.ASCII.GetString(delivery.Body.Span));
            return Task.CompletedTask;
        };
        consumer.UnregisteredAsync += (_, consumers) =>
        {
            cancelled.Enqueue(string.Join(' ', consumers.ConsumerTags));
            return Task.CompletedTask;
        };
        List<string> names = [];
        for (var i = 0; i < Queues; i++)
        {
            var isExclusive = i % 2 == 0;
            names.Add(await channel.QueueDeclareAsync(isExclusive ? "" : $"owned.{Key(i)}", durable: false, exclusive: isExclusive, autoDelete: !isExclusive));
            await channel.QueueBindAsync(names[i], ExchangeOf(i), Key(i));
            await channel.BasicConsumeAsync(names[i], autoAck: true, consumer);
        }

        return names;
    }

    /// <summary>Until each queue's consumer has one: what a silo had in memory is lost with it. Mandatory: no route may be missing, not for a moment.</summary>
    private static async Task PublishToEachAsync(IChannel publisher, ConcurrentQueue<string> received, string when)
    {
        var began = Stopwatch.GetTimestamp();
        var missing = Enumerable.Range(0, Queues).ToHashSet();
        while (missing.Count > 0)
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < Patience, $"{when}: nothing came for {string.Join(", ", missing.Select(i => $"{i} at {ExchangeOf(i)}"))}");
            foreach (var i in missing)
            {
                await publisher.BasicPublishAsync(ExchangeOf(i), Key(i), mandatory: true, Encoding.ASCII.GetBytes($"{when} {Key(i)}")).AsTask().WaitAsync(Patience);
            }

            await Task.Delay(Pause);
            missing.RemoveWhere(i => received.Contains($"{when} {Key(i)}"));
        }
    }

    private static async Task AssertGoneAsync(IConnection connection, string queue)
    {
        for (var began = Stopwatch.GetTimestamp(); ;)
        {
            await using var channel = await connection.CreateChannelAsync();
            var refused = await Record.ExceptionAsync(() => channel.QueueDeclarePassiveAsync(queue));
            if (refused is OperationInterruptedException { ShutdownReason.ReplyCode: 404 })
            {
                return;
            }

            Assert.True(Stopwatch.GetElapsedTime(began) < Patience, $"queue '{queue}' is still there: {refused?.Message}");
            await Task.Delay(Pause);
        }
    }

    private static string ExchangeOf(int queue) => queue % 2 == 0 ? Exchange : "amq.direct";

    private static string Key(int queue) => queue.ToString(CultureInfo.InvariantCulture);
}
