using System.Diagnostics;
using System.Text;
using Granary.Testing.Brokers;
using RabbitMQ.Client;

namespace Granary.RabbitMqClient7.Tests.Semantics;

/// <summary>Exchanges of the type x-delayed-message, as RabbitMQ's plugin has them.</summary>
[WatchedBroker]
public sealed class DelayedExchangeTests(SharedBroker shared) : IClassFixture<SharedBroker>, IAsyncLifetime
{
    private readonly string _exchange = $"delayed.{Guid.NewGuid():N}";
    private IConnection _connection = null!;
    private IChannel _channel = null!;

    public async Task InitializeAsync()
    {
        _connection = await shared.ConnectAsync();
        _channel = await _connection.ConfirmedChannelAsync();
    }

    public async Task DisposeAsync()
    {
        await _channel.ExchangeDeleteAsync(_exchange);
        await _connection.DisposeAsync();
    }

    [Fact]
    public async Task Messages_ComeInTheOrderOfTheirTimes_AndSayTheirDelayNegated()
    {
        var inbox = await ConsumeAsync("direct", "k");

        // All times begin with the commit, however long it takes to publish.
        await using var tx = await _connection.CreateChannelAsync();
        await tx.TxSelectAsync();
        await tx.SendAsync(_exchange, "k", "later", Delayed(1500));
        await tx.SendAsync(_exchange, "k", "soon", Delayed(1000));
        await tx.SendAsync(_exchange, "k", "now", Delayed(null));
        await tx.SendAsync(_exchange, "k", "never delayed", Delayed(-5));
        var watch = Stopwatch.StartNew();
        await tx.TxCommitAsync();
        Assert.Equal(["now", "never delayed"], await inbox.BodiesAsync(2));
        var soon = await inbox.TakeAsync();
        Assert.True(watch.ElapsedMilliseconds >= 1000, "it came too early");
        Assert.Equal(("soon", -1000L, _exchange, "k", false), (soon.Body, soon.Headers!["x-delay"], soon.Exchange, soon.RoutingKey, soon.Redelivered));
        Assert.Equal("later", (await inbox.TakeAsync()).Body);
        Assert.True(watch.ElapsedMilliseconds >= 1500, "it came too early");
    }

    [Fact]
    public async Task Delays_MayBeOfAnyNumericType_OrText()
    {
        var inbox = await ConsumeAsync("fanout", "");
        foreach (object delay in new object[] { (byte)41, (short)42, 43L, 44.9, 45.9f, "46" })
        {
            await SendAsync($"{delay.GetType().Name}", delay);
        }

        var all = await inbox.TakeAsync(6);
        Assert.Equal([-41L, -42L, -43L, -44L, -45L, -46L], all.Select(one => (long)one.Headers!["x-delay"]!).OrderDescending());
        await SendAsync("no number", "soon");
        Assert.Equal("soon", (await inbox.TakeAsync()).Headers!["x-delay"] is byte[] text ? Encoding.UTF8.GetString(text) : null);
    }

    [Fact]
    public async Task Message_ThatIsDelayed_IsNeverReturned_AndOneThatIsNotIs()
    {
        await DeclareAsync("direct");
        var returned = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        _channel.BasicReturnAsync += (_, e) =>
        {
            returned.TrySetResult(Encoding.UTF8.GetString(e.Body.Span));
            return Task.CompletedTask;
        };
        await SendAsync("delayed", 20, mandatory: true);
        await Assert.ThrowsAsync<RabbitMQ.Client.Exceptions.PublishReturnException>(() => SendAsync("at once", null, mandatory: true));
        Assert.Equal("at once", await returned.Task.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public async Task Rules_OfTheTypeThatIsNamed_SayWhereAMessageGoes_AndCcCounts()
    {
        await DeclareAsync("topic");
        var (stars, other) = (await _channel.OwnQueueAsync(), await _channel.OwnQueueAsync());
        await _channel.QueueBindAsync(stars, _exchange, "a.*");
        await _channel.QueueBindAsync(other, _exchange, "b.#");
        var inbox = await Inbox.ConsumeAsync(_channel, stars, autoAck: true);
        await SendAsync("by key", 10, key: "a.b");
        Assert.Equal("by key", (await inbox.TakeAsync()).Body);
        await SendAsync("by copy", 10, key: "none", ("CC", new List<object> { "a.c", "b" }));
        Assert.Equal("by copy", (await inbox.TakeAsync()).Body);
        Assert.Equal(["by copy"], await _channel.DrainAsync(other));
    }

    [Fact]
    public async Task TimeToLive_BeginsWhenTheMessageIsInItsQueue()
    {
        await DeclareAsync("fanout");
        var dead = await _channel.OwnQueueAsync();
        var queue = await _channel.OwnQueueAsync(new Dictionary<string, object?> { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = dead });
        await _channel.QueueBindAsync(queue, _exchange, "");
        var inbox = await Inbox.ConsumeAsync(_channel, dead, autoAck: true);
        var watch = Stopwatch.StartNew();
        var properties = new BasicProperties { Expiration = "150", Headers = new Dictionary<string, object?> { ["x-delay"] = 150 } };
        await _channel.SendAsync(_exchange, "", "short-lived", properties);
        var expired = await inbox.TakeAsync();
        Assert.Equal("short-lived", expired.Body);
        Assert.True(watch.ElapsedMilliseconds >= 300, "its time began before it was due");
    }

    [Fact]
    public async Task Exchange_ThatIsBoundToAnother_DelaysWhatComesFromThere()
    {
        var inbox = await ConsumeAsync("fanout", "");
        var source = $"{_exchange}.source";
        await _channel.ExchangeDeclareAsync(source, "fanout", autoDelete: true);
        await _channel.ExchangeBindAsync(_exchange, source, "");
        var headers = new BasicProperties { Headers = new Dictionary<string, object?> { ["x-delay"] = 50 } };
        await _channel.SendAsync(source, "key", "through two", headers);
        var came = await inbox.TakeAsync();
        Assert.Equal(("through two", source, "key", -50L), (came.Body, came.Exchange, came.RoutingKey, came.Headers!["x-delay"]));
        await _channel.ExchangeDeleteAsync(source);
    }

    /// <summary>Also where the exchange has never delayed anything, and with a queue beside it that takes part in the transaction.</summary>
    [Fact]
    public async Task Transaction_DelaysWhatItPublishes_TogetherWithTheRest()
    {
        var delayed = await ConsumeAsync("direct", "k");
        var (from, to) = (await _channel.OwnQueueAsync(), await _channel.OwnQueueAsync());
        var atOnce = await Inbox.ConsumeAsync(_channel, to, autoAck: true);
        await _channel.SendAsync("", from, "work");
        await using var tx = await _connection.CreateChannelAsync();
        await tx.TxSelectAsync();
        var work = (await tx.BasicGetAsync(from, autoAck: false))!;

        // Nothing of this one comes: it would come first.
        await PublishAllAsync(tx, "rolled back", 1);
        await tx.BasicAckAsync(work.DeliveryTag, multiple: false);
        await tx.TxRollbackAsync();

        await PublishAllAsync(tx, "committed", 250);
        await tx.BasicAckAsync(work.DeliveryTag, multiple: false);
        await Task.Yield();
        Assert.Equal((0, 0), (delayed.Waiting, atOnce.Waiting));
        var watch = Stopwatch.StartNew();
        await tx.TxCommitAsync();

        Assert.Equal("committed", (await atOnce.TakeAsync()).Body);
        var late = await delayed.TakeAsync();
        Assert.True(watch.ElapsedMilliseconds >= 250, "it came too early");
        Assert.Equal(("committed", -250L), (late.Body, late.Headers!["x-delay"]));
        Assert.Empty(await _channel.DrainAsync(from));
        Assert.Equal((0, 0), (delayed.Waiting, atOnce.Waiting));

        async Task PublishAllAsync(IChannel channel, string body, int delay)
        {
            await channel.SendAsync(_exchange, "k", body, new BasicProperties { Headers = new Dictionary<string, object?> { ["x-delay"] = delay } });
            await channel.SendAsync("", to, body);
        }
    }

    private async Task DeclareAsync(string type) => await _channel.ExchangeDeclareAsync(
        _exchange, "x-delayed-message", durable: true, autoDelete: false, new Dictionary<string, object?> { ["x-delayed-type"] = type });

    private async Task<Inbox> ConsumeAsync(string type, string key)
    {
        await DeclareAsync(type);
        var queue = await _channel.OwnQueueAsync();
        await _channel.QueueBindAsync(queue, _exchange, key);
        return await Inbox.ConsumeAsync(_channel, queue, autoAck: true);
    }

    private async Task SendAsync(string body, object? delay, bool mandatory = false) => await SendAsync(body, delay, "k", mandatory);

    private Task SendAsync(string body, object? delay, string key, params (string Name, object? Value)[] more) => SendAsync(body, delay, key, mandatory: false, more);

    private async Task SendAsync(string body, object? delay, string key, bool mandatory, params (string Name, object? Value)[] more) =>
        await _channel.SendAsync(_exchange, key, body, Delayed(delay, more), mandatory);

    private static BasicProperties Delayed(object? delay, params (string Name, object? Value)[] more)
    {
        var headers = more.ToDictionary(one => one.Name, one => one.Value);
        if (delay is not null)
        {
            headers["x-delay"] = delay;
        }

        return new BasicProperties { Headers = headers, DeliveryMode = DeliveryModes.Persistent };
    }
}
