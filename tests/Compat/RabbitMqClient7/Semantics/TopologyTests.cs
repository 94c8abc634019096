using Granary.Testing.Brokers;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.RabbitMqClient7.Tests.Semantics;

/// <summary>Exchanges, bindings, and how long queues and exchanges live.</summary>
[WatchedBroker]
public sealed class TopologyTests(SharedBroker shared) : IClassFixture<SharedBroker>, IAsyncLifetime
{
    private readonly string _name = $"topology.{Guid.NewGuid():N}";
    private IConnection _connection = null!;
    private IChannel _channel = null!;

    public async Task InitializeAsync()
    {
        _connection = await shared.ConnectAsync();
        _channel = await _connection.CreateChannelAsync();
    }

    public async Task DisposeAsync() => await _connection.DisposeAsync();

    [Fact]
    public async Task ExchangeBindings_InACircle_DeliverOneCopyToEachQueue()
    {
        var (a, b, c) = (_name + ".a", _name + ".b", _name + ".c");
        foreach (var exchange in new[] { a, b, c })
        {
            await _channel.ExchangeDeclareAsync(exchange, ExchangeType.Fanout, durable: false, autoDelete: false);
        }

        await _channel.ExchangeBindAsync(b, a, "");
        await _channel.ExchangeBindAsync(c, b, "");
        await _channel.ExchangeBindAsync(a, c, "");
        var queue = await _channel.OwnQueueAsync();
        await _channel.QueueBindAsync(queue, a, "");
        await _channel.QueueBindAsync(queue, c, "");
        await _channel.SendAsync(b, "", "once");
        Assert.Equal("once", await _channel.PopAsync(queue));
        Assert.Null(await _channel.PopAsync(queue));

        await _channel.ExchangeUnbindAsync(c, b, "");
        await _channel.SendAsync(b, "", "nowhere");
        Assert.Null(await _channel.PopAsync(queue));
        foreach (var exchange in new[] { a, b, c })
        {
            await _channel.ExchangeDeleteAsync(exchange);
        }
    }

    [Fact]
    public async Task AlternateExchange_GetsWhatHasNoRoute_AndItCountsAsRouted()
    {
        var alternate = _name + ".alternate";
        await _channel.ExchangeDeclareAsync(alternate, ExchangeType.Fanout, durable: false, autoDelete: true);
        await _channel.ExchangeDeclareAsync(
            _name, ExchangeType.Direct, durable: false, autoDelete: true, new Dictionary<string, object?> { ["alternate-exchange"] = alternate });
        var (routed, rest) = (await _channel.OwnQueueAsync(), await _channel.OwnQueueAsync());
        await _channel.QueueBindAsync(routed, _name, "known");
        await _channel.QueueBindAsync(rest, alternate, "");
        var returned = 0;
        _channel.BasicReturnAsync += (_, _) =>
        {
            returned++;
            return Task.CompletedTask;
        };
        await _channel.SendAsync(_name, "known", "to the queue", mandatory: true);
        await _channel.SendAsync(_name, "unknown", "to the alternate", mandatory: true);
        Assert.Equal(["to the queue"], await _channel.DrainAsync(routed));
        Assert.Equal(["to the alternate"], await _channel.DrainAsync(rest));
        Assert.Equal(0, returned);
    }

    [Theory]
    [InlineData("all", "a", 1, true)]
    [InlineData("all", "a", 2, false)]
    [InlineData("any", "a", 2, true)]
    [InlineData("any", "b", 2, false)]
    public async Task HeadersExchange_Match_ComparesNamesAndValues(string match, string text, int number, bool routed)
    {
        var queue = await _channel.OwnQueueAsync();
        await _channel.QueueBindAsync(
            queue, "amq.headers", "", new Dictionary<string, object?> { ["x-match"] = match, ["text" + _name] = "a", ["number" + _name] = 1 });
        var headers = new Dictionary<string, object?> { ["text" + _name] = text, ["number" + _name] = number };
        await _channel.SendAsync("amq.headers", "", "m", new BasicProperties { Headers = headers });
        Assert.Equal(routed ? "m" : null, await _channel.PopAsync(queue));
    }

    [Fact]
    public async Task Bind_Answered_IsSeenByPublishesOfOtherConnections()
    {
        await using var other = await shared.ConnectAsync();
        await using var publisher = await other.CreateChannelAsync();
        await _channel.ExchangeDeclareAsync(_name, ExchangeType.Topic, durable: false, autoDelete: false);
        var queue = await _channel.OwnQueueAsync();
        var inbox = await Inbox.ConsumeAsync(_channel, queue, autoAck: true);
        for (var i = 0; i < 100; i++)
        {
            await publisher.SendAsync(_name, $"key.{i}", "too early");

            // It must have been read, or it is not too early.
            await publisher.ExchangeDeclarePassiveAsync(_name);
            await _channel.QueueBindAsync(queue, _name, $"key.{i}");
            await publisher.SendAsync(_name, $"key.{i}", $"{i}");
            Assert.Equal($"{i}", (await inbox.TakeAsync()).Body);
        }

        await _channel.ExchangeDeleteAsync(_name);
    }

    [Fact]
    public async Task Unbind_Answered_IsSeenByPublishesOfOtherConnections()
    {
        await using var other = await shared.ConnectAsync();
        await using var publisher = await other.CreateChannelAsync();
        var queue = await _channel.OwnQueueAsync();
        for (var i = 0; i < 50; i++)
        {
            // A key of its own each time: the publish may be routed after the next bind.
            var key = $"{_name}.{i}";
            await _channel.QueueBindAsync(queue, "amq.direct", key);
            await _channel.QueueUnbindAsync(queue, "amq.direct", key);
            await publisher.SendAsync("amq.direct", key, "too late");
        }

        await publisher.SendAsync("", queue, "end");
        var inbox = await Inbox.ConsumeAsync(_channel, queue, autoAck: true);
        Assert.Equal("end", (await inbox.TakeAsync()).Body);
    }

    [Fact]
    public async Task ExclusiveQueue_ConnectionCloses_IsGone()
    {
        var owner = await shared.ConnectAsync();
        var declaring = await owner.CreateChannelAsync();
        await declaring.QueueDeclareAsync(_name, durable: false, exclusive: true, autoDelete: false);
        await owner.CloseAsync();
        await owner.DisposeAsync();
        await NotFoundAsync(channel => channel.QueueDeclarePassiveAsync(_name));
    }

    [Fact]
    public async Task AutoDeleteQueue_LastConsumerLeaves_IsGone()
    {
        await using var other = await _connection.CreateChannelAsync();
        await _channel.QueueDeclareAsync(_name, durable: false, exclusive: false, autoDelete: true);
        Assert.Null(await _channel.PopAsync(_name));
        var (first, second) = (await Inbox.ConsumeAsync(_channel, _name), await Inbox.ConsumeAsync(other, _name));
        await _channel.BasicCancelAsync(first.Tag);
        await _channel.QueueDeclarePassiveAsync(_name);
        await other.BasicCancelAsync(second.Tag);
        await NotFoundAsync(channel => channel.QueueDeclarePassiveAsync(_name));
    }

    [Fact]
    public async Task AutoDeleteExchange_LastBindingGone_IsGone()
    {
        await _channel.ExchangeDeclareAsync(_name, ExchangeType.Direct, durable: false, autoDelete: true);
        var queue = await _channel.OwnQueueAsync();
        await _channel.ExchangeDeclarePassiveAsync(_name);
        await _channel.QueueBindAsync(queue, _name, "a");
        await _channel.QueueBindAsync(queue, _name, "b");
        await _channel.QueueUnbindAsync(queue, _name, "a");
        await _channel.ExchangeDeclarePassiveAsync(_name);
        await _channel.QueueDeleteAsync(queue);
        await NotFoundAsync(channel => channel.ExchangeDeclarePassiveAsync(_name));
    }

    [Fact]
    public async Task ServerNamedQueue_EmptyNameLater_MeansTheLastDeclared()
    {
        var queue = await _channel.OwnQueueAsync();
        Assert.StartsWith("amq.gen-", queue, StringComparison.Ordinal);
        await _channel.QueueBindAsync("", "amq.direct", _name);
        await _channel.SendAsync("amq.direct", _name, "found");
        Assert.Equal("found", await _channel.PopAsync(""));
    }

    [Fact]
    public async Task Purge_RemovesReadyOnly_AndTellsHowMany()
    {
        var queue = await _channel.OwnQueueAsync();
        await _channel.SendAllAsync(queue, "held", "1", "2");
        var held = await _channel.BasicGetAsync(queue, autoAck: false);
        Assert.Equal(2u, await _channel.QueuePurgeAsync(queue));
        await _channel.BasicNackAsync(held!.DeliveryTag, multiple: false, requeue: true);
        Assert.Equal("held", await _channel.PopAsync(queue));
    }

    [Fact]
    public async Task DeadLetter_OfRejectedMessage_CarriesItsHistory()
    {
        var dead = await _channel.OwnQueueAsync();
        var queue = await _channel.OwnQueueAsync(
            new Dictionary<string, object?> { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = dead });
        await _channel.SendAllAsync(queue, "unwanted");
        var inbox = await Inbox.ConsumeAsync(_channel, dead, autoAck: true);
        var got = await _channel.BasicGetAsync(queue, autoAck: false);
        await _channel.BasicRejectAsync(got!.DeliveryTag, requeue: false);
        var letter = await inbox.TakeAsync();
        Assert.Equal(("unwanted", dead), (letter.Body, letter.RoutingKey));
        var deaths = Assert.IsType<List<object?>>(letter.Headers!["x-death"], exactMatch: false);
        var death = Assert.IsType<Dictionary<string, object?>>(Assert.Single(deaths), exactMatch: false);
        Assert.Equal(1L, death["count"]);
        Assert.Equal("rejected"u8.ToArray(), death["reason"]);
    }

    [Fact]
    public async Task MessageTtl_Expired_IsDeadLettered()
    {
        var dead = await _channel.OwnQueueAsync();
        var queue = await _channel.OwnQueueAsync(
            new Dictionary<string, object?> { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = dead, ["x-message-ttl"] = 50 });
        var inbox = await Inbox.ConsumeAsync(_channel, dead, autoAck: true);
        await _channel.SendAllAsync(queue, "stale");
        Assert.Equal("stale", (await inbox.TakeAsync()).Body);
        Assert.Null(await _channel.PopAsync(queue));
    }

    [Fact]
    public async Task PriorityQueue_HigherPriority_ComesFirst()
    {
        var queue = await _channel.OwnQueueAsync(new Dictionary<string, object?> { ["x-max-priority"] = 5 });
        foreach (var (body, priority) in new (string, byte)[] { ("low", 1), ("high", 5), ("above", 9), ("none", 0) })
        {
            await _channel.SendAsync("", queue, body, new BasicProperties { Priority = priority });
        }

        var inbox = await Inbox.ConsumeAsync(_channel, queue, autoAck: true);
        Assert.Equal(["high", "above", "low", "none"], await inbox.BodiesAsync(4));
    }

    private async Task NotFoundAsync(Func<IChannel, Task> request)
    {
        await using var channel = await _connection.CreateChannelAsync();
        var refused = await Assert.ThrowsAsync<OperationInterruptedException>(() => request(channel));
        Assert.Equal(404, refused.ShutdownReason!.ReplyCode);
    }
}
