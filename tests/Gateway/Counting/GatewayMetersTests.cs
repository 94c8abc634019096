using System.Diagnostics.Metrics;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Links;
using Granary.Gateway.Counting;
using Granary.Gateway.Tests.Amqp;
using Granary.Gateway.Tests.Fakes;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Gateway.Tests.Counting;

/// <summary>What an exporter sees of what a client does: every count, of the node, the connection and the channel.</summary>
public sealed class GatewayMetersTests : IAsyncLifetime
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly ConnectionUnderTest _client = new();
    private readonly MeterReader _meters;

    public GatewayMetersTests()
    {
        var factory = _services.GetRequiredService<IMeterFactory>();
        _ = new GatewayMeters(factory, _client.Server, _client.Router);
        _meters = new MeterReader(factory);
    }

    [Fact]
    public async Task Publish_ThatIsReturnedAndConfirmed_IsCounted()
    {
        await _client.OpenAsync();
        await _client.SendAsync(1, new ConfirmSelect(NoWait: false));
        await _client.ExpectAsync(1, new ConfirmSelectOk());

        for (var i = 0; i < 3; i++)
        {
            await _client.SendAsync(Frames.Publish(1, "", [1], mandatory: true));
            await _client.ReadContentAsync(1);
            await _client.ReadFrameAsync();
        }

        AssertCounted(("publish", 3), ("return_unroutable", 3), ("confirm", 3));
        AssertExchange("", publishIn: 3, publishOut: 0, unroutable: 3);
    }

    [Fact]
    public async Task Publish_ByAnExchangeToTwoQueues_IsCountedOnceAndItsCopiesThere()
    {
        await _client.OpenAsync();
        _client.Exchange("x").Bind("a", "b");

        await _client.SendAsync([.. Frames.Publish(1, "k", [1], exchange: "x"), .. Frames.Publish(1, "k", [2], exchange: "x")]);
        await AmqpConnectionTests.WaitForPacketAsync(_client, "b");

        AssertCounted(("publish", 2));
        AssertExchange("x", publishIn: 2, publishOut: 4, unroutable: 0);
    }

    [Fact]
    public async Task Transaction_IsCountedWhenItIsCommitted()
    {
        await _client.OpenAsync();
        await _client.SendAsync(1, new TxSelect());
        await _client.ExpectAsync(1, new TxSelectOk());
        await _client.SendAsync([.. Frames.Publish(1, "", [1]), .. Frames.Publish(1, "", [1]), .. Frames.Method(1, new BasicQos(0, 1, Global: false))]);
        await _client.ExpectAsync(1, new BasicQosOk());
        AssertCounted();

        await _client.SendAsync(1, new TxCommit());
        await _client.ExpectAsync(1, new TxCommitOk());

        AssertCounted(("publish", 2));
    }

    [Fact]
    public async Task Deliveries_ToAConsumerThatAcknowledges_AreCountedWithWhatIsAcknowledged()
    {
        var queue = await ConsumeAsync(noAck: false);
        await queue.AnswerLaterAsync(
            _client, new DeliveryItem(1, [Messages.Slice(0, "a", "b"), new DeliverySlice(Messages.Batch("c"), 2, Redelivered: true)]));
        for (var i = 0; i < 3; i++)
        {
            await _client.ReadContentAsync(1);
        }

        await _client.SendAsync([.. Frames.Method(1, new BasicAck(2, Multiple: true)), .. Frames.Method(1, new BasicNack(3, false, true))]);
        await _client.SendAsync(1, new BasicQos(0, 1, Global: false));
        await _client.ExpectAsync(1, new BasicQosOk());

        AssertCounted(("deliver", 3), ("redeliver", 1), ("ack", 2));
    }

    [Fact]
    public async Task Deliveries_ToAConsumerThatDoesNotAcknowledge_AreCountedApart()
    {
        var queue = await ConsumeAsync(noAck: true);
        await queue.AnswerLaterAsync(_client, new DeliveryItem(1, [Messages.Slice(0, "a", "b")]));
        await _client.ReadContentAsync(1);
        await _client.ReadContentAsync(1);

        AssertCounted(("deliver_no_ack", 2));
    }

    [Fact]
    public async Task Gets_AreCountedByWhatComesOfThem()
    {
        await _client.OpenAsync();
        var queue = new QueueEnd(_client, "q");
        await GetAsync(queue, noAck: false, Messages.Slice(0, "a"));
        await GetAsync(queue, noAck: true, Messages.Slice(1, "b"));
        await GetAsync(queue, noAck: true, new DeliverySlice(Messages.Batch("c"), 2, Redelivered: true));
        await GetAsync(queue, noAck: true, null);

        AssertCounted(("get", 1), ("get_no_ack", 2), ("redeliver", 1), ("get_empty", 1));
    }

    [Fact]
    public async Task Counts_OfAChannelAndAConnectionThatAreClosed_StayInTheNodes()
    {
        await _client.OpenAsync(1);
        await _client.OpenAsync(2);
        await _client.SendAsync([.. Frames.Publish(1, "", [1]), .. Frames.Publish(2, "", [1]), .. Frames.Publish(2, "", [1])]);
        await _client.SendAsync(1, new ChannelClose(ReplyCode.Success, "", 0, 0));
        await _client.ExpectAsync(1, new ChannelCloseOk());
        var id = _client.Connection.Id.Value;
        Assert.Equal(new Dictionary<string, long> { [$"channel=2 connection={id}"] = 2 }, _meters.Read("granary.channel.messages.publish"));
        Assert.Equal(new Dictionary<string, long> { [$"connection={id}"] = 3 }, _meters.Read("granary.connection.messages.publish"));
        Assert.Equal((1, 1), (_meters.Read("granary.connections.open")[""], _meters.Read("granary.connections.opened")[""]));

        await _client.EndAsync();

        Assert.Empty(_meters.Read("granary.channel.messages.publish"));
        Assert.Empty(_meters.Read("granary.connection.messages.publish"));
        Assert.Equal(3, _meters.Read("granary.messages.publish")["protocol=amqp"]);
        Assert.Equal((0, 1), (_meters.Read("granary.connections.open")[""], _meters.Read("granary.connections.opened")[""]));
        Assert.Equal(1, _meters.Read("granary.connections.ended")["reason=ClientGone"]);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _meters.Dispose();
        await _client.DisposeAsync();
        await _services.DisposeAsync();
    }

    // These and nothing else, on each level.
    private void AssertCounted(params (string Name, long Count)[] counted)
    {
        var id = _client.Connection.Id.Value;
        foreach (var name in (string[])["publish", "confirm", "return_unroutable", "deliver", "deliver_no_ack", "get", "get_no_ack", "get_empty", "redeliver", "ack"])
        {
            var count = counted.SingleOrDefault(each => each.Name == name).Count;
            Assert.Equal((name, count), (name, _meters.Read($"granary.messages.{name}")["protocol=amqp"]));
            Assert.Equal((name, count), (name, _meters.Read($"granary.connection.messages.{name}")[$"connection={id}"]));
            Assert.Equal((name, count), (name, _meters.Read($"granary.channel.messages.{name}")[$"channel=1 connection={id}"]));
        }
    }

    private void AssertExchange(string name, long publishIn, long publishOut, long unroutable)
    {
        var tags = $"exchange={name} vhost=/";
        Assert.Equal(publishIn, _meters.Read("granary.exchange.messages.publish_in")[tags]);
        Assert.Equal(publishOut, _meters.Read("granary.exchange.messages.publish_out")[tags]);
        Assert.Equal(unroutable, _meters.Read("granary.exchange.messages.unroutable")[tags]);
    }

    private async Task<QueueEnd> ConsumeAsync(bool noAck)
    {
        await _client.OpenAsync();
        await _client.SendAsync(1, new BasicConsume("q", "c", NoLocal: false, noAck, Exclusive: false, NoWait: false, FieldTable.Empty));
        return new QueueEnd(_client, "q");
    }

    private async Task GetAsync(QueueEnd queue, bool noAck, DeliverySlice? message)
    {
        await _client.SendAsync(1, new BasicGet("q", noAck));
        var sent = await queue.NextAsync();
        var get = sent.Up.Items.OfType<GetItem>().Single();
        queue.Answer(sent, new GotItem(get.Request, message, 0, null));
        if (message is not null)
        {
            await _client.ReadContentAsync(1);
        }
        else
        {
            await _client.ExpectAsync(1, new BasicGetEmpty());
        }
    }
}

file static class Consuming
{
    /// <summary>The queue takes the consumer and sends it something at once.</summary>
    public static async Task AnswerLaterAsync(this QueueEnd queue, ConnectionUnderTest client, DeliveryItem delivery)
    {
        await queue.AnswerAsync(new AttachedItem(1, null), delivery);
        await client.ExpectAsync(1, new BasicConsumeOk("c"));
    }
}
