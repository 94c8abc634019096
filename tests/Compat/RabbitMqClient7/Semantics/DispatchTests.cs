using Granary.Testing.Brokers;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.RabbitMqClient7.Tests.Semantics;

/// <summary>Who gets the next message, where consumers are not equal, and how often a message may come back.</summary>
[WatchedBroker]
public sealed class DispatchTests(SharedBroker shared) : IClassFixture<SharedBroker>, IAsyncLifetime
{
    private static readonly Dictionary<string, object?> SingleActive = new() { ["x-single-active-consumer"] = true };

    private IConnection _connection = null!;
    private IChannel _channel = null!;
    private IChannel _one = null!;
    private IChannel _two = null!;

    public async Task InitializeAsync()
    {
        _connection = await shared.ConnectAsync();
        _channel = await _connection.CreateChannelAsync();
        _one = await _connection.CreateChannelAsync();
        _two = await _connection.CreateChannelAsync();
    }

    public async Task DisposeAsync() => await _connection.DisposeAsync();

    [Fact]
    public async Task ConsumerPriority_Higher_GetsAllWhileItHasRoom()
    {
        var queue = await _channel.OwnQueueAsync();
        await _two.BasicQosAsync(0, 2, global: false);
        var low = await Inbox.ConsumeAsync(_one, queue);
        var high = await Inbox.ConsumeAsync(_two, queue, arguments: Priority(5));
        await _channel.SendAllAsync(queue, "1", "2", "3");
        var held = await high.TakeAsync(2);
        Assert.Equal(["1", "2"], held.Select(delivery => delivery.Body));
        Assert.Equal(["3"], await low.BodiesAsync(1));

        await _two.BasicAckAsync(held[0].Tag, multiple: false);
        await _two.MessageCountAsync(queue);
        await _channel.SendAllAsync(queue, "4", "5");
        Assert.Equal(["4"], await high.BodiesAsync(1));
        Assert.Equal(["5"], await low.BodiesAsync(1));
    }

    [Fact]
    public async Task ConsumerPriority_UnderAGlobalLimit_HoldsWhileTheLimitDoes()
    {
        var queue = await _channel.OwnQueueAsync();
        await _two.BasicQosAsync(0, 2, global: true);
        var low = await Inbox.ConsumeAsync(_one, queue);
        var high = await Inbox.ConsumeAsync(_two, queue, arguments: Priority(5));
        await _channel.SendAllAsync(queue, "1", "2", "3", "4");
        var held = await high.TakeAsync(2);
        Assert.Equal(["1", "2"], held.Select(delivery => delivery.Body));
        Assert.Equal(["3", "4"], await low.BodiesAsync(2));

        await _two.BasicAckAsync(held[1].Tag, multiple: true);
        await _two.MessageCountAsync(queue);
        await _channel.SendAllAsync(queue, "5");
        Assert.Equal(["5"], await high.BodiesAsync(1));
    }

    [Fact]
    public async Task ConsumerPriority_Negative_GetsWhatOthersLeave()
    {
        var queue = await _channel.OwnQueueAsync();
        await _two.BasicQosAsync(0, 1, global: false);
        var last = await Inbox.ConsumeAsync(_one, queue, arguments: Priority(-1));
        var first = await Inbox.ConsumeAsync(_two, queue);
        await _channel.SendAllAsync(queue, "1", "2");
        Assert.Equal(["1"], await first.BodiesAsync(1));
        Assert.Equal(["2"], await last.BodiesAsync(1));
    }

    [Fact]
    public async Task SingleActiveConsumer_FirstCancelled_SecondTakesOver()
    {
        var queue = await _channel.OwnQueueAsync(SingleActive);
        var first = await Inbox.ConsumeAsync(_one, queue, autoAck: true);
        var second = await Inbox.ConsumeAsync(_two, queue, autoAck: true);
        await _channel.SendAllAsync(queue, "1", "2");
        Assert.Equal(["1", "2"], await first.BodiesAsync(2));
        await _one.BasicCancelAsync(first.Tag);
        await _channel.SendAllAsync(queue, "3");
        Assert.Equal(["3"], await second.BodiesAsync(1));
    }

    [Fact]
    public async Task SingleActiveConsumer_Cancelled_KeepsWhatItHasUnacknowledged()
    {
        var queue = await _channel.OwnQueueAsync(SingleActive);
        var first = await Inbox.ConsumeAsync(_one, queue);
        await _channel.SendAllAsync(queue, "1", "2");
        var held = await first.TakeAsync(2);
        var second = await Inbox.ConsumeAsync(_two, queue);
        await _one.BasicCancelAsync(first.Tag);
        await _channel.SendAllAsync(queue, "3");
        Assert.Equal(["3"], await second.BodiesAsync(1));
        await _one.BasicAckAsync(held[0].Tag, multiple: false);
        await _one.BasicNackAsync(held[1].Tag, multiple: false, requeue: true);
        var again = await second.TakeAsync();
        Assert.Equal(("2", true), (again.Body, again.Redelivered));
    }

    [Fact]
    public async Task SingleActiveConsumer_WhoseChannelCloses_IsFollowedByTheHighestPriority()
    {
        await using var third = await _connection.CreateChannelAsync();
        var queue = await _channel.OwnQueueAsync(SingleActive);
        var first = await Inbox.ConsumeAsync(_one, queue);
        var second = await Inbox.ConsumeAsync(_two, queue);
        var favourite = await Inbox.ConsumeAsync(third, queue, arguments: Priority(3));
        await _channel.SendAllAsync(queue, "1");
        Assert.Equal(["1"], await first.BodiesAsync(1));
        await _one.CloseAsync();
        var next = await favourite.TakeAsync();
        Assert.Equal(("1", true, 0), (next.Body, next.Redelivered, second.Waiting));
    }

    [Fact]
    public async Task SingleActiveConsumer_WithoutRoom_LeavesMessagesToNobodyElse()
    {
        var queue = await _channel.OwnQueueAsync(SingleActive);
        await _one.BasicQosAsync(0, 1, global: false);
        var first = await Inbox.ConsumeAsync(_one, queue);
        var second = await Inbox.ConsumeAsync(_two, queue);
        await _channel.SendAllAsync(queue, "1", "2");
        var held = await first.TakeAsync();
        Assert.Equal(1u, await _channel.MessageCountAsync(queue));
        Assert.Equal(0, second.Waiting);
        await _one.BasicAckAsync(held.Tag, multiple: false);
        Assert.Equal(["2"], await first.BodiesAsync(1));
    }

    [Fact]
    public async Task ExclusiveConsume_OnAQueueWithASingleActiveConsumer_Is403()
    {
        var queue = await _channel.OwnQueueAsync(SingleActive);
        var refused = await Assert.ThrowsAsync<OperationInterruptedException>(() => Inbox.ConsumeAsync(_one, queue, exclusive: true));
        Assert.Equal((403, $"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use"), (refused.ShutdownReason!.ReplyCode, refused.ShutdownReason.ReplyText));
    }

    [Fact]
    public async Task Get_FromAQuorumQueueWithASingleActiveConsumer_Is405()
    {
        var queue = await QuorumQueueAsync(("x-single-active-consumer", true));
        var refused = await Assert.ThrowsAsync<OperationInterruptedException>(() => _one.BasicGetAsync(queue, autoAck: true));
        Assert.Equal(
            (405, $"RESOURCE_LOCKED - cannot obtain access to locked queue '{queue}' in vhost '/'. basic.get operations are not supported by quorum queues with single active consumer"),
            (refused.ShutdownReason!.ReplyCode, refused.ShutdownReason.ReplyText));
        await _channel.QueueDeleteAsync(queue);
    }

    [Fact]
    public async Task SingleActiveConsumer_OfAQuorumQueue_MakesWayForAHigherPriority()
    {
        if (shared.Broker.IsRabbitMq3)
        {
            // From RabbitMQ 4.0 on.
            return;
        }

        var queue = await QuorumQueueAsync(("x-single-active-consumer", true));
        var first = await Inbox.ConsumeAsync(_one, queue);
        await _channel.SendAllAsync(queue, "1");
        var held = await first.TakeAsync();
        var favourite = await Inbox.ConsumeAsync(_two, queue, arguments: Priority(3));
        await _channel.SendAllAsync(queue, "2");
        await _one.BasicAckAsync(held.Tag, multiple: false);
        Assert.Equal(["2"], await favourite.BodiesAsync(1));
        await _channel.QueueDeleteAsync(queue);
    }

    [Fact]
    public async Task DeliveryLimit_Exceeded_DeadLettersTheMessage()
    {
        var dead = await _channel.OwnQueueAsync();
        var queue = await QuorumQueueAsync(("x-delivery-limit", 2), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", dead));
        var inbox = await Inbox.ConsumeAsync(_one, queue);
        var letters = await Inbox.ConsumeAsync(_two, dead, autoAck: true);
        await _channel.SendAllAsync(queue, "poison");
        var counts = new List<object?>();
        for (var i = 0; i < 3; i++)
        {
            var delivery = await inbox.TakeAsync();
            counts.Add(delivery.Headers is { } headers && headers.TryGetValue("x-delivery-count", out var count) ? count : null);
            await _one.BasicNackAsync(delivery.Tag, multiple: false, requeue: true);
        }

        Assert.Equal([null, 1L, 2L], counts);
        var letter = await letters.TakeAsync();
        var death = Assert.IsType<Dictionary<string, object?>>(Assert.Single(Assert.IsType<List<object?>>(letter.Headers!["x-death"])));
        Assert.Equal(("poison", "delivery_limit"), (letter.Body, System.Text.Encoding.UTF8.GetString((byte[])death["reason"]!)));
        Assert.Equal(0, inbox.Waiting);
        await _channel.QueueDeleteAsync(queue);
    }

    [Fact]
    public async Task DeliveryLimit_CountsWhatAClosedChannelHeld()
    {
        var queue = await QuorumQueueAsync(("x-delivery-limit", 5));
        await _channel.SendAllAsync(queue, "1", "2");
        var inbox = await Inbox.ConsumeAsync(_one, queue);
        await inbox.TakeAsync(2);
        await _one.CloseAsync();
        var again = await (await Inbox.ConsumeAsync(_two, queue)).TakeAsync(2);
        Assert.Equal([("1", 1L), ("2", 1L)], again.Select(delivery => (delivery.Body, (long)delivery.Headers!["x-delivery-count"]!)));
        await _channel.QueueDeleteAsync(queue);
    }

    [Fact]
    public async Task ConsumerTimeout_OfTheQueue_ClosesTheChannelAndRequeues()
    {
        if (shared.Broker.IsRabbitMq3)
        {
            // Queues have it from RabbitMQ 3.12 on.
            return;
        }

        var closed = new TaskCompletionSource<(ushort, string)>(TaskCreationOptions.RunContinuationsAsynchronously);
        _one.ChannelShutdownAsync += (_, e) =>
        {
            closed.TrySetResult((e.ReplyCode, e.ReplyText));
            return Task.CompletedTask;
        };
        var queue = await _channel.OwnQueueAsync(new Dictionary<string, object?> { ["x-consumer-timeout"] = 500 });
        await _channel.SendAllAsync(queue, "1");
        var inbox = await Inbox.ConsumeAsync(_one, queue);
        await inbox.TakeAsync();
        Assert.Equal(
            (406, $"PRECONDITION_FAILED - delivery acknowledgement on channel {_one.ChannelNumber} timed out. Timeout value used: 500 ms. "
                + "This timeout value can be configured, see consumers doc guide to learn more"),
            await closed.Task.WaitAsync(TimeSpan.FromSeconds(20)));
        var again = await (await Inbox.ConsumeAsync(_two, queue)).TakeAsync();
        Assert.Equal(("1", true), (again.Body, again.Redelivered));
    }

    [Fact]
    public async Task CancelOnHaFailover_IsAccepted()
    {
        var queue = await _channel.OwnQueueAsync();
        await _channel.SendAllAsync(queue, "1");
        var inbox = await Inbox.ConsumeAsync(_one, queue, arguments: new Dictionary<string, object?> { ["x-cancel-on-ha-failover"] = true });
        Assert.Equal(["1"], await inbox.BodiesAsync(1));
    }

    private static Dictionary<string, object?> Priority(int priority) => new() { ["x-priority"] = priority };

    private async Task<string> QuorumQueueAsync(params (string Name, object Value)[] arguments)
    {
        var queue = $"dispatch.{Guid.NewGuid():N}";
        var all = arguments.ToDictionary(argument => argument.Name, argument => (object?)argument.Value);
        all["x-queue-type"] = "quorum";
        await _channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, all);
        return queue;
    }
}
