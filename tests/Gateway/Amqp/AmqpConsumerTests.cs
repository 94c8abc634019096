using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Links;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>Consumers whose channel comes under one limit, and leaves it, while their queue has not answered yet.</summary>
public sealed class AmqpConsumerTests
{
    [Fact]
    public async Task Qos_Global_AttachesAgainWithoutAWordToTheClient()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client);

        await client.SendAsync(1, new BasicQos(0, 10, Global: true));
        await client.ExpectAsync(1, new BasicQosOk());
        Assert.Equal([new DetachItem(1)], await queue.AnswerAsync(new DetachedItem(1)));
        Assert.True(Assert.IsType<AttachItem>(Assert.Single(await queue.AnswerAsync(new AttachedItem(2, null), new ReadyItem(2)))).Shared);

        Assert.Equal([new LendItem(2, 10)], await queue.AnswerAsync(new UnusedItem(2, 10)));
        client.ExpectNothing();
    }

    [Fact]
    public async Task Qos_LimitLiftedWhileAttaching_AttachesWithoutIt()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client);
        await client.SendAsync(1, new BasicQos(0, 10, Global: true));
        await client.ExpectAsync(1, new BasicQosOk());
        await queue.AnswerAsync(new DetachedItem(1));
        var attach = await queue.NextAsync();

        await client.SendAsync(1, new BasicQos(0, 0, Global: true));
        await client.ExpectAsync(1, new BasicQosOk());
        queue.Answer(attach, new AttachedItem(2, null));

        Assert.Equal([new DetachItem(2)], await queue.AnswerAsync(new DetachedItem(2)));
        Assert.False(Assert.IsType<AttachItem>(Assert.Single(await queue.AnswerAsync(new AttachedItem(3, null)))).Shared);
    }

    [Fact]
    public async Task Cancel_WhileAttachingAgain_IsAnsweredWhenTheQueueHasLetGo()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client);
        await client.SendAsync(1, new BasicQos(0, 10, Global: true));
        await client.ExpectAsync(1, new BasicQosOk());
        await queue.AnswerAsync(new DetachedItem(1));
        var attach = await queue.NextAsync();

        // The answer to the first method says that the second has begun, too.
        await client.SendAsync([.. Frames.Method(1, new BasicQos(0, 1, Global: false)), .. Frames.Method(1, new BasicCancel("c", NoWait: false))]);
        await client.ExpectAsync(1, new BasicQosOk());
        client.ExpectNothing();
        queue.Answer(attach, new AttachedItem(2, null));
        Assert.Equal([new DetachItem(2)], await queue.AnswerAsync(new DetachedItem(2)));

        await client.ExpectAsync(1, new BasicCancelOk("c"));
    }

    [Fact]
    public async Task Delivery_OnItsWayWhenTheLimitCame_TakesAPlace()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client);
        await client.SendAsync(1, new BasicQos(0, 3, Global: true));
        await client.ExpectAsync(1, new BasicQosOk());
        await queue.AnswerAsync(new DeliveryItem(1, [Messages.Slice(0, "a", "b")]), new DetachedItem(1));
        await queue.AnswerAsync(new AttachedItem(2, null), new ReadyItem(2));

        Assert.Equal([new LendItem(2, 1)], await queue.AnswerAsync());
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
