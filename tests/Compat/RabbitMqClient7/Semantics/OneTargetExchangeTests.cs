using Granary.Testing.Brokers;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.RabbitMqClient7.Tests.Semantics;

/// <summary>Exchanges that send each message to one of their bindings: x-consistent-hash, x-modulus-hash, x-random, x-local-random.</summary>
[WatchedBroker]
public sealed class OneTargetExchangeTests(SharedBroker shared) : IClassFixture<SharedBroker>, IAsyncLifetime
{
    private const int Keys = 300;

    private readonly string _exchange = $"one.{Guid.NewGuid():N}";
    private IConnection _connection = null!;
    private IChannel _channel = null!;

    public async Task InitializeAsync()
    {
        _connection = await shared.ConnectAsync();
        _channel = await _connection.CreateChannelAsync();
    }

    public async Task DisposeAsync() => await _connection.DisposeAsync();

    [Fact]
    public async Task ConsistentHash_SharesKeysByWeight_AndKeepsEachWhereItIs()
    {
        await DeclareAsync("x-consistent-hash");
        var (light, heavy) = (await BoundAsync("10"), await BoundAsync("30"));
        for (var i = 0; i < Keys; i++)
        {
            await _channel.SendAsync(_exchange, $"key {i}", $"{i}");
            await _channel.SendAsync(_exchange, $"key {i}", $"{i}");
        }

        var (left, right) = (await _channel.DrainAsync(light), await _channel.DrainAsync(heavy));
        Assert.Equal(2 * Keys, left.Count + right.Count);
        Assert.Empty(left.Intersect(right));
        Assert.InRange(right.Count / (2.0 * Keys), 0.6, 0.9);
    }

    [Fact]
    public async Task ConsistentHash_OfAHeader_IgnoresTheKey()
    {
        await DeclareAsync("x-consistent-hash", ("hash-header", "id"));
        var (one, two) = (await BoundAsync("1"), await BoundAsync("1"));
        for (var i = 0; i < Keys; i++)
        {
            await _channel.SendAsync(_exchange, $"key {i}", $"{i % 30}", new BasicProperties { Headers = new Dictionary<string, object?> { ["id"] = $"{i % 30}" } });
        }

        var (left, right) = (await _channel.DrainAsync(one), await _channel.DrainAsync(two));
        Assert.Equal(Keys, left.Count + right.Count);
        Assert.Empty(left.Intersect(right));
        Assert.NotEmpty(left);
        Assert.NotEmpty(right);
    }

    [Fact]
    public async Task ConsistentHash_OfAProperty_IgnoresTheKey()
    {
        await DeclareAsync("x-consistent-hash", ("hash-property", "message_id"));
        var (one, two) = (await BoundAsync("1"), await BoundAsync("1"));
        for (var i = 0; i < Keys; i++)
        {
            await _channel.SendAsync(_exchange, $"key {i}", $"{i % 30}", new BasicProperties { MessageId = $"{i % 30}" });
        }

        var (left, right) = (await _channel.DrainAsync(one), await _channel.DrainAsync(two));
        Assert.Equal(Keys, left.Count + right.Count);
        Assert.Empty(left.Intersect(right));
        Assert.NotEmpty(left);
        Assert.NotEmpty(right);
    }

    [Fact]
    public async Task ModulusHash_KeepsEachKeyInOneQueue()
    {
        await DeclareAsync("x-modulus-hash");
        var (one, two) = (await BoundAsync(""), await BoundAsync(""));
        for (var i = 0; i < Keys; i++)
        {
            await _channel.SendAsync(_exchange, $"key {i % 30}", $"{i % 30}");
        }

        var (left, right) = (await _channel.DrainAsync(one), await _channel.DrainAsync(two));
        Assert.Equal(Keys, left.Count + right.Count);
        Assert.Empty(left.Intersect(right));
    }

    [Theory]
    [InlineData("x-random")]
    [InlineData("x-local-random")]
    public async Task Random_SendsEachMessageToOneOfTheQueues(string type)
    {
        if (shared.Broker.IsRabbitMq3 && type == "x-local-random")
        {
            // From RabbitMQ 4.0 on.
            return;
        }

        await DeclareAsync(type);
        var (one, two) = (await BoundAsync(""), await BoundAsync(""));
        for (var i = 0; i < Keys; i++)
        {
            await _channel.SendAsync(_exchange, type == "x-random" ? "any" : "", $"{i}");
        }

        var (left, right) = (await _channel.DrainAsync(one), await _channel.DrainAsync(two));
        Assert.Equal(Enumerable.Range(0, Keys), left.Concat(right).Select(int.Parse).Order());
        Assert.InRange(left.Count, Keys / 4, Keys * 3 / 4);
    }

    [Theory]
    [InlineData("heavy", "PRECONDITION_FAILED - The binding key must be an integer: <<\"heavy\">>")]
    [InlineData("0", "PRECONDITION_FAILED - The binding key must be greater than 0")]
    public async Task ConsistentHash_BoundWithoutAWeight_Is406(string key, string text)
    {
        await DeclareAsync("x-consistent-hash");
        var refused = await Assert.ThrowsAsync<OperationInterruptedException>(() => BoundAsync(key));
        Assert.Equal((406, text), (refused.ShutdownReason!.ReplyCode, refused.ShutdownReason.ReplyText));
    }

    [Fact]
    public async Task ConsistentHash_OfAnotherProperty_Is406()
    {
        var refused = await Assert.ThrowsAsync<OperationInterruptedException>(() => DeclareAsync("x-consistent-hash", ("hash-property", "reply_to")));
        Assert.Equal((406, "PRECONDITION_FAILED - Unsupported property: reply_to"), (refused.ShutdownReason!.ReplyCode, refused.ShutdownReason.ReplyText));
    }

    [Fact]
    public async Task ConsistentHash_OfHeaderAndProperty_Is406()
    {
        var refused = await Assert.ThrowsAsync<OperationInterruptedException>(
            () => DeclareAsync("x-consistent-hash", ("hash-header", "id"), ("hash-property", "message_id")));
        Assert.Equal(
            (406, "PRECONDITION_FAILED - hash-header and hash-property are mutually exclusive"), (refused.ShutdownReason!.ReplyCode, refused.ShutdownReason.ReplyText));
    }

    [Fact]
    public async Task LocalRandom_BoundWithAKey_Is406()
    {
        if (shared.Broker.IsRabbitMq3)
        {
            return;
        }

        await DeclareAsync("x-local-random");
        var refused = await Assert.ThrowsAsync<OperationInterruptedException>(() => BoundAsync("k"));
        Assert.Equal((406, "PRECONDITION_FAILED - Non empty binding 'k' key not permitted"), (refused.ShutdownReason!.ReplyCode, refused.ShutdownReason.ReplyText));
    }

    private Task DeclareAsync(string type, params (string Name, string Value)[] arguments) => _channel.ExchangeDeclareAsync(
        _exchange, type, durable: false, autoDelete: true, arguments.ToDictionary(argument => argument.Name, argument => (object?)argument.Value));

    private async Task<string> BoundAsync(string key)
    {
        var queue = await _channel.OwnQueueAsync();
        await _channel.QueueBindAsync(queue, _exchange, key);
        return queue;
    }
}
