using System.Collections.Concurrent;
using System.Diagnostics;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;
using Xunit.Abstractions;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>Everything restarts under load, one after the other. Clients recover from a gateway's own close, and see no other error.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class RollingRestartTests(ITestOutputHelper output)
{
    private const int Queues = 10;
    private const ushort ConnectionForced = 320;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly string[] Members = ["silo-1", "silo-2", "gateway-1", "gateway-2"];

    private readonly Ledger _ledger = new();
    private readonly ConcurrentQueue<string> _faults = new();
    private readonly string[] _queues = [.. Enumerable.Range(0, Queues).Select(number => $"rolling.{number}")];
    private volatile bool _isOver;
    private int _published;

    [Fact]
    public async Task Everything_RestartsUnderLoad_NothingConfirmedIsLostAndClientsRecover()
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 2);
        await using var consuming = await ConnectAsync(cluster, 2);
        await ConsumeAsync(consuming);
        await using var publishing = await ConnectAsync(cluster, 1);
        await using var channel = await publishing.ConfirmedChannelAsync();
        var publisher = PublishAsync(channel);

        foreach (var member in Members)
        {
            var before = Volatile.Read(ref _published);
            var began = Stopwatch.GetTimestamp();
            await cluster.SignalAsync(member, "TERM");
            await cluster.StartAgainAsync(member);
            using var limit = new CancellationTokenSource(Patience);
            while (Volatile.Read(ref _published) < before + 10 * Queues)
            {
                Assert.False(limit.IsCancellationRequested || publisher.IsFaulted, $"Publishing does not go on after {member}: {publisher.Exception}");
                await Task.Delay(50, CancellationToken.None);
            }

            output.WriteLine($"{member}: {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s until it was back and publishing went on");
        }

        _isOver = true;
        await publisher;
        using var patience = new CancellationTokenSource(Patience);
        while (_ledger.MissingOf(_queues) is { Length: > 0 } missing)
        {
            Assert.False(patience.IsCancellationRequested, $"{missing.Length} of {_ledger.Confirmed} confirmed messages have not come: {string.Join(", ", missing.Take(20))}");
            await Task.Delay(100, CancellationToken.None);
        }

        output.WriteLine($"{_ledger.Confirmed} messages confirmed, {_ledger.Delivered} deliveries");
        Assert.Empty(_ledger.Faults());
        Assert.Empty(_faults);
    }

    private async Task<IConnection> ConnectAsync(LocalCluster cluster, int gateway)
    {
        var connection = await new ConnectionFactory
        {
            HostName = "127.0.0.1",
            Port = cluster.AmqpPort(gateway),
            AutomaticRecoveryEnabled = true,
            TopologyRecoveryEnabled = true,
            NetworkRecoveryInterval = TimeSpan.FromMilliseconds(300),
            ContinuationTimeout = Patience,
        }.CreateConnectionAsync();
        connection.ConnectionShutdownAsync += (_, ended) =>
        {
            if (!_isOver && ended.ReplyCode != ConnectionForced)
            {
                _faults.Enqueue($"A connection to gateway {gateway} was closed: {ended}");
            }

            return Task.CompletedTask;
        };
        return connection;
    }

    private async Task ConsumeAsync(IConnection connection)
    {
        var channel = await connection.CreateChannelAsync();
        await channel.BasicQosAsync(0, 50, global: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            _ledger.AddDelivered(delivery.RoutingKey, Stamp.Decode(delivery.Body), delivery.Redelivered);
            try
            {
                await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
            }
            catch (AlreadyClosedException)
            {
                // Its gateway has gone: the message comes again.
            }
        };
        foreach (var queue in _queues)
        {
            await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
            await channel.BasicConsumeAsync(queue, autoAck: false, consumer);
        }
    }

    // What was not confirmed when its gateway closed is published again, as the next number.
    private async Task PublishAsync(IChannel channel)
    {
        for (var number = 0; !_isOver; number++)
        {
            var queue = _queues[number % Queues];
            var stamp = new Stamp(0, number);
            try
            {
                await channel.BasicPublishAsync("", queue, mandatory: true, new BasicProperties { Persistent = true }, stamp.Encode()).AsTask().WaitAsync(Patience);
                _ledger.AddConfirmed(queue, stamp);
                Interlocked.Increment(ref _published);
            }
            catch (Exception closed) when (closed is AlreadyClosedException or PublishException { IsReturn: false } or OperationInterruptedException)
            {
                // It recovers by itself.
                await Task.Delay(100, CancellationToken.None);
            }
        }
    }
}
