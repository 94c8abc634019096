using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Links;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp.Delivering;

/// <summary>A delivery that is not acknowledged in time closes its channel, and goes back to its queue.</summary>
public sealed class ConsumerTimeoutTests
{
    private const uint OfNoMethod = 0;

    [Fact]
    public async Task Delivery_UnacknowledgedForHalfAnHour_ClosesItsChannelAlone()
    {
        await using var client = new ConnectionUnderTest();
        await ConsumeAsync(client, queueTimeout: null);
        await client.OpenAsync(2);

        client.Pass(TimeSpan.FromMinutes(30));
        client.ExpectNothing();
        client.Pass(TimeSpan.FromMinutes(1) + TimeSpan.FromSeconds(1));

        await client.ExpectChannelCloseAsync(1, ReplyCode.PreconditionFailed, TextFor(1, 1_800_000), OfNoMethod);
        await client.OpenAsync(3);
        client.ExpectNothing();
    }

    [Fact]
    public async Task Delivery_OfAQueueWithATimeOfItsOwn_ClosesItsChannelAndIsRequeued()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client, queueTimeout: 2_000);

        client.Pass(TimeSpan.FromSeconds(2));
        client.ExpectNothing();
        client.Pass(TimeSpan.FromSeconds(1.25));

        await client.ExpectChannelCloseAsync(1, ReplyCode.PreconditionFailed, TextFor(1, 2_000), OfNoMethod);
        var items = await queue.AnswerAsync(new DetachedItem(1));
        Assert.Contains(new DetachItem(1), items);
        var settled = Assert.Single(items.OfType<SettleItem>());
        Assert.Equal((Settlement.Requeue, new OffsetRange(0, 1)), (settled.Settlement, Assert.Single(settled.Offsets)));
    }

    [Fact]
    public async Task Queue_WithALongerTimeThanOthers_IsWaitedForSoLong()
    {
        await using var client = new ConnectionUnderTest();
        await ConsumeAsync(client, queueTimeout: 7_200_000);

        client.Pass(TimeSpan.FromMinutes(40));

        client.ExpectNothing();
    }

    [Fact]
    public async Task Deliveries_EachAcknowledgedInTime_CloseNothing()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client, queueTimeout: 2_000);
        for (var tag = 1UL; tag < 5; tag++)
        {
            client.Pass(TimeSpan.FromSeconds(1.5));
            await client.SendAsync(1, new BasicAck(tag, Multiple: false));
            await queue.AnswerAsync(new DeliveryItem(1, [Messages.Slice((long)tag, "next")]));
            await client.ReadContentAsync(1);
        }

        client.ExpectNothing();
        client.Pass(TimeSpan.FromSeconds(3.25));
        await client.ExpectChannelCloseAsync(1, ReplyCode.PreconditionFailed, TextFor(1, 2_000), OfNoMethod);
    }

    [Fact]
    public async Task MessageThatWasGot_AndNotAcknowledged_ClosesItsChannel()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync(3);
        await client.SendAsync(3, new BasicGet("q", NoAck: false));
        await new QueueEnd(client, "q").AnswerAsync(new OpenedItem(Guid.NewGuid(), 1_000), new GotItem(1, Messages.Slice(0, "a"), 0, null));
        await client.ReadContentAsync(3);

        client.Pass(TimeSpan.FromSeconds(2));

        await client.ExpectChannelCloseAsync(3, ReplyCode.PreconditionFailed, TextFor(3, 1_000), OfNoMethod);
    }

    private static string TextFor(int channel, int milliseconds) =>
        $"PRECONDITION_FAILED - delivery acknowledgement on channel {channel} timed out. Timeout value used: {milliseconds} ms. "
        + "This timeout value can be configured, see consumers doc guide to learn more";

    /// <summary>A consumer on channel 1 that has one delivery.</summary>
    private static async Task<QueueEnd> ConsumeAsync(ConnectionUnderTest client, long? queueTimeout)
    {
        await client.OpenAsync();
        await client.SendAsync(1, new BasicConsume("q", "c", NoLocal: false, NoAck: false, Exclusive: false, NoWait: false, FieldTable.Empty));
        var queue = new QueueEnd(client, "q");
        await queue.AnswerAsync(new OpenedItem(Guid.NewGuid(), queueTimeout), new AttachedItem(1, null), new DeliveryItem(1, [Messages.Slice(0, "a")]));
        await client.ExpectAsync(1, new BasicConsumeOk("c"));
        await client.ReadContentAsync(1);

        // The answer to the consume may be seen before its wait for the queue is over: another method is answered after it.
        await client.OpenAsync(9);
        return queue;
    }
}
