using System.Collections.Concurrent;
using System.Globalization;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;
using ExchangeType = RabbitMQ.Client.ExchangeType;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>
/// Publishers with confirms and consumers with acknowledgements at two gateways, over durable, transient and exclusive queues, half of the publishers through a topic exchange, and somebody who
/// binds and unbinds all the while. What is consumed at once is confirmed without a store: some durable queues have no consumer until the end. A connection that is closed is a fault, unless its gateway has gone.
/// </summary>
internal sealed class ChaosLoad : IAsyncDisposable
{
    private const int Gateways = 2, Durable = 24, Parked = 6, Transient = 10, Exclusive = 10;
    private const string Topic = "chaos.topic";
    private const ushort IsLocked = 405, ConnectionForced = 320;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60), PatienceForAll = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(100);

    private readonly Ledger _ledger = new();
    private readonly LocalCluster _cluster;
    private readonly List<ChaosClient> _clients = [];
    private readonly List<RoundPublisher> _publishers = [];
    private readonly List<Task> _running = [];
    private readonly ConcurrentQueue<string> _faults = new();
    private readonly ConcurrentQueue<Closing> _closings = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly string[] _parked = Named("parked", Parked);
    private readonly string[] _durable = [.. Named("durable", Durable), .. Named("parked", Parked)];
    private readonly HashSet<string> _exclusive = [.. Named("exclusive", Exclusive)];
    private Toggling? _toggling;
    private volatile bool _mayLoseGateways;

    private ChaosLoad(LocalCluster cluster) => _cluster = cluster;

    public int Confirmed => _ledger.Confirmed;

    public int Delivered => _ledger.Delivered;

    /// <summary>How often a binding was made, used, removed and seen to be gone.</summary>
    public int Toggles => _toggling!.Count;

    public static async Task<ChaosLoad> StartAsync(LocalCluster cluster)
    {
        var load = new ChaosLoad(cluster);
        for (var gateway = 1; gateway <= Gateways; gateway++)
        {
            var own = gateway;
            await load.ConnectAsync(gateway, connection => load.ConsumeAsync(connection, own));
        }

        string[] queues = [.. load._durable, .. Named("transient", Transient), .. load._exclusive];
        for (var number = 0; number < 2 * Gateways; number++)
        {
            var client = await load.ConnectAsync(1 + number % Gateways, Clients.ConfirmedChannelAsync);
            var publisher = new RoundPublisher(number, client, number < Gateways ? "" : Topic, queues, load._ledger, queue => load._mayLoseGateways && load._exclusive.Contains(queue));
            load._publishers.Add(publisher);
            load._running.Add(publisher.RunAsync(load._stop.Token));
        }

        load._toggling = new Toggling(
            Topic, await load.ConnectAsync(1, Toggling.PrepareAsync), await load.ConnectAsync(2, Clients.ConfirmedChannelAsync), fault => load._faults.Enqueue(fault));
        load._running.Add(load._toggling.RunAsync(load._stop.Token));
        await load.WholeRoundAsync();
        return load;
    }

    /// <summary>Completes when each publisher has had a confirm of every queue for something that it published after this call.</summary>
    public Task WholeRoundAsync() => Task.WhenAll(_publishers.Select(publisher => publisher.WholeRoundAsync()));

    /// <summary>The longest that a confirm has taken since the last call.</summary>
    /// <param name="gone">The gateway that goes meanwhile, if one does.</param>
    public Longest TakeLongest(string? gone) => _publishers.Aggregate(default(Longest), (longest, publisher) => longest.Or(publisher.TakeLongest(gone)));

    /// <summary>Gateways may go from now on, and exclusive queues with them.</summary>
    public void ExpectGateways() => _mayLoseGateways = true;

    /// <summary>All gateways are there. Completes when their clients are at home, and a whole round and a binding more are through.</summary>
    public async Task SettleAsync()
    {
        await Task.WhenAll(_clients.Select(client => client.ReturnHomeAsync()));
        await WholeRoundAsync();
        await _toggling!.OnceMoreAsync(_running[^1]);
    }

    /// <summary>Whoever was not at one of the gateways that went must not have been disconnected. None goes from now on.</summary>
    /// <param name="gone">Their names.</param>
    /// <param name="isTold">They told their clients.</param>
    /// <returns>How many connections were closed.</returns>
    public int JudgeClosings(IReadOnlyCollection<string> gone, bool isTold)
    {
        _mayLoseGateways = false;
        var count = 0;
        for (; _closings.TryDequeue(out var closing); count++)
        {
            if (!gone.Contains($"gateway-{closing.Gateway}") || (isTold && closing.Reason.ReplyCode != ConnectionForced))
            {
                _faults.Enqueue($"A connection to gateway {closing.Gateway} was closed: {closing.Reason}");
            }
        }

        return count;
    }

    /// <summary>Faults found since the last time, to be told beside what happened.</summary>
    public string[] FaultsSince(int known) => [.. _faults.Skip(known)];

    /// <summary>Ends the publishers, waits until all that was confirmed to durable queues has come, and checks everything.</summary>
    public async Task CheckAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
        await using var last = await _cluster.ConnectAsync(1);
        await using var channel = await last.CreateChannelAsync();
        var consumer = await NewConsumerAsync(channel);
        foreach (var queue in _parked)
        {
            await channel.BasicConsumeAsync(queue, autoAck: false, consumer);
        }

        using var limit = new CancellationTokenSource(PatienceForAll);
        while (_ledger.MissingOf(_durable) is { Length: > 0 } missing)
        {
            Assert.False(limit.IsCancellationRequested, $"{missing.Length} of {Confirmed} confirmed messages have not come: {string.Join(", ", missing.Take(20))}");
            await Task.Delay(Again, CancellationToken.None);
        }

        Assert.Empty(_ledger.Faults());
        await _toggling!.CheckAsync();
        Assert.Empty(_closings);
        Assert.Empty(_faults);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }

        _stop.Dispose();
    }

    private static string[] Named(string kind, int count) => [.. Enumerable.Range(0, count).Select(number => string.Create(CultureInfo.InvariantCulture, $"chaos.{kind}.{number}"))];

    private async Task<ChaosClient> ConnectAsync(int gateway, Func<IConnection, Task<IChannel>> setUp)
    {
        var client = new ChaosClient(_cluster, gateway, Gateways, setUp, _closings.Enqueue);
        _clients.Add(client);
        await client.StartAsync();
        return client;
    }

    // Each gateway's consumer has its share of the queues, and exclusive ones of its own, wherever it is connected.
    private async Task<IChannel> ConsumeAsync(IConnection connection, int share)
    {
        var channel = await connection.CreateChannelAsync();
        channel.ChannelShutdownAsync += (_, ended) => Report(connection, $"A consumer's channel was closed: {ended}");
        await channel.ExchangeDeclareAsync(Topic, ExchangeType.Topic, durable: true);
        foreach (var queue in _parked)
        {
            await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
            await channel.QueueBindAsync(queue, Topic, queue);
        }

        var consumer = await NewConsumerAsync(channel);
        consumer.UnregisteredAsync += (_, _) => Report(connection, "A consumer was cancelled");
        foreach (var (kind, count) in new[] { ("durable", Durable), ("transient", Transient), ("exclusive", Exclusive) })
        {
            foreach (var queue in Named(kind, count).Where((_, number) => number % Gateways == share % Gateways))
            {
                if (kind == "exclusive")
                {
                    await OwnAsync(connection, queue);
                }
                else
                {
                    await channel.QueueDeclareAsync(queue, durable: kind == "durable", exclusive: false, autoDelete: false);
                }

                await channel.QueueBindAsync(queue, Topic, queue);
                await channel.BasicConsumeAsync(queue, autoAck: false, consumer);
            }
        }

        return channel;
    }

    private async Task<AsyncEventingBasicConsumer> NewConsumerAsync(IChannel channel)
    {
        await channel.BasicQosAsync(0, 50, global: false);
        var consumer = new AsyncEventingBasicConsumer(channel);

        // The key is the queue's name on both ways.
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            if (!channel.IsOpen)
            {
                // It comes again.
                return;
            }

            _ledger.AddDelivered(delivery.RoutingKey, Stamp.Decode(delivery.Body), delivery.Redelivered);
            try
            {
                await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
            }
            catch (AlreadyClosedException)
            {
                // It comes again.
            }
        };
        return consumer;
    }

    // The last connection's may be there until it is known that its gateway is gone.
    private static async Task OwnAsync(IConnection connection, string queue)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            await using var channel = await connection.CreateChannelAsync(cancellationToken: limit.Token);
            try
            {
                await channel.QueueDeclareAsync(queue, durable: false, exclusive: true, autoDelete: false, cancellationToken: limit.Token);
                return;
            }
            catch (OperationInterruptedException refused) when (refused.ShutdownReason?.ReplyCode == IsLocked)
            {
                await Task.Delay(Again, limit.Token);
            }
        }
    }

    private Task Report(IConnection connection, string fault)
    {
        if (connection.IsOpen && !_stop.IsCancellationRequested)
        {
            _faults.Enqueue(fault);
        }

        return Task.CompletedTask;
    }
}
