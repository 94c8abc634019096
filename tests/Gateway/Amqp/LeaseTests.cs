using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>A gateway that no silo has answered for a while: what its clients have may have been given to others.</summary>
public sealed class LeaseTests
{
    [Fact]
    public async Task Delivery_WhileNoSiloAnswers_WaitsUntilOneDoes()
    {
        await using var client = new ConnectionUnderTest(isInCluster: true);
        var (queue, attached) = await ConsumeAsync(client);
        client.Clock.Skip(SnapshotLease.HolderLimit);

        queue.Push(attached, watermark: 0, new DeliveryItem(1, [Messages.Slice(0, "a")]));
        client.Pass(TimeSpan.FromSeconds(1));
        client.ExpectNothing();

        client.Lease!.Renew(client.Clock.GetTimestamp());
        client.Connection.Tick();
        await client.ReadContentAsync(1);
    }

    [Fact]
    public async Task Publish_WhileNoSiloAnswers_WaitsUntilOneDoesInItsOrder()
    {
        await using var client = new ConnectionUnderTest(isInCluster: true);
        await client.OpenAsync();
        client.Clock.Skip(SnapshotLease.HolderLimit);

        await client.SendAsync([.. Frames.Publish(1, "q", [1]), .. Frames.Method(1, new BasicQos(0, 1, Global: false))]);
        await ConnectionUnderTest.WaitUntilAsync(() => client.Connection.Hold == Granary.Gateway.Amqp.HoldReason.Operation, "the publish is held");
        client.ExpectNothing();

        client.Lease!.Renew(client.Clock.GetTimestamp());
        await client.ExpectAsync(1, new BasicQosOk());
        await AmqpConnectionTests.WaitForPacketAsync(client, "q");
    }

    [Fact]
    public async Task Get_AnsweredWhenNoSiloMayHaveAnsweredForTooLong_IsGivenBack()
    {
        await using var client = new ConnectionUnderTest(isInCluster: true);
        await client.OpenAsync();
        await client.SendAsync(1, new BasicGet("q", NoAck: false));
        var queue = new QueueEnd(client, "q");
        var asked = await queue.NextAsync();
        client.Clock.Skip(SnapshotLease.HolderLimit);

        queue.Answer(asked, new GotItem(1, Messages.Slice(7, "a"), 0, null));

        await client.ExpectChannelCloseAsync(1, ReplyCode.NotFound, "NOT_FOUND - queue 'q' in vhost '/' is down or inaccessible", MethodId.BasicGet);
        var returned = Assert.Single((await queue.NextAsync()).Up.Items.OfType<SettleItem>());
        Assert.Equal((Settlement.Undelivered, 7), (returned.Settlement, Assert.Single(returned.Offsets).First));
    }

    [Fact]
    public async Task Get_WhileNoSiloAnswers_WaitsUntilOneDoes()
    {
        await using var client = new ConnectionUnderTest(isInCluster: true);
        await client.OpenAsync();
        client.Clock.Skip(SnapshotLease.HolderLimit);
        await client.SendAsync(1, new BasicGet("q", NoAck: true));
        await ConnectionUnderTest.WaitUntilAsync(() => client.Connection.Hold == Granary.Gateway.Amqp.HoldReason.Operation, "the get is held");
        Assert.False(client.HasQueue("q"));

        client.Lease!.Renew(client.Clock.GetTimestamp());
        var queue = new QueueEnd(client, "q");
        queue.Answer(await queue.NextAsync(), new GotItem(1, Messages.Slice(7, "a"), 0, null));

        await client.ReadContentAsync(1);
    }

    [Fact]
    public async Task Connection_OfAGatewayDeclaredDead_IsClosedAndDeliversNothingMore()
    {
        await using var client = new ConnectionUnderTest(isInCluster: true);
        await client.Server.StartAsync(CancellationToken.None);
        var (queue, attached) = await ConsumeAsync(client);
        client.Clock.Skip(SnapshotLease.HolderLimit);
        queue.Push(attached, watermark: 0, new DeliveryItem(1, [Messages.Slice(0, "a")]));
        await client.SendAsync(Frames.Publish(1, "other", [1]));
        await ConnectionUnderTest.WaitUntilAsync(() => client.Connection.Hold == Granary.Gateway.Amqp.HoldReason.Operation, "the publish is held");

        var ended = client.Lease!.EndAsync();
        client.Lease.Renew(client.Clock.GetTimestamp());
        Assert.True(client.Lease.IsOver);

        await client.ExpectAsync(0, new ConnectionClose(
            ReplyCode.ConnectionForced, "CONNECTION_FORCED - broker forced connection closure: this node is no member of the cluster any more", 0, 0));
        await client.SendAsync(0, new ConnectionCloseOk());
        var closed = client.EndAsync();
        while ((await queue.NextAsync()) is var sent)
        {
            var isLast = sent.Up.Items.Any(item => item is CloseItem);
            queue.Answer(sent, isLast ? [new ClosedItem()] : []);
            if (isLast)
            {
                break;
            }
        }

        await closed;
        await ended.WaitAsync(TimeSpan.FromSeconds(20));
        client.ExpectNothing();
        Assert.False(client.HasQueue("other"));
    }

    private static async Task<(QueueEnd Queue, SentPacket Attached)> ConsumeAsync(ConnectionUnderTest client)
    {
        await client.OpenAsync();
        await client.SendAsync(1, new BasicConsume("q", "c", NoLocal: false, NoAck: false, Exclusive: false, NoWait: false, FieldTable.Empty));
        var queue = new QueueEnd(client, "q");
        var attached = await queue.NextAsync();
        queue.Answer(attached, new AttachedItem(1, null));
        await client.ExpectAsync(1, new BasicConsumeOk("c"));
        return (queue, attached);
    }
}
