using Granary.Testing.Brokers;
using RabbitMQ.Client;
using static Granary.RabbitMqClient7.Tests.ChannelShorthand;

namespace Granary.RabbitMqClient7.Tests.Semantics;

/// <summary>Messages leave when their time is up, wherever they stand, although nobody consumes.</summary>
[WatchedBroker]
public sealed class ExpiryTests(SharedBroker shared) : IClassFixture<SharedBroker>, IAsyncLifetime
{
    private readonly string _queue = $"expiry.{Guid.NewGuid():N}";
    private IConnection _connection = null!;
    private IChannel _channel = null!;

    public static TheoryData<string, object?> Queues => new()
    {
        { "x-queue-type", "classic" },
        { "x-queue-type", "quorum" },
        { "x-max-priority", 4 },
        { "x-single-active-consumer", true },
        { "x-message-group", "key" },
        { "x-message-deduplication", true },
    };

    public async Task InitializeAsync()
    {
        _connection = await shared.ConnectAsync();
        _channel = await _connection.ConfirmedChannelAsync();
    }

    public async Task DisposeAsync()
    {
        await _channel.QueueDeleteAsync(_queue);
        await _connection.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Queues))]
    public async Task MessageBehindOneThatStays_IsDeadLetteredAtItsTime_AndCountsNoMore(string argument, object? value)
    {
        var dead = await _channel.OwnQueueAsync();
        await _channel.QueueDeclareAsync(_queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?>
        {
            [argument] = value,
            ["x-dead-letter-exchange"] = "",
            ["x-dead-letter-routing-key"] = dead,
        });
        var letters = await Inbox.ConsumeAsync(_channel, dead, autoAck: true);
        await _channel.SendAsync("", _queue, "stays", Properties(null));
        await _channel.SendAsync("", _queue, "goes", Properties("50"));
        await _channel.SendAsync("", _queue, "stays, too", Properties("60000"));

        var letter = await letters.TakeAsync();
        var death = (IDictionary<string, object?>)((List<object?>)letter.Headers!["x-death"]!)[0]!;
        Assert.Equal(("goes", "expired", _queue), (letter.Body, Text(death["reason"]), Text(death["queue"])));
        Assert.Equal(2u, await _channel.MessageCountAsync(_queue));
        Assert.Equal(["stays", "stays, too"], await _channel.DrainAsync(_queue));
    }

    [Fact]
    public async Task MessageGivenBackBehindOneThatStays_IsDeadLettered()
    {
        var dead = await _channel.OwnQueueAsync();
        await _channel.QueueDeclareAsync(_queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?>
        {
            ["x-dead-letter-exchange"] = "",
            ["x-dead-letter-routing-key"] = dead,
        });
        var letters = await Inbox.ConsumeAsync(_channel, dead, autoAck: true);

        // The first two are out as soon as they come.
        await _channel.BasicQosAsync(0, prefetchCount: 2, global: false);
        var holder = await Inbox.ConsumeAsync(_channel, _queue);
        await _channel.SendAsync("", _queue, "stays", Properties(null));
        await _channel.SendAsync("", _queue, "goes", Properties("2000"));
        await _channel.SendAsync("", _queue, "marker", Properties("2010"));
        var held = await holder.TakeAsync(2);
        Assert.Equal(["stays", "goes"], held.Select(delivery => delivery.Body));
        Assert.Equal("marker", (await letters.TakeAsync()).Body);

        // What is out does not expire, and what comes back does.
        await _channel.BasicCancelAsync(holder.Tag);
        await _channel.BasicNackAsync(held[1].Tag, multiple: true, requeue: true);
        Assert.Equal("goes", (await letters.TakeAsync()).Body);
        Assert.Equal(["stays"], await _channel.DrainAsync(_queue));
    }

    private static BasicProperties Properties(string? expiration)
    {
        var properties = new BasicProperties { DeliveryMode = DeliveryModes.Persistent, Headers = new Dictionary<string, object?> { ["key"] = "a" } };
        if (expiration is not null)
        {
            properties.Expiration = expiration;
        }

        return properties;
    }
}
