using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Links;
using Granary.Core.Topology;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>Consumers whose channel comes under one limit, and leaves it, while their queue has not answered yet.</summary>
public sealed class AmqpConsumerTests
{
    [Fact]
    public async Task Qos_Global_ReachesTheConsumerWhereItIs()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client);

        await client.SendAsync(1, new BasicQos(0, 10, Global: true));
        await client.ExpectAsync(1, new BasicQosOk());
        Assert.Equal([new ShareItem(1, true)], await queue.AnswerAsync(new ReadyItem(1)));

        Assert.Equal([new LendItem(1, 10)], await queue.AnswerAsync(new UnusedItem(1, 10)));
        client.ExpectNothing();
    }

    [Fact]
    public async Task Qos_GlobalLimitLifted_LetsTheConsumerGo()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client);
        await client.SendAsync(1, new BasicQos(0, 10, Global: true));
        await client.ExpectAsync(1, new BasicQosOk());
        await queue.AnswerAsync();

        await client.SendAsync(1, new BasicQos(0, 0, Global: true));
        await client.ExpectAsync(1, new BasicQosOk());

        Assert.Equal([new ShareItem(1, false)], await queue.AnswerAsync());
    }

    [Fact]
    public async Task Consume_UnderAGlobalLimit_KeepsItsOwnPrefetchToo()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync(1, new BasicQos(0, 3, Global: true));
        await client.ExpectAsync(1, new BasicQosOk());
        await client.SendAsync(1, new BasicQos(0, 2, Global: false));
        await client.ExpectAsync(1, new BasicQosOk());
        await client.SendAsync(1, new BasicConsume("q", "c", NoLocal: false, NoAck: false, Exclusive: false, NoWait: false, FieldTable.Empty));

        var attach = Assert.IsType<AttachItem>(Assert.Single(await new QueueEnd(client, "q").AnswerAsync(new AttachedItem(1, null))));

        Assert.Equal((true, 2), (attach.Shared, attach.Prefetch));
    }

    [Fact]
    public async Task ConsumerWithoutAcks_UnderAGlobalLimit_IsLentEverythingOnlyWhileAPlaceIsFree()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client);
        await client.SendAsync(1, new BasicQos(0, 1, Global: true));
        await client.ExpectAsync(1, new BasicQosOk());
        await queue.AnswerAsync(new DeliveryItem(1, [Messages.Slice(0, "a")]));
        await client.ReadContentAsync(1);
        await client.SendAsync(1, new BasicConsume("q", "n", NoLocal: false, NoAck: true, Exclusive: false, NoWait: false, FieldTable.Empty));
        Assert.True(Assert.IsType<AttachItem>(Assert.Single(await queue.AnswerAsync(new AttachedItem(2, null), new ReadyItem(2)))).Shared);
        await client.ExpectAsync(1, new BasicConsumeOk("n"));
        Assert.Equal([new LendItem(2, 0)], await queue.AnswerAsync());

        await client.SendAsync(1, new BasicAck(1, Multiple: false));

        Assert.Contains(new LendItem(2, int.MaxValue), await queue.AnswerAsync());
    }

    [Fact]
    public async Task Consume_WhoseChannelGoesMeanwhile_AttachesNothing()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync(
        [
            .. Frames.Publish(1, "q", [1]),
            .. Frames.Method(1, new BasicConsume("q", "c", NoLocal: false, NoAck: false, Exclusive: false, NoWait: false, FieldTable.Empty)),
        ]);
        await AmqpConnectionTests.WaitForPacketAsync(client, "q");

        client.Connection.ForceClose("x");

        await client.ExpectAsync(0, new ConnectionClose(ReplyCode.ConnectionForced, "CONNECTION_FORCED - x", 0, 0));
        await client.SendAsync(0, new ConnectionCloseOk());
        await AmqpConnectionTests.EndWithQueueAsync(client, "q");
        Assert.DoesNotContain(client.Queue("q").Sent, sent => sent.Up.Items.OfType<AttachItem>().Any());
    }

    [Fact]
    public async Task Delivery_OnItsWayWhenTheLimitCame_TakesAPlace()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client);
        await client.SendAsync(1, new BasicQos(0, 3, Global: true));
        await client.ExpectAsync(1, new BasicQosOk());

        await queue.AnswerAsync(new DeliveryItem(1, [Messages.Slice(0, "a", "b")]), new ReadyItem(1));

        Assert.Equal([new LendItem(1, 1)], await queue.AnswerAsync());
    }

    [Fact]
    public async Task Delivery_OnItsWayWhenTheChannelCloses_GoesBackAndIsNotWritten()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client);
        await client.SendAsync(1, new ChannelClose(ReplyCode.Success, "bye", 0, 0));
        Assert.Equal([new DetachItem(1)], await queue.AnswerAsync(new DeliveryItem(1, [Messages.Slice(0, "a", "b")]), new DetachedItem(1)));

        var settled = Assert.IsType<SettleItem>(Assert.Single(await queue.AnswerAsync()));
        Assert.Equal(Settlement.Undelivered, settled.Settlement);
        Assert.Equal([new OffsetRange(0, 2)], settled.Offsets);
        await client.ExpectAsync(1, new ChannelCloseOk());
        client.ExpectNothing();
    }

    [Fact]
    public async Task Delete_OfAQueueThatItsChannelConsumesFrom_IsAnsweredBeforeTheConsumerIsCancelled()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client);
        await client.SendAsync(1, new BasicQos(0, 3, Global: true));
        await client.ExpectAsync(1, new BasicQosOk());
        var asked = await queue.NextAsync();
        queue.Answer(asked);
        var deleted = new TaskCompletionSource<QueueAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        client.Queue("q").OnDelete = () =>
        {
            // The consumers hear of it before whoever deletes does.
            queue.Push(asked, watermark: 0, new EndedItem(LinkEnd.Deleted));
            return new ValueTask<QueueAnswer>(deleted.Task);
        };

        await client.SendAsync(1, new QueueDelete("q", IfUnused: false, IfEmpty: false, NoWait: false));
        deleted.SetResult(default);

        await client.ExpectAsync(1, new QueueDeleteOk(0));
        await client.ExpectAsync(1, new BasicCancel("c", NoWait: true));
    }

    private static async Task<QueueEnd> ConsumeAsync(ConnectionUnderTest client)
    {
        await client.OpenAsync();
        await client.SendAsync(1, new BasicConsume("q", "c", NoLocal: false, NoAck: false, Exclusive: false, NoWait: false, FieldTable.Empty));
        var queue = new QueueEnd(client, "q");
        Assert.False(Assert.IsType<AttachItem>(Assert.Single(await queue.AnswerAsync(new AttachedItem(1, null)))).Shared);
        await client.ExpectAsync(1, new BasicConsumeOk("c"));
        return queue;
    }
}
