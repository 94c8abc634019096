using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.Cluster.Tests;

/// <summary>
/// A publisher at one gateway that waits for each confirm, and a consumer at another that acknowledges each message, over many durable queues, each fifth of them a stream.
/// Neither recovers: a connection that is closed fails the test.
/// </summary>
internal sealed class ClusterLoad : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly IConnection _publishing;
    private readonly IConnection _consuming;
    private readonly IChannel _publisher;
    private readonly string[] _queues;
    private readonly ConcurrentDictionary<string, List<(int Number, bool Redelivered)>> _received = new();
    private int _published;

    private ClusterLoad(IConnection publishing, IConnection consuming, IChannel publisher, string[] queues) =>
        (_publishing, _consuming, _publisher, _queues) = (publishing, consuming, publisher, queues);

    /// <summary>The longest that a confirm has taken.</summary>
    public TimeSpan LongestConfirm { get; private set; }

    public int Published => _published;

    public IReadOnlyList<string> Queues => _queues;

    public static async Task<ClusterLoad> StartAsync(int publishPort, int consumePort, int queues)
    {
        var publishing = await ConnectAsync(publishPort);
        var consuming = await ConnectAsync(consumePort);
        var publisher = await publishing.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        var names = Enumerable.Range(0, queues).Select(number => string.Create(CultureInfo.InvariantCulture, $"load.{number}")).ToArray();
        var load = new ClusterLoad(publishing, consuming, publisher, names);
        foreach (var (number, name) in names.Index())
        {
            await publisher.QueueDeclareAsync(
                name, durable: true, exclusive: false, autoDelete: false, number % 5 == 4 ? new Dictionary<string, object?> { ["x-queue-type"] = "stream" } : null);
            load._received[name] = [];
        }

        var channel = await consuming.CreateChannelAsync();
        await channel.BasicQosAsync(0, 50, global: false);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            var received = load._received[delivery.RoutingKey];
            lock (received)
            {
                received.Add((int.Parse(delivery.Body.Span, CultureInfo.InvariantCulture), delivery.Redelivered));
            }

            await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
        };
        foreach (var name in names)
        {
            await channel.BasicConsumeAsync(name, autoAck: false, consumer);
        }

        return load;
    }

    /// <summary>Publishes to the queues in turn, each message when the one before is confirmed.</summary>
    public async Task PublishForAsync(TimeSpan time)
    {
        for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < time;)
        {
            var sent = Stopwatch.GetTimestamp();
            await _publisher.BasicPublishAsync(
                "", _queues[_published % _queues.Length], mandatory: true, new BasicProperties { Persistent = true },
                Encoding.ASCII.GetBytes(_published.ToString(CultureInfo.InvariantCulture))).AsTask().WaitAsync(Patience);
            var took = Stopwatch.GetElapsedTime(sent);
            LongestConfirm = took > LongestConfirm ? took : LongestConfirm;
            _published++;
        }
    }

    /// <summary>
    /// Waits until all that was confirmed has come, and checks that each did, in its queue's order, and a second time only as redelivered.
    /// </summary>
    public async Task CheckAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        while (Missing() is { Length: > 0 } missing)
        {
            Assert.False(limit.IsCancellationRequested, $"{missing.Length} of {_published} confirmed messages have not come: {string.Join(' ', missing.Take(20))}");
            await Task.Delay(100, CancellationToken.None);
        }

        foreach (var (queue, received) in _received)
        {
            HashSet<int> seen = [];
            var last = -1;
            lock (received)
            {
                foreach (var (number, redelivered) in received)
                {
                    Assert.True(seen.Add(number) || redelivered, $"{number} came to {queue} twice, not as redelivered");
                    Assert.True(number > last || redelivered, $"{number} came to {queue} after {last}");
                    last = Math.Max(last, number);
                }
            }
        }

        Assert.True(_publishing.IsOpen, $"The publisher's connection was closed: {_publishing.CloseReason}");
        Assert.True(_consuming.IsOpen, $"The consumer's connection was closed: {_consuming.CloseReason}");
    }

    public async ValueTask DisposeAsync()
    {
        await _publishing.DisposeAsync();
        await _consuming.DisposeAsync();
    }

    private static Task<IConnection> ConnectAsync(int port) => new ConnectionFactory
    {
        HostName = "127.0.0.1",
        Port = port,
        AutomaticRecoveryEnabled = false,
        RequestedHeartbeat = TimeSpan.FromSeconds(30),
        ContinuationTimeout = Patience,
    }.CreateConnectionAsync();

    private int[] Missing()
    {
        HashSet<int> missing = [.. Enumerable.Range(0, _published)];
        foreach (var received in _received.Values)
        {
            lock (received)
            {
                missing.ExceptWith(received.Select(message => message.Number));
            }
        }

        return [.. missing.Order()];
    }
}
