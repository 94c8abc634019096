using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Access;
using Granary.Core.Links;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>A connection whose user may do other things than before, in its middle: nothing is done by the former rights once the change has been taken.</summary>
public sealed class RightsTests
{
    private const string NoWrite = "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'guest'";
    private const string NoRead = "ACCESS_REFUSED - read access to queue 'q' in vhost '/' refused for user 'guest'";

    [Fact]
    public async Task Publish_OnAPathThatWasTakenBefore_IsRefusedAfterTheRightIsGone()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync(Frames.Publish(1, "q", [1]));
        await AmqpConnectionTests.WaitForPacketAsync(client, "q");

        client.Access.Permit(".*", "^$", ".*");
        await client.SendAsync(Frames.Publish(1, "q", [2]));

        await client.ExpectChannelCloseAsync(1, ReplyCode.AccessRefused, NoWrite, MethodId.BasicPublish);
        Assert.Equal(["\u0001"], client.Queue("q").Sent.SelectMany(sent => sent.Published));
    }

    [Fact]
    public async Task Publish_WhileNobodyKnowsTheRights_WaitsUntilTheyAreKnownInItsOrder()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync(Frames.Publish(1, "q", [1]));
        await AmqpConnectionTests.WaitForPacketAsync(client, "q");
        client.Access.Lose();

        await client.SendAsync([.. Frames.Publish(1, "q", [2]), .. Frames.Method(1, new BasicQos(0, 1, Global: false))]);
        await ConnectionUnderTest.WaitUntilAsync(() => client.Access.Asked > 0, "the rights are asked for");
        client.ExpectNothing();

        client.Access.FindAgain();
        await client.ExpectAsync(1, new BasicQosOk());
    }

    [Fact]
    public async Task Publish_WhileNobodyKnowsTheRights_IsRefusedIfTheyAreGoneThen()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        client.Access.Lose();
        await client.SendAsync(Frames.Publish(1, "q", [1]));
        await ConnectionUnderTest.WaitUntilAsync(() => client.Access.Asked > 0, "the rights are asked for");

        client.Access.Permit(".*", "", ".*");
        client.Access.FindAgain();

        await client.ExpectChannelCloseAsync(1, ReplyCode.AccessRefused, NoWrite, MethodId.BasicPublish);
        Assert.False(client.HasQueue("q"));
    }

    [Fact]
    public async Task Publish_ToAnExchangeThatMayNotBeWrittenTo_IsRefusedBeforeAnybodyAsksForIt()
    {
        await using var client = new ConnectionUnderTest();
        client.Access.Permit(".*", "^y$", ".*");
        await client.OpenAsync();

        await client.SendAsync(Frames.Publish(1, "k", [1], exchange: "x"));

        await client.ExpectChannelCloseAsync(
            1, ReplyCode.AccessRefused, "ACCESS_REFUSED - write access to exchange 'x' in vhost '/' refused for user 'guest'", MethodId.BasicPublish);
        Assert.Equal(0, client.Exchange("x").Watches);
    }

    [Fact]
    public async Task Consumer_OfAQueueThatMayNotBeReadAnyMore_IsCancelledAndWhatComesStillGoesBack()
    {
        await using var client = new ConnectionUnderTest();
        var (queue, attached) = await ConsumeAsync(client);
        queue.Push(attached, watermark: 0, new DeliveryItem(1, [Messages.Slice(0, "a")]));
        await client.ReadContentAsync(1);

        client.Access.Permit(".*", ".*", "^other$");

        await client.ExpectAsync(1, new BasicCancel("c", NoWait: true));
        queue.Push(attached, watermark: 0, new DeliveryItem(1, [Messages.Slice(1, "b")]));
        await client.SendAsync(1, new BasicAck(1, Multiple: false));
        var items = (await ItemsUntilAsync(queue, item => item is SettleItem { Settlement: Settlement.Ack })).ToArray();
        Assert.Single(items.OfType<DetachItem>());
        Assert.Equal(1, Assert.Single(Assert.Single(items.OfType<SettleItem>(), item => item.Settlement == Settlement.Undelivered).Offsets).First);
        client.ExpectNothing();
    }

    [Fact]
    public async Task Consumer_OfAClientThatCannotBeToldOfIt_HasItsChannelClosed()
    {
        await using var client = new ConnectionUnderTest(canListen: false);
        await ConsumeAsync(client);

        client.Access.Permit(".*", ".*", "");

        await client.ExpectChannelCloseAsync(1, ReplyCode.AccessRefused, NoRead, MethodId.BasicConsume);
    }

    [Fact]
    public async Task Consumer_WhoseRightIsTakenWhileItsQueueIsAsked_IsCancelledBehindConsumeOk()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync(1, new BasicConsume("q", "c", NoLocal: false, NoAck: false, Exclusive: false, NoWait: false, FieldTable.Empty));
        var queue = new QueueEnd(client, "q");
        var attach = await queue.NextAsync();

        client.Access.Permit(".*", ".*", "");
        queue.Answer(attach, new AttachedItem(1, null));

        await client.ExpectAsync(1, new BasicConsumeOk("c"));
        await client.ExpectAsync(1, new BasicCancel("c", NoWait: true));
    }

    [Fact]
    public async Task Consumer_OfAQueueThatMayStillBeRead_GoesOn()
    {
        await using var client = new ConnectionUnderTest();
        var (queue, attached) = await ConsumeAsync(client);

        client.Access.Permit("", "", "^q$");
        queue.Push(attached, watermark: 0, new DeliveryItem(1, [Messages.Slice(0, "a")]));

        await client.ReadContentAsync(1);
        client.ExpectNothing();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Read_OfAQueueThatMayNotBeRead_IsRefusedBeforeTheQueueIsAsked(bool consumes)
    {
        await using var client = new ConnectionUnderTest();
        client.Access.Permit(".*", ".*", "");
        await client.OpenAsync();

        await (consumes
            ? client.SendAsync(1, new BasicConsume("q", "c", NoLocal: false, NoAck: false, Exclusive: false, NoWait: false, FieldTable.Empty))
            : client.SendAsync(1, new BasicGet("q", NoAck: true)));

        await client.ExpectChannelCloseAsync(1, ReplyCode.AccessRefused, NoRead, consumes ? MethodId.BasicConsume : MethodId.BasicGet);
        Assert.False(client.HasQueue("q"));
    }

    [Fact]
    public async Task Connection_OfAUserWhoIsDeleted_IsClosed()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();

        client.Access.Change(new Rights("guest", "/", null, new Vhost("/"), null, []));

        await client.ExpectCloseAsync(ReplyCode.ConnectionForced, "CONNECTION_FORCED - user 'guest' is deleted");
        Assert.Equal(0, client.Access.Clients);
    }

    [Fact]
    public async Task Connection_InAVhostThatIsDeleted_IsClosed()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();

        client.Access.Change(new Rights("guest", "/", new KnownUser("guest", [], default), null, null, []));

        await client.ExpectCloseAsync(ReplyCode.ConnectionForced, "CONNECTION_FORCED - vhost '/' is deleted");
    }

    [Theory]
    [InlineData("guest", false, true)]
    [InlineData("joe", false, false)]
    [InlineData("joe", true, true)]
    public async Task Publish_InSomebodysName_IsForThatUserAndImpersonators(string name, bool isImpersonator, bool isTaken)
    {
        await using var client = new ConnectionUnderTest();
        var user = new KnownUser("guest", isImpersonator ? ["impersonator"] : [], default);
        client.Access.Change(new Rights("guest", "/", user, new Vhost("/"), Permission.Full("guest", "/"), []));
        await client.OpenAsync();

        for (var i = 0; i < 2; i++)
        {
            await client.SendAsync(PublishAs(name));
            if (!isTaken)
            {
                await client.ExpectChannelCloseAsync(
                    1, ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - user_id property set to 'joe' but authenticated user was 'guest'", MethodId.BasicPublish);
                return;
            }

            await client.SendAsync(1, new BasicQos(0, 1, Global: false));
            await client.ExpectAsync(1, new BasicQosOk());
        }

        await AmqpConnectionTests.WaitForPacketAsync(client, "q");
    }

    private static byte[] PublishAs(string user)
    {
        byte[] header = [0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x00, 0x10, (byte)user.Length, .. System.Text.Encoding.UTF8.GetBytes(user)];
        return
        [
            .. Frames.Method(1, new BasicPublish("", "q", Mandatory: false, Immediate: false)), .. Frames.Of(FrameType.Header, 1, header), .. Frames.Of(FrameType.Body, 1, 7),
        ];
    }

    private static async Task<IEnumerable<LinkUpItem>> ItemsUntilAsync(QueueEnd queue, Func<LinkUpItem, bool> last)
    {
        List<LinkUpItem> items = [];
        while (!items.Any(last))
        {
            var sent = await queue.NextAsync();
            items.AddRange(sent.Up.Items);
            queue.Answer(sent);
        }

        return items;
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
