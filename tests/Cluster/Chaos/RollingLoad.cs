using System.Collections.Concurrent;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>
/// A publisher at the first gateway and a consumer at the second, over an exchange and durable queues, whose clients recover when their gateway closes them, while members go one
/// after the other and come back.
/// </summary>
internal sealed class RollingLoad : IAsyncDisposable
{
    private const int Queues = 10;
    private const string Exchange = "rolling";
    private const ushort ConnectionForced = 320;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly LocalCluster _cluster;
    private readonly Ledger _ledger = new();
    private readonly ConcurrentQueue<string> _faults = new();
    private readonly string[] _queues = [.. Enumerable.Range(0, Queues).Select(number => $"rolling.{number}")];
    private readonly List<IAsyncDisposable> _open = [];
    private Task _publisher = Task.CompletedTask;
    private volatile bool _isOver;
    private int _published;

    private RollingLoad(LocalCluster cluster) => _cluster = cluster;

    public static async Task<RollingLoad> StartAsync(LocalCluster cluster)
    {
        var load = new RollingLoad(cluster);
        await load.ConsumeAsync(await load.ConnectAsync(gateway: 2));
        var channel = await (await load.ConnectAsync(gateway: 1)).ConfirmedChannelAsync();
        load._publisher = load.PublishAsync(channel);
        return load;
    }

    /// <summary>Ends a member in good order and starts it again; completes when messages are confirmed to each queue again.</summary>
    /// <param name="between">When it has ended.</param>
    public async Task RestartAsync(string member, Func<Task>? between = null)
    {
        var before = Volatile.Read(ref _published);
        await _cluster.SignalAsync(member, "TERM");
        if (between is not null)
        {
            await _cluster.WhenEndedAsync(member);
            await between();
        }

        await _cluster.StartAgainAsync(member);
        using var limit = new CancellationTokenSource(Patience);
        while (Volatile.Read(ref _published) < before + 10 * Queues)
        {
            Assert.False(limit.IsCancellationRequested || _publisher.IsFaulted, $"Publishing does not go on after {member}: {_publisher.Exception}");
            await Task.Delay(50, CancellationToken.None);
        }
    }

    /// <summary>Ends the publishing, waits for what was confirmed, and checks that it came, in order, and that clients saw no other error than a gateway's close.</summary>
    /// <returns>What there was, for the report.</returns>
    public async Task<string> CheckAsync()
    {
        _isOver = true;
        await _publisher;
        using var patience = new CancellationTokenSource(Patience);
        while (_ledger.MissingOf(_queues) is { Length: > 0 } missing)
        {
            Assert.False(patience.IsCancellationRequested, $"{missing.Length} of {_ledger.Confirmed} confirmed messages have not come: {string.Join(", ", missing.Take(20))}");
            await Task.Delay(100, CancellationToken.None);
        }

        Assert.Empty(_ledger.Faults());
        Assert.Empty(_faults);
        return $"{_ledger.Confirmed} messages confirmed, {_ledger.Delivered} deliveries";
    }

    public async ValueTask DisposeAsync()
    {
        _isOver = true;
        foreach (var open in _open)
        {
            await open.DisposeAsync();
        }
    }

    private async Task<IConnection> ConnectAsync(int gateway)
    {
        var connection = await new ConnectionFactory
        {
            HostName = "127.0.0.1",
            Port = _cluster.AmqpPort(gateway),
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
        _open.Add(connection);
        return connection;
    }

    private async Task ConsumeAsync(IConnection connection)
    {
        var channel = await connection.CreateChannelAsync();
        await channel.BasicQosAsync(0, 50, global: false);
        await channel.ExchangeDeclareAsync(Exchange, ExchangeType.Topic, durable: true);
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
            await channel.QueueBindAsync(queue, Exchange, queue);
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
                await channel.BasicPublishAsync(Exchange, queue, mandatory: true, new BasicProperties { Persistent = true }, stamp.Encode()).AsTask().WaitAsync(Patience);
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
