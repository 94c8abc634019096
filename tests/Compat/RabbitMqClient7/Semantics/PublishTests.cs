using System.Collections.Concurrent;
using Granary.Testing.Brokers;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.RabbitMqClient7.Tests.Semantics;

/// <summary>Confirms, returns and transactions: what a publisher may rely on.</summary>
[WatchedBroker]
public sealed class PublishTests(SharedBroker shared) : IClassFixture<SharedBroker>, IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private IConnection _connection = null!;
    private IChannel _channel = null!;

    public async Task InitializeAsync()
    {
        _connection = await shared.ConnectAsync();
        _channel = await _connection.CreateChannelAsync();
    }

    public async Task DisposeAsync() => await _connection.DisposeAsync();

    [Fact]
    public async Task Confirms_ManyPublishes_CoverEveryTagOnceAndNoMore()
    {
        const int count = 2000;
        await using var channel = await ConfirmingAsync();
        var confirmed = new ConcurrentDictionary<ulong, int>();
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ulong lowest = 1;
        channel.BasicAcksAsync += (_, e) =>
        {
            var first = e.Multiple ? Volatile.Read(ref lowest) : e.DeliveryTag;
            for (var tag = first; tag <= e.DeliveryTag; tag++)
            {
                confirmed.AddOrUpdate(tag, 1, (_, times) => e.Multiple ? times : times + 1);
            }

            if (e.Multiple)
            {
                Volatile.Write(ref lowest, e.DeliveryTag + 1);
            }

            if (confirmed.Count == count)
            {
                all.TrySetResult();
            }

            return Task.CompletedTask;
        };
        var queue = await channel.OwnQueueAsync();
        for (var i = 0; i < count; i++)
        {
            await channel.SendAsync("", queue, "x", new BasicProperties { Persistent = i % 3 == 0 });
        }

        await all.Task.WaitAsync(Limit);
        Assert.All(confirmed, pair => Assert.Equal(1, pair.Value));
        Assert.Equal((ulong)count, confirmed.Keys.Max());
        Assert.Equal((uint)count, await channel.MessageCountAsync(queue));
    }

    [Fact]
    public async Task Confirm_OfMandatoryUnroutable_ComesAfterItsReturn()
    {
        await using var channel = await ConfirmingAsync();
        var events = new BlockingCollection<string>();
        channel.BasicReturnAsync += (_, e) =>
        {
            events.Add($"return {e.ReplyCode} {e.ReplyText} {e.RoutingKey}");
            return Task.CompletedTask;
        };
        channel.BasicAcksAsync += (_, e) =>
        {
            events.Add($"ack {e.DeliveryTag}");
            return Task.CompletedTask;
        };
        await channel.SendAsync("amq.direct", "nobody", "back", mandatory: true);
        Assert.Equal("return 312 NO_ROUTE nobody", Take(events));
        Assert.Equal("ack 1", Take(events));
    }

    [Fact]
    public async Task Confirm_OfRejectPublishQueueThatIsFull_IsANack()
    {
        await using var channel = await ConfirmingAsync();
        var events = new BlockingCollection<string>();
        channel.BasicAcksAsync += (_, e) =>
        {
            events.Add($"ack {e.DeliveryTag}");
            return Task.CompletedTask;
        };
        channel.BasicNacksAsync += (_, e) =>
        {
            events.Add($"nack {e.DeliveryTag}");
            return Task.CompletedTask;
        };
        var queue = await channel.OwnQueueAsync(new Dictionary<string, object?> { ["x-max-length"] = 1, ["x-overflow"] = "reject-publish" });
        await channel.SendAsync("", queue, "fits");
        Assert.Equal("ack 1", Take(events));
        await channel.SendAsync("", queue, "too much");
        Assert.Equal("nack 2", Take(events));
        Assert.Equal("fits", await channel.PopAsync(queue));
        Assert.Null(await channel.PopAsync(queue));
    }

    [Fact]
    public async Task TxCommit_PublishesAndAcks_TakeEffectTogether()
    {
        var queue = await _channel.OwnQueueAsync();
        await _channel.SendAllAsync(queue, "old");
        await using var tx = await _connection.CreateChannelAsync();
        await tx.TxSelectAsync();
        var old = await tx.BasicGetAsync(queue, autoAck: false);
        await tx.SendAllAsync(queue, "new 1", "new 2");
        await tx.BasicAckAsync(old!.DeliveryTag, multiple: false);
        Assert.Equal(0u, await _channel.MessageCountAsync(queue));
        await tx.TxCommitAsync();
        Assert.Equal(2u, await _channel.MessageCountAsync(queue));
        await tx.CloseAsync();
        Assert.Equal(["new 1", "new 2"], await _channel.DrainAsync(queue));
    }

    [Fact]
    public async Task TxCommit_AckHereAndPublishThere_TakeEffectTogether()
    {
        var (from, to) = (await _channel.OwnQueueAsync(), await _channel.OwnQueueAsync());
        await _channel.SendAllAsync(from, "old", "kept");
        await using var tx = await _connection.CreateChannelAsync();
        await tx.TxSelectAsync();
        var old = await tx.BasicGetAsync(from, autoAck: false);
        await tx.SendAllAsync(to, "new 1", "new 2");
        await tx.BasicAckAsync(old!.DeliveryTag, multiple: false);
        Assert.Equal(0u, await _channel.MessageCountAsync(to));
        await tx.TxCommitAsync();
        Assert.Equal(2u, await _channel.MessageCountAsync(to));
        await tx.CloseAsync();
        Assert.Equal(["kept"], await _channel.DrainAsync(from));
        Assert.Equal(["new 1", "new 2"], await _channel.DrainAsync(to));
    }

    [Fact]
    public async Task TxCommit_OneOfTheQueuesIsFull_FailsAndNothingHappens()
    {
        var (from, to) = (await _channel.OwnQueueAsync(), await _channel.OwnQueueAsync());
        var full = await _channel.OwnQueueAsync(new Dictionary<string, object?> { ["x-max-length"] = 1, ["x-overflow"] = "reject-publish" });
        await _channel.SendAllAsync(from, "old");
        await _channel.SendAllAsync(full, "there");
        await using var tx = await _connection.CreateChannelAsync();
        await tx.TxSelectAsync();
        var old = await tx.BasicGetAsync(from, autoAck: false);
        await tx.SendAllAsync(to, "never");
        await tx.SendAllAsync(full, "too much");
        await tx.BasicAckAsync(old!.DeliveryTag, multiple: false);
        var refused = await Assert.ThrowsAsync<OperationInterruptedException>(() => tx.TxCommitAsync());
        Assert.Equal((406, "PRECONDITION_FAILED - partial tx completion"), (refused.ShutdownReason!.ReplyCode, refused.ShutdownReason.ReplyText));
        Assert.Equal(["old"], await _channel.DrainAsync(from));
        Assert.Equal(["there"], await _channel.DrainAsync(full));
        Assert.Empty(await _channel.DrainAsync(to));
    }

    [Fact]
    public async Task TxRollback_PublishesAreGoneAndAcksUndone()
    {
        var queue = await _channel.OwnQueueAsync();
        await _channel.SendAllAsync(queue, "old");
        await using var tx = await _connection.CreateChannelAsync();
        await tx.TxSelectAsync();
        var old = await tx.BasicGetAsync(queue, autoAck: false);
        await tx.BasicAckAsync(old!.DeliveryTag, multiple: false);
        await tx.SendAllAsync(queue, "never");
        await tx.TxRollbackAsync();
        Assert.Equal(0u, await _channel.MessageCountAsync(queue));
        await tx.BasicAckAsync(old.DeliveryTag, multiple: false);
        await tx.TxRollbackAsync();
        await tx.CloseAsync();
        Assert.Equal("old", await _channel.PopAsync(queue));
        Assert.Null(await _channel.PopAsync(queue));
    }

    [Fact]
    public async Task TxChannelClose_WithoutCommit_IsARollback()
    {
        var queue = await _channel.OwnQueueAsync();
        var tx = await _connection.CreateChannelAsync();
        await tx.TxSelectAsync();
        await tx.SendAllAsync(queue, "never");
        await tx.CloseAsync();
        Assert.Equal(0u, await _channel.MessageCountAsync(queue));
    }

    [Fact]
    public async Task CarbonCopies_CcAndBcc_RouteAndOnlyCcIsSeen()
    {
        var (to, cc, bcc) = (await _channel.OwnQueueAsync(), await _channel.OwnQueueAsync(), await _channel.OwnQueueAsync());
        var headers = new Dictionary<string, object?> { ["CC"] = new List<object?> { cc, to }, ["BCC"] = new List<object?> { bcc } };
        await _channel.SendAsync("", to, "copied", new BasicProperties { Headers = headers });
        foreach (var queue in new[] { to, cc, bcc })
        {
            var got = await _channel.BasicGetAsync(queue, autoAck: true);
            Assert.Equal(to, got!.RoutingKey);
            Assert.True(got.BasicProperties.Headers!.ContainsKey("CC"));
            Assert.False(got.BasicProperties.Headers.ContainsKey("BCC"));
            Assert.Equal(0u, got.MessageCount);
        }
    }

    [Fact]
    public async Task LargeBody_OfManyFrames_ComesBackWhole()
    {
        var queue = await _channel.OwnQueueAsync();
        var body = new byte[3_000_017];
        new Random(7).NextBytes(body);
        await _channel.BasicPublishAsync("", queue, body);
        var got = await _channel.BasicGetAsync(queue, autoAck: true);
        Assert.True(got!.Body.Span.SequenceEqual(body));
    }

    private static string Take(BlockingCollection<string> events) =>
        events.TryTake(out var item, Limit) ? item : throw new TimeoutException($"Nothing came for {Limit}.");

    // The client's own tracking is off, so that a case sees each ack as it was sent.
    private Task<IChannel> ConfirmingAsync() => _connection.CreateChannelAsync(
        new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false));
}
