using System.Diagnostics;
using Granary.Testing.Brokers;
using RabbitMQ.Client;
using static Granary.RabbitMqClient7.Tests.ChannelShorthand;

namespace Granary.RabbitMqClient7.Tests.Semantics;

/// <summary>Quorum queues whose messages wait before they are delivered again (x-delayed-retry-type), from RabbitMQ 4.3 on.</summary>
[WatchedBroker]
public sealed class DelayedRetryTests(SharedBroker shared) : IClassFixture<SharedBroker>, IAsyncLifetime
{
    private const int Least = 60;
    private const int Most = 150;

    private readonly string _queue = $"retry.{Guid.NewGuid():N}";
    private IConnection _connection = null!;
    private IChannel _channel = null!;

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

    /// <summary>A consumer that always fails: longer and longer waits, then the dead letter, which is sent back once, and dies once more.</summary>
    [Fact]
    public async Task RetryLoop_BacksOff_AndEndsAsADeadLetter_ThatSaysHowOften()
    {
        var dead = await _channel.OwnQueueAsync(new Dictionary<string, object?> { ["x-dead-letter-exchange"] = "", ["x-dead-letter-routing-key"] = _queue });
        await DeclareAsync(("x-delayed-retry-type", "all"), ("x-delivery-limit", 3), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", dead));
        var inbox = await Inbox.ConsumeAsync(_channel, _queue);
        var letters = await Inbox.ConsumeAsync(_channel, dead);
        await _channel.SendAsync("", _queue, "fails", new BasicProperties { DeliveryMode = DeliveryModes.Persistent });
        for (var round = 1L; round <= 2; round++)
        {
            var watch = Stopwatch.StartNew();
            for (var attempt = 0; attempt <= 3; attempt++)
            {
                var delivery = await inbox.TakeAsync();
                Assert.Equal(("fails", attempt > 0, attempt == 0 ? null : (object)(long)attempt), (delivery.Body, delivery.Redelivered, CountOf(delivery)));
                Assert.True(watch.ElapsedMilliseconds >= (attempt == 0 ? 0 : Math.Min(Least * attempt, Most)), "it came too early");
                watch.Restart();
                await _channel.BasicRejectAsync(delivery.Tag, requeue: true);
            }

            var letter = await letters.TakeAsync();
            (object?, string, string)[] deaths = [.. ((List<object?>)letter.Headers!["x-death"]!).Cast<IDictionary<string, object?>>().Select(death => (death["count"], Text(death["reason"]), Text(death["queue"])))];
            Assert.Equal(round == 1 ? [(1L, "delivery_limit", _queue)] : [(2L, "delivery_limit", _queue), (1L, "rejected", dead)], deaths);
            Assert.Equal(("delivery_limit", _queue), (Text(letter.Headers["x-first-death-reason"]), Text(letter.Headers["x-first-death-queue"])));

            // Back to where it came from.
            await _channel.BasicRejectAsync(letter.Tag, requeue: false);
        }
    }

    /// <summary>
    /// In a transaction both come back at once, the one that was rejected first. Outside of one, the one that does not wait is sent first: the other one's wait may be over when the
    /// next method comes.
    /// </summary>
    [Theory]
    [InlineData("failed", false)]
    [InlineData("failed", true)]
    [InlineData("returned", false)]
    [InlineData("returned", true)]
    public async Task Type_TellsRejectedFromGivenBack(string type, bool inTransaction)
    {
        await DeclareAsync(("x-delayed-retry-type", type));
        await using var channel = await _connection.CreateChannelAsync();
        if (inTransaction)
        {
            await channel.TxSelectAsync();
        }

        var inbox = await Inbox.ConsumeAsync(channel, _queue);
        await _channel.SendAsync("", _queue, "rejected");
        await _channel.SendAsync("", _queue, "given back");
        var (rejected, back) = (await inbox.TakeAsync(), await inbox.TakeAsync());
        var watch = Stopwatch.StartNew();
        if (type == "failed" && !inTransaction)
        {
            await GiveBackAsync();
            await RejectAsync();
        }
        else
        {
            await RejectAsync();
            await GiveBackAsync();
        }

        if (inTransaction)
        {
            watch.Restart();
            await channel.TxCommitAsync();
        }

        var (first, second) = (await inbox.TakeAsync(), await inbox.TakeAsync());
        Assert.True(watch.ElapsedMilliseconds >= Least, "it came too early");
        Assert.Equal(type == "failed" ? ("given back", "rejected") : ("rejected", "given back"), (first.Body, second.Body));

        ValueTask RejectAsync() => channel.BasicRejectAsync(rejected.Tag, requeue: true);

        ValueTask GiveBackAsync() => channel.BasicNackAsync(back.Tag, multiple: false, requeue: true);
    }

    [Fact]
    public async Task Purge_CountsThoseThatWait_AndADeclarationDoesNot()
    {
        await DeclareAsync(("x-delayed-retry-type", "all"), ("x-delayed-retry-min", 600_000));
        await _channel.SendAsync("", _queue, "waits");
        await _channel.BasicNackAsync((await _channel.BasicGetAsync(_queue, autoAck: false))!.DeliveryTag, multiple: false, requeue: true);
        Assert.Null(await _channel.BasicGetAsync(_queue, autoAck: true));
        Assert.Equal(0u, (await _channel.QueueDeclarePassiveAsync(_queue)).MessageCount);
        Assert.Equal(1u, await _channel.QueuePurgeAsync(_queue));
        Assert.Equal(0u, await _channel.QueuePurgeAsync(_queue));
    }

    private static object? CountOf(Delivery delivery) => delivery.Headers?.TryGetValue("x-delivery-count", out var count) == true ? count : null;

    private async Task DeclareAsync(params (string Name, object? Value)[] arguments)
    {
        var all = new Dictionary<string, object?> { ["x-queue-type"] = "quorum", ["x-delayed-retry-min"] = Least, ["x-delayed-retry-max"] = Most };
        foreach (var (name, value) in arguments)
        {
            all[name] = value;
        }

        await _channel.QueueDeclareAsync(_queue, durable: true, exclusive: false, autoDelete: false, all);
    }
}
