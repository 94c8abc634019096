using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Counting;
using Granary.Core.Links;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp.Delivering;

/// <summary>A delivery whose lease is over goes back to its queue, and what the client says of it later changes nothing (x-message-lease).</summary>
public sealed class MessageLeaseTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(2);

    // A lease may be found to be over a quarter of a second late, and a little.
    private static readonly TimeSpan Late = TimeSpan.FromSeconds(0.5);

    [Theory]
    [InlineData(2_000L, null)]
    [InlineData(null, 2_000L)]
    [InlineData(60_000L, 2_000L)]
    public async Task Delivery_WhoseLeaseIsOver_GoesBack(long? ofQueue, long? ofConsumer)
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client, ofQueue, ofConsumer);

        client.Pass(Lease);
        Assert.Single(client.Queue("q").Sent, static sent => sent.Up.Number > 0);
        client.Pass(Late);

        Assert.Equal([new OffsetRange(0, 1)], Returned(await queue.AnswerAsync()));
        Assert.Equal((1, 0), Counted(client));
        client.ExpectNothing();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Settlement_AfterTheLease_IsIgnoredAndCounted(bool multiple)
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client, 2_000, null);
        client.Pass(Lease + Late);
        await queue.AnswerAsync(new DeliveryItem(1, [Messages.Slice(0, "a")]));
        await client.ReadContentAsync(1);

        await client.SendAsync(1, new BasicAck(1, multiple));
        await client.SettleAsync();

        Assert.Equal((1, 1), Counted(client));
        client.ExpectNothing();

        // The same message, delivered again, is another delivery.
        await client.SendAsync(1, new BasicAck(2, Multiple: false));
        var settled = Assert.Single((await queue.AnswerAsync()).OfType<SettleItem>());
        Assert.Equal((Settlement.Ack, false), (settled.Settlement, settled.IsLeaseOver));
    }

    [Fact]
    public async Task Settlement_OfATagThatNeverWas_ClosesTheChannelAsEver()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client, 2_000, null);
        client.Pass(Lease + Late);
        await queue.AnswerAsync();

        await client.SendAsync(1, new BasicNack(2, Multiple: false, Requeue: false));

        await client.ExpectChannelCloseAsync(1, ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 2", MethodId.BasicNack);
    }

    [Fact]
    public async Task Settlement_OfAllUpToOneThatIsTooLate_SettlesTheOthers()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client, 2_000, null);
        client.Pass(Lease - Late);
        await client.SendAsync(1, new BasicQos(0, 9, Global: false));
        await client.ExpectAsync(1, new BasicQosOk());
        client.Pass(Late + Late);
        Assert.Equal([new OffsetRange(0, 1)], Returned(await queue.AnswerAsync(new DeliveryItem(1, [Messages.Slice(5, "b")]))));
        await client.ReadContentAsync(1);

        await client.SendAsync(1, new BasicAck(2, Multiple: true));

        Assert.Equal([new OffsetRange(5, 1)], Assert.Single((await queue.AnswerAsync()).OfType<SettleItem>()).Offsets);
        Assert.Equal((1, 1), Counted(client));
    }

    [Fact]
    public async Task DeliveryOfLongerLeases_BesideShorterOnes_StaysOut()
    {
        await using var client = new ConnectionUnderTest();
        await ConsumeAsync(client, 60_000, null);
        await client.OpenAsync(2);
        await client.SendAsync(2, new BasicGet("r", NoAck: false));
        var other = new QueueEnd(client, "r");
        await other.AnswerAsync(new OpenedItem(Guid.NewGuid()) { MessageLease = 500 }, new GotItem(1, Messages.Slice(7, "b"), 0, null));
        await client.ReadContentAsync(2);

        client.Pass(Lease);

        Assert.Equal([new OffsetRange(7, 1)], Returned(await other.AnswerAsync()));
        Assert.Single(client.Queue("q").Sent, static sent => sent.Up.Number > 0);
    }

    [Fact]
    public async Task Transaction_ThatSettlesWhatIsTooLate_FailsAndDoesNothing()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client, 2_000, null);
        await client.SendAsync([.. Frames.Method(1, new TxSelect()), .. Frames.Method(1, new BasicAck(1, Multiple: false)), .. Frames.Publish(1, "out", [1])]);
        await client.ExpectAsync(1, new TxSelectOk());

        // That it is part of a transaction is no reason to keep it for ever.
        client.Pass(Lease + Late);
        Assert.Equal([new OffsetRange(0, 1)], Returned(await queue.AnswerAsync()));
        await client.SendAsync(1, new TxCommit());

        await client.ExpectChannelCloseAsync(
            1, ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - the lease of a delivery that the transaction settles is over", MethodId.TxCommit);
        Assert.False(client.HasQueue("out") && client.Queue("out").Sent.Any());
    }

    [Fact]
    public async Task Transaction_RolledBackAfterALateSettlement_GoesOn()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client, 2_000, null);
        client.Pass(Lease + Late);
        await queue.AnswerAsync();
        await client.SendAsync([.. Frames.Method(1, new TxSelect()), .. Frames.Method(1, new BasicAck(1, Multiple: false)), .. Frames.Method(1, new TxRollback()), .. Frames.Method(1, new TxCommit())]);
        await client.ExpectAsync(1, new TxSelectOk());
        await client.ExpectAsync(1, new TxRollbackOk());
        await client.ExpectAsync(1, new TxCommitOk());
        Assert.Equal((1, 1), Counted(client));
    }

    [Fact]
    public async Task Lease_OfADeliveryThatAnActivationLosesItsQueueOf_GoesOn()
    {
        await using var client = new ConnectionUnderTest();
        var queue = await ConsumeAsync(client, 2_000, null);
        client.Pass(Lease / 2);
        var first = client.Queue("q").Sent[0];
        queue.Push(first, 0, new EndedItem(LinkEnd.Lost));
        var again = await new QueueEnd(client, "q", taken: 1).AnswerAsync(new OpenedItem(first.Up.Open!.Incarnation) { MessageLease = 2_000 }, new AttachedItem(1, null));
        Assert.Equal([new OffsetRange(0, 1)], Assert.Single(again.OfType<HoldItem>()).Offsets);

        client.Pass((Lease / 2) + Late);

        Assert.Contains(client.Queue("q").Sent.SelectMany(sent => sent.Up.Items).OfType<SettleItem>(), item => item is { IsLeaseOver: true, Settlement: Settlement.Requeue });
    }

    [Fact]
    public async Task ConsumerTimeout_ShorterThanTheLease_ClosesTheChannelAsEver()
    {
        await using var client = new ConnectionUnderTest();
        await ConsumeAsync(client, 60_000, null, timeout: 2_000);

        client.Pass(Lease + TimeSpan.FromSeconds(1.25));

        await client.ExpectChannelCloseAsync(
            1, ReplyCode.PreconditionFailed,
            "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 2000 ms. This timeout value can be configured, see consumers doc guide to learn more", 0);
    }

    private static OffsetRange[] Returned(LinkUpItem[] items)
    {
        var settled = Assert.Single(items.OfType<SettleItem>());
        Assert.Equal((Settlement.Requeue, true), (settled.Settlement, settled.IsLeaseOver));
        return settled.Offsets;
    }

    private static (long Ended, long Late) Counted(ConnectionUnderTest client) =>
        (client.Connection.Links.Counts[MessageEvent.LeaseEnd], client.Connection.Links.Counts[MessageEvent.LateSettle]);

    /// <summary>A consumer on channel 1 that has one delivery.</summary>
    private static async Task<QueueEnd> ConsumeAsync(ConnectionUnderTest client, long? ofQueue, long? ofConsumer, long? timeout = null)
    {
        await client.OpenAsync();
        var arguments = ofConsumer is { } own ? FieldTable.Of((MessageLease.Argument, own)) : FieldTable.Empty;
        await client.SendAsync(1, new BasicConsume("q", "c", NoLocal: false, NoAck: false, Exclusive: false, NoWait: false, arguments));
        var queue = new QueueEnd(client, "q");
        await queue.AnswerAsync(
            new OpenedItem(Guid.NewGuid(), timeout) { MessageLease = ofQueue }, new AttachedItem(1, null), new DeliveryItem(1, [Messages.Slice(0, "a")]));
        await client.ExpectAsync(1, new BasicConsumeOk("c"));
        await client.ReadContentAsync(1);

        // The answer to the consume may be seen before its wait for the queue is over: another method is answered after it.
        await client.OpenAsync(9);
        return queue;
    }
}
