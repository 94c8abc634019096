using Granary.Testing.Brokers;
using RabbitMQ.Client;

namespace Granary.RabbitMqClient7.Tests.Semantics;

/// <summary>Deliveries: order, requeue, prefetch, turns between consumers, and the ways a consumer ends.</summary>
[WatchedBroker]
public sealed class ConsumeTests(SharedBroker shared) : IClassFixture<SharedBroker>, IAsyncLifetime
{
    private IConnection _connection = null!;
    private IChannel _channel = null!;

    public async Task InitializeAsync()
    {
        _connection = await shared.ConnectAsync();
        _channel = await _connection.CreateChannelAsync();
    }

    public async Task DisposeAsync() => await _connection.DisposeAsync();

    [Fact]
    public async Task Requeue_FromTheMiddle_GoesBackToItsPlaceAndIsMarked()
    {
        var queue = await FilledAsync("1", "2", "3", "4");
        await using var holder = await _connection.CreateChannelAsync();
        var (first, second) = (await holder.BasicGetAsync(queue, autoAck: false), await holder.BasicGetAsync(queue, autoAck: false));
        await holder.BasicNackAsync(second!.DeliveryTag, multiple: false, requeue: true);
        await holder.BasicNackAsync(first!.DeliveryTag, multiple: false, requeue: true);
        await holder.CloseAsync();
        var inbox = await Inbox.ConsumeAsync(_channel, queue, autoAck: true);
        var all = await inbox.TakeAsync(4);
        Assert.Equal([("1", true), ("2", true), ("3", false), ("4", false)], all.Select(d => (d.Body, d.Redelivered)));
    }

    [Fact]
    public async Task ChannelClose_WithUnacked_RequeuesInOrder()
    {
        var queue = await FilledAsync("1", "2", "3");
        var dying = await _connection.CreateChannelAsync();
        var held = await Inbox.ConsumeAsync(dying, queue);
        await held.TakeAsync(3);
        await dying.CloseAsync();
        var inbox = await Inbox.ConsumeAsync(_channel, queue, autoAck: true);
        Assert.Equal([("1", true), ("2", true), ("3", true)], (await inbox.TakeAsync(3)).Select(d => (d.Body, d.Redelivered)));
    }

    [Fact]
    public async Task Cancel_WithUnacked_KeepsThemUntilTheChannelCloses()
    {
        var queue = await FilledAsync("1", "2");
        var other = await _connection.CreateChannelAsync();
        var inbox = await Inbox.ConsumeAsync(other, queue);
        var held = await inbox.TakeAsync(2);
        await other.BasicCancelAsync(inbox.Tag);
        Assert.Equal(0u, await _channel.MessageCountAsync(queue));
        await other.BasicAckAsync(held[0].Tag, multiple: false);
        await other.CloseAsync();
        Assert.Equal("2", await _channel.PopAsync(queue));
        Assert.Null(await _channel.PopAsync(queue));
    }

    [Fact]
    public async Task Reject_WithoutRequeue_DropsTheMessage()
    {
        var queue = await FilledAsync("bad", "good");
        var bad = await _channel.BasicGetAsync(queue, autoAck: false);
        await _channel.BasicRejectAsync(bad!.DeliveryTag, requeue: false);
        Assert.Equal("good", await _channel.PopAsync(queue));
        Assert.Null(await _channel.PopAsync(queue));
    }

    [Fact]
    public async Task Prefetch_PerConsumer_CountsEachConsumerByItself()
    {
        var queue = await FilledAsync("1", "2", "3", "4", "5", "6", "7");
        await using var limited = await _connection.CreateChannelAsync();
        await limited.BasicQosAsync(0, 2, global: false);
        var first = await Inbox.ConsumeAsync(limited, queue);
        await limited.BasicQosAsync(0, 3, global: false);
        var second = await Inbox.ConsumeAsync(limited, queue);
        var held = await first.TakeAsync(2);
        await second.TakeAsync(3);
        Assert.Equal(2u, await _channel.MessageCountAsync(queue));
        Assert.Equal((0, 0), (first.Waiting, second.Waiting));
        await limited.BasicAckAsync(held[0].Tag, multiple: false);
        await first.TakeAsync();
        Assert.Equal(1u, await _channel.MessageCountAsync(queue));
    }

    [Fact]
    public async Task Prefetch_Global_IsSharedByTheChannel()
    {
        var queue = await FilledAsync("1", "2", "3", "4", "5", "6");
        var another = await FilledAsync("a", "b", "c");
        await using var limited = await _connection.CreateChannelAsync();
        await limited.BasicQosAsync(0, 3, global: true);
        var first = await Inbox.ConsumeAsync(limited, queue);
        var held = await first.TakeAsync(3);
        var second = await Inbox.ConsumeAsync(limited, another);
        Assert.Equal((3u, 3u), (await _channel.MessageCountAsync(queue), await _channel.MessageCountAsync(another)));
        await limited.BasicAckAsync(held[2].Tag, multiple: true);
        while (first.Waiting + second.Waiting < 3)
        {
            await Task.Yield();
        }

        Assert.Equal(3u, await _channel.MessageCountAsync(queue) + await _channel.MessageCountAsync(another));
    }

    [Fact]
    public async Task Prefetch_GlobalAndPerConsumer_BothHold()
    {
        var queue = await FilledAsync([.. Enumerable.Range(0, 20).Select(i => $"{i}")]);
        await using var limited = await _connection.CreateChannelAsync();
        await limited.BasicQosAsync(0, 3, global: true);
        await limited.BasicQosAsync(0, 2, global: false);
        var first = await Inbox.ConsumeAsync(limited, queue);
        var second = await Inbox.ConsumeAsync(limited, queue);
        await first.TakeAsync(2);
        await second.TakeAsync(1);
        Assert.Equal(17u, await _channel.MessageCountAsync(queue));
        Assert.Equal((0, 0), (first.Waiting, second.Waiting));
    }

    [Fact]
    public async Task Prefetch_GlobalLimitReached_HoldsConsumersWithoutAcksToo()
    {
        var queue = await FilledAsync("1", "2", "3");
        await using var limited = await _connection.CreateChannelAsync();
        await limited.BasicQosAsync(0, 1, global: true);
        var held = await Inbox.ConsumeAsync(limited, queue);
        var first = await held.TakeAsync();
        await limited.BasicCancelAsync(held.Tag);
        var inbox = await Inbox.ConsumeAsync(limited, queue, autoAck: true);
        Assert.Equal(2u, await _channel.MessageCountAsync(queue));
        Assert.Equal(0, inbox.Waiting);
        await limited.BasicAckAsync(first.Tag, multiple: false);
        Assert.Equal(["2", "3"], await inbox.BodiesAsync(2));
    }

    [Fact]
    public async Task Prefetch_GlobalAfterConsumeOnAnAutoDeleteQueue_KeepsTheConsumer()
    {
        await using var limited = await _connection.CreateChannelAsync();
        var queue = (await limited.QueueDeclareAsync("", durable: false, exclusive: false, autoDelete: true)).QueueName;
        await _channel.SendAllAsync(queue, "1", "2", "3", "4");
        var inbox = await Inbox.ConsumeAsync(limited, queue);
        var all = await inbox.TakeAsync(4);

        // What is unacknowledged counts under the limit: more comes only when less than two are.
        await limited.BasicQosAsync(0, 2, global: true);
        await _channel.SendAllAsync(queue, "5", "6");
        await limited.BasicAckAsync(all[1].Tag, multiple: true);
        Assert.Equal(2u, await _channel.MessageCountAsync(queue));
        await limited.BasicAckAsync(all[3].Tag, multiple: true);
        Assert.Equal(["5", "6"], await inbox.BodiesAsync(2));

        await limited.BasicQosAsync(0, 0, global: true);
        await _channel.SendAllAsync(queue, "7", "8", "9");
        Assert.Equal(["7", "8", "9"], await inbox.BodiesAsync(3));
    }

    [Fact]
    public async Task NoAckConsumer_WithPrefetch_GetsEverything()
    {
        var queue = await FilledAsync("1", "2", "3");
        await _channel.BasicQosAsync(0, 1, global: false);
        var inbox = await Inbox.ConsumeAsync(_channel, queue, autoAck: true);
        Assert.Equal(["1", "2", "3"], await inbox.BodiesAsync(3));
    }

    [Fact]
    public async Task TwoConsumers_SameQueue_TakeTurns()
    {
        var queue = await _channel.OwnQueueAsync();
        await using var one = await _connection.CreateChannelAsync();
        await using var two = await _connection.CreateChannelAsync();
        var first = await Inbox.ConsumeAsync(one, queue, autoAck: true);
        var second = await Inbox.ConsumeAsync(two, queue, autoAck: true);
        await _channel.SendAllAsync(queue, [.. Enumerable.Range(0, 20).Select(i => $"{i}")]);
        var bodies = (await first.BodiesAsync(10)).Concat(await second.BodiesAsync(10)).Select(int.Parse).Order();
        Assert.Equal(Enumerable.Range(0, 20), bodies);
    }

    [Fact]
    public async Task Recover_WithRequeue_DeliversAllAgainMarked()
    {
        // RabbitMQ.Client 7 has no basic.recover left; nack of all that is unacked is the same request.
        var queue = await FilledAsync("1", "2");
        var inbox = await Inbox.ConsumeAsync(_channel, queue);
        await inbox.TakeAsync(2);
        await _channel.BasicNackAsync(0, multiple: true, requeue: true);
        Assert.Equal([("1", true), ("2", true)], (await inbox.TakeAsync(2)).Select(d => (d.Body, d.Redelivered)));
    }

    [Fact]
    public async Task QueueDelete_WithConsumer_CancelsIt()
    {
        var queue = await _channel.OwnQueueAsync();
        await using var other = await _connection.CreateChannelAsync();
        var inbox = await Inbox.ConsumeAsync(other, queue);
        await _channel.QueueDeleteAsync(queue);
        await inbox.WaitForCancelAsync();
        Assert.True(other.IsOpen);
    }

    private async Task<string> FilledAsync(params string[] bodies)
    {
        var queue = await _channel.OwnQueueAsync();
        await _channel.SendAllAsync(queue, bodies);
        return queue;
    }
}
