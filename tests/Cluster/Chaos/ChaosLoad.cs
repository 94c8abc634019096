using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;
using ExchangeType = RabbitMQ.Client.ExchangeType;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>
/// Publishers with confirms and consumers with acknowledgements at two gateways, over durable, transient and exclusive queues, half of the publishers through a topic exchange, and somebody who
/// binds and unbinds all the while. No connection recovers: one that is closed is a fault.
/// </summary>
internal sealed class ChaosLoad : IAsyncDisposable
{
    private const int Gateways = 2, Durable = 30, Transient = 10, Exclusive = 10;
    private const string Topic = "chaos.topic", Toggled = "chaos.toggled";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Ledger _ledger = new();
    private readonly List<IConnection> _connections = [];
    private readonly List<RoundPublisher> _publishers = [];
    private readonly List<Task> _running = [];
    private readonly ConcurrentQueue<string> _faults = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly string[] _durable = Named("durable", Durable);
    private uint _routed;
    private IChannel? _counting;

    public int Confirmed => _ledger.Confirmed;

    public int Delivered => _ledger.Delivered;

    /// <summary>How often a binding was made, used, removed and seen to be gone.</summary>
    public int Toggles { get; private set; }

    public static async Task<ChaosLoad> StartAsync(LocalCluster cluster)
    {
        var load = new ChaosLoad();
        for (var gateway = 1; gateway <= Gateways; gateway++)
        {
            await load.ConsumeAsync(await load.ConnectAsync(cluster, gateway), gateway);
        }

        for (var number = 0; number < 2 * Gateways; number++)
        {
            await load.PublishAsync(await load.ConnectAsync(cluster, 1 + number % Gateways), number);
        }

        await load.ToggleAsync(await load.ConnectAsync(cluster, 1), await load.ConnectAsync(cluster, 2));
        await load.WholeRoundAsync();
        return load;
    }

    /// <summary>Completes when each publisher has had a confirm of every queue for something that it published after this call.</summary>
    public Task WholeRoundAsync() => Task.WhenAll(_publishers.Select(publisher => publisher.WholeRoundAsync()));

    /// <summary>The longest that a confirm has taken since the last call.</summary>
    public TimeSpan TakeLongest() => _publishers.Max(publisher => publisher.TakeLongest());

    /// <summary>Ends the publishers, waits until all that was confirmed to durable queues has come, and checks everything.</summary>
    public async Task CheckAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
        using var limit = new CancellationTokenSource(Patience);
        while (_ledger.MissingOf(_durable) is { Length: > 0 } missing)
        {
            Assert.False(limit.IsCancellationRequested, $"{missing.Length} of {Confirmed} confirmed messages have not come: {string.Join(", ", missing.Take(20))}");
            await Task.Delay(100, CancellationToken.None);
        }

        Assert.Empty(_ledger.Faults());
        Assert.Equal(_routed, (await _counting!.QueueDeclarePassiveAsync(Toggled)).MessageCount);
        Assert.Empty(_faults);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var connection in _connections)
        {
            await connection.DisposeAsync();
        }

        _stop.Dispose();
    }

    private static string[] Named(string kind, int count) => [.. Enumerable.Range(0, count).Select(number => string.Create(CultureInfo.InvariantCulture, $"chaos.{kind}.{number}"))];

    private async Task<IConnection> ConnectAsync(LocalCluster cluster, int gateway)
    {
        var connection = await new ConnectionFactory
        {
            HostName = "127.0.0.1",
            Port = cluster.AmqpPort(gateway),
            AutomaticRecoveryEnabled = false,
            ContinuationTimeout = Patience,
        }.CreateConnectionAsync();
        connection.ConnectionShutdownAsync += (_, ended) =>
        {
            if (!_stop.IsCancellationRequested)
            {
                _faults.Enqueue($"A connection to gateway {gateway} was closed: {ended}");
            }

            return Task.CompletedTask;
        };
        _connections.Add(connection);
        return connection;
    }

    // Each gateway's consumer has its share of the queues, and exclusive ones of its own.
    private async Task ConsumeAsync(IConnection connection, int gateway)
    {
        var channel = await connection.CreateChannelAsync();
        channel.ChannelShutdownAsync += (_, ended) => Report($"A consumer's channel was closed: {ended}");
        await channel.BasicQosAsync(0, 50, global: false);
        await channel.ExchangeDeclareAsync(Topic, ExchangeType.Topic, durable: true);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.UnregisteredAsync += (_, _) => Report("A consumer was cancelled");
        foreach (var (kind, count) in new[] { ("durable", Durable), ("transient", Transient), ("exclusive", Exclusive) })
        {
            foreach (var queue in Named(kind, count).Where((_, number) => number % Gateways == gateway % Gateways))
            {
                await channel.QueueDeclareAsync(queue, durable: kind == "durable", exclusive: kind == "exclusive", autoDelete: false);
                await channel.QueueBindAsync(queue, Topic, queue);
                await channel.BasicConsumeAsync(queue, autoAck: false, consumer);
            }
        }

        // The key is the queue's name on both ways.
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            _ledger.AddDelivered(delivery.RoutingKey, Stamp.Decode(delivery.Body), delivery.Redelivered);
            await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
        };
    }

    private async Task PublishAsync(IConnection connection, int number)
    {
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true, outstandingPublisherConfirmationsRateLimiter: null));
        var publisher = new RoundPublisher(
            number, channel, number < Gateways ? "" : Topic, [.. _durable, .. Named("transient", Transient), .. Named("exclusive", Exclusive)], _ledger);
        _publishers.Add(publisher);
        _running.Add(publisher.RunAsync(_stop.Token));
    }

    /// <summary>What bind-ok of one gateway promises holds at the other: afterwards a message comes to the queue, and after unbind-ok none does.</summary>
    private async Task ToggleAsync(IConnection bound, IConnection used)
    {
        var binding = await bound.CreateChannelAsync();
        var publishing = await used.ConfirmedChannelAsync();
        await binding.QueueDeclareAsync(Toggled, durable: true, exclusive: false, autoDelete: false);
        _counting = binding;
        _running.Add(RunAsync());

        async Task RunAsync()
        {
            while (!_stop.IsCancellationRequested)
            {
                var key = string.Create(CultureInfo.InvariantCulture, $"toggled.{Toggles}");
                await binding.QueueBindAsync(Toggled, Topic, key);
                await ExpectAsync(key, isRouted: true);
                await binding.QueueUnbindAsync(Toggled, Topic, key);
                await ExpectAsync(key, isRouted: false);
                Toggles++;
            }
        }

        async Task ExpectAsync(string key, bool isRouted)
        {
            var wasRouted = true;
            try
            {
                await publishing.BasicPublishAsync(Topic, key, mandatory: true, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes(key));
                _routed++;
            }
            catch (PublishReturnException)
            {
                wasRouted = false;
            }

            if (wasRouted != isRouted)
            {
                _faults.Enqueue($"{key} was {(wasRouted ? "routed after unbind-ok" : "returned after bind-ok")}");
            }
        }
    }

    private Task Report(string fault)
    {
        if (!_stop.IsCancellationRequested)
        {
            _faults.Enqueue(fault);
        }

        return Task.CompletedTask;
    }
}
