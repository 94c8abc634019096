using System.Text;
using Granary.Testing.Brokers;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.RabbitMqClient7.Tests.Semantics;

/// <summary>Exchanges of the type x-recent-history, as RabbitMQ's plugin has them.</summary>
[WatchedBroker]
public sealed class RecentHistoryTests(SharedBroker shared) : IClassFixture<SharedBroker>, IAsyncLifetime
{
    private readonly string _exchange = $"history.{Guid.NewGuid():N}";
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

    [Theory]
    [InlineData(null, 20)]
    [InlineData(3, 3)]
    public async Task Queue_ThatIsBound_HasTheLastMessages_BeforeThoseThatFollow(int? length, int expected)
    {
        await DeclareAsync(length);
        var early = await BindAsync("k");
        string[] bodies = [.. Enumerable.Range(0, 25).Select(i => $"{i}")];
        foreach (var body in bodies)
        {
            await _channel.SendAsync(_exchange, $"key {body}", body);
        }

        var late = await BindAsync("anything");
        await _channel.SendAsync(_exchange, "x", "new");
        Assert.Equal([.. bodies, "new"], await _channel.DrainAsync(early));
        var first = (await _channel.BasicGetAsync(late, autoAck: true))!;
        Assert.Equal((bodies[^expected], _exchange, $"key {bodies[^expected]}", false), (Encoding.UTF8.GetString(first.Body.Span), first.Exchange, first.RoutingKey, first.Redelivered));
        Assert.Equal([.. bodies[^(expected - 1)..], "new"], await _channel.DrainAsync(late));

        // A binding that is there brings nothing, and neither does another message take anything out.
        await _channel.QueueBindAsync(late, _exchange, "anything");
        Assert.Empty(await _channel.DrainAsync(late));
    }

    [Fact]
    public async Task Message_ThatIsNotToBeStored_GoesToThoseThatAreBoundAlone()
    {
        await DeclareAsync(null);
        var early = await BindAsync("");
        await _channel.SendAsync(_exchange, "", "kept", new BasicProperties { Headers = new Dictionary<string, object?> { ["x-recent-history-no-store"] = false } });
        await _channel.SendAsync(_exchange, "", "not kept", new BasicProperties { Headers = new Dictionary<string, object?> { ["x-recent-history-no-store"] = true } });
        Assert.Equal(["kept", "not kept"], await _channel.DrainAsync(early));
        Assert.Equal(["kept"], await _channel.DrainAsync(await BindAsync("")));
    }

    [Fact]
    public async Task Exchange_ThatIsBound_RoutesWhatWasPublishedByItsOwnRules()
    {
        await DeclareAsync(null);
        await _channel.SendAsync(_exchange, "a", "for a");
        await _channel.SendAsync(_exchange, "b", "for b");
        var target = $"{_exchange}.target";
        await _channel.ExchangeDeclareAsync(target, "direct", autoDelete: true);
        var queue = await _channel.OwnQueueAsync();
        await _channel.QueueBindAsync(queue, target, "b");
        await _channel.ExchangeBindAsync(target, _exchange, "");
        Assert.Equal(["for b"], await _channel.DrainAsync(queue));
        await _channel.ExchangeDeleteAsync(target);
    }

    [Fact]
    public async Task Exchange_ThatIsDeclaredAgain_HasNoHistory()
    {
        await DeclareAsync(null);
        await _channel.SendAsync(_exchange, "", "old");
        await _channel.ExchangeDeleteAsync(_exchange);
        await DeclareAsync(null);
        Assert.Empty(await _channel.DrainAsync(await BindAsync("")));
    }

    [Fact]
    public async Task TimeToLive_BeginsInTheQueueThatIsBound()
    {
        await DeclareAsync(null);
        await _channel.SendAsync(_exchange, "", "short-lived", new BasicProperties { Expiration = "1" });
        await _channel.SendAsync(_exchange, "", "lives", new BasicProperties { Expiration = "60000" });
        var dead = await _channel.OwnQueueAsync();
        var queue = await _channel.OwnQueueAsync(new Dictionary<string, object?> { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = dead });
        var inbox = await Inbox.ConsumeAsync(_channel, dead, autoAck: true);
        await _channel.QueueBindAsync(queue, _exchange, "");
        Assert.Equal("short-lived", (await inbox.TakeAsync()).Body);
        Assert.Equal(["lives"], await _channel.DrainAsync(queue));
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData("many", "<<\"many\">>")]
    public async Task Length_ThatIsNoPositiveInteger_IsRefused(object length, string term)
    {
        await using var channel = await _connection.CreateChannelAsync();
        var error = await Assert.ThrowsAsync<OperationInterruptedException>(() => channel.ExchangeDeclareAsync(
            _exchange, "x-recent-history", arguments: new Dictionary<string, object?> { ["x-recent-history-length"] = length }));
        Assert.Equal(
            (406, $"PRECONDITION_FAILED - Invalid argument {term}, 'x-recent-history-length' must be a positive integer"),
            ((int)error.ShutdownReason!.ReplyCode, error.ShutdownReason.ReplyText));
    }

    private async Task DeclareAsync(int? length) => await _channel.ExchangeDeclareAsync(
        _exchange, "x-recent-history", durable: true, arguments: length is null ? null : new Dictionary<string, object?> { ["x-recent-history-length"] = length });

    private async Task<string> BindAsync(string key)
    {
        var queue = await _channel.OwnQueueAsync();
        await _channel.QueueBindAsync(queue, _exchange, key);
        return queue;
    }
}
