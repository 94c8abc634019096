using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Alarms;
using Granary.Core.Topology;
using Granary.Gateway.Amqp;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>What a connection answers, frame by frame.</summary>
public sealed class AmqpConnectionTests
{
    private const int PeerIsDead = 1203;

    private static readonly BasicQos Qos = new(0, 1, Global: false);

    public static TheoryData<string, byte[], ReplyCode, string, uint> Refusals => new()
    {
        {
            "method on channel 0", Frames.Method(0, Qos), ReplyCode.ChannelError,
            "CHANNEL_ERROR - unexpected method in connection state running", MethodId.BasicQos
        },
        {
            "connection.open again", Frames.Method(0, new ConnectionOpen("/")), ReplyCode.ChannelError,
            "CHANNEL_ERROR - unexpected method in connection state running", MethodId.ConnectionOpen
        },
        { "unknown method on channel 0", Frames.Of(FrameType.Method, 0, 0, 60, 0, 99), ReplyCode.CommandInvalid, "COMMAND_INVALID - unimplemented method", (60 << 16) | 99 },
        { "unknown method", Frames.Of(FrameType.Method, 1, 0, 60, 0, 99), ReplyCode.CommandInvalid, "COMMAND_INVALID - unimplemented method", (60 << 16) | 99 },
        { "method on a channel not open", Frames.Method(2, Qos), ReplyCode.ChannelError, "CHANNEL_ERROR - expected 'channel.open'", MethodId.BasicQos },
        { "body on a channel not open", Frames.Of(FrameType.Body, 2, 1), ReplyCode.ChannelError, "CHANNEL_ERROR - expected 'channel.open'", 0 },
        {
            "channel.close on a channel not open", Frames.Method(2, new ChannelClose(ReplyCode.Success, "", 0, 0)), ReplyCode.ChannelError,
            "CHANNEL_ERROR - expected 'channel.open'", MethodId.ChannelClose
        },
        {
            "channel.close-ok on a channel not open", Frames.Method(2, new ChannelCloseOk()), ReplyCode.ChannelError,
            "CHANNEL_ERROR - expected 'channel.open'", MethodId.ChannelCloseOk
        },
        { "second channel.open", Frames.Method(1, new ChannelOpen()), ReplyCode.ChannelError, "CHANNEL_ERROR - second 'channel.open' seen", MethodId.ChannelOpen },
        { "header before publish", Frames.Header(1, 3), ReplyCode.UnexpectedFrame, "UNEXPECTED_FRAME - expected method frame, got non method frame instead", 0 },
        { "body before publish", Frames.Of(FrameType.Body, 1, 1), ReplyCode.UnexpectedFrame, "UNEXPECTED_FRAME - expected method frame, got non method frame instead", 0 },
        {
            "method instead of header", [.. Frames.Method(1, new BasicPublish("", "q", false, false)), .. Frames.Method(1, Qos)], ReplyCode.UnexpectedFrame,
            "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead", MethodId.BasicPublish
        },
        {
            "header instead of body", [.. Frames.Method(1, new BasicPublish("", "q", false, false)), .. Frames.Header(1, 2), .. Frames.Header(1, 2)],
            ReplyCode.UnexpectedFrame, "UNEXPECTED_FRAME - expected content body, got non content body frame instead", MethodId.BasicPublish
        },
        {
            "header of another class", [.. Frames.Method(1, new BasicPublish("", "q", false, false)), .. Frames.Header(1, 2, classId: 50)],
            ReplyCode.UnexpectedFrame, "UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead", MethodId.BasicPublish
        },
        { "heartbeat on a channel", Frames.Of(FrameType.Heartbeat, 1), ReplyCode.UnexpectedFrame, "UNEXPECTED_FRAME - type 8, all octets = <<>>", 0 },
        {
            "frame too large", [1, 0, 1, 0, 2, 0, 1], ReplyCode.FrameError,
            "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,131073,131064}", 0
        },
        {
            "wrong frame end", [8, 0, 0, 0, 0, 0, 0, 0xCD], ReplyCode.FrameError,
            "FRAME_ERROR - type 8, all octets = <<>>: {invalid_frame_end_marker,205}", 0
        },
        { "unknown frame type", [5, 0, 0, 0, 0, 0, 0, 0xCE], ReplyCode.FrameError, "FRAME_ERROR - type 5, all octets = <<>>: unknown_frame", 0 },
        {
            "immediate", Frames.Method(1, new BasicPublish("", "q", Mandatory: false, Immediate: true)), ReplyCode.NotImplemented,
            "NOT_IMPLEMENTED - immediate=true", MethodId.BasicPublish
        },
        {
            "prefetch size", Frames.Method(1, new BasicQos(7, 1, Global: false)), ReplyCode.NotImplemented,
            "NOT_IMPLEMENTED - prefetch_size!=0 (7)", MethodId.BasicQos
        },
        { "flow off", Frames.Method(1, new ChannelFlow(false)), ReplyCode.NotImplemented, "NOT_IMPLEMENTED - active=false", MethodId.ChannelFlow },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task Frame_NotAllowed_ClosesTheConnection(string what, byte[] frames, ReplyCode code, string text, uint method)
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();

        await client.SendAsync(frames);

        Assert.NotEmpty(what);
        await client.ExpectCloseAsync(code, text, method);
    }

    [Fact]
    public async Task Method_OnClosedChannel_ClosesTheConnection()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync(1, new ChannelClose(ReplyCode.Success, "", 0, 0));
        await client.ExpectAsync(1, new ChannelCloseOk());

        await client.SendAsync(1, Qos);

        await client.ExpectCloseAsync(ReplyCode.ChannelError, "CHANNEL_ERROR - expected 'channel.open'", MethodId.BasicQos);
    }

    [Fact]
    public async Task ChannelOpen_BeyondChannelMax_ClosesTheConnection()
    {
        await using var client = new ConnectionUnderTest(channelMax: 2);
        await client.OpenAsync(1);
        await client.OpenAsync(2);

        await client.SendAsync(3, new ChannelOpen());

        await client.ExpectCloseAsync(
            ReplyCode.NotAllowed, "NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2)", 0);
    }

    [Fact]
    public async Task ChannelError_UntilCloseOk_IgnoresTheChannelAndServesOthers()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync(1);
        await client.OpenAsync(2);

        await client.SendAsync(
        [
            .. Frames.Method(1, new BasicAck(5, Multiple: false)), .. Frames.Method(1, Qos), .. Frames.Publish(1, "q", [1]), .. Frames.Method(2, Qos),
        ]);

        await client.ExpectAsync(1, new ChannelClose(ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 5", 60, 80));
        await client.ExpectAsync(2, new BasicQosOk());
        await client.SendAsync(1, new ChannelCloseOk());
        await client.OpenAsync(1);
        client.ExpectNothing();
    }

    [Fact]
    public async Task ChannelOpen_BeforeCloseOk_ClosesTheConnection()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync(1, new BasicAck(5, Multiple: false));
        await client.ExpectAsync(1, new ChannelClose(ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 5", 60, 80));

        await client.SendAsync(1, new ChannelOpen());

        await client.ExpectCloseAsync(ReplyCode.ChannelError, "CHANNEL_ERROR - second 'channel.open' seen", MethodId.ChannelOpen);
    }

    [Fact]
    public async Task ChannelClose_CrossingTheBrokers_IsAnsweredAndFreesTheNumber()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync([.. Frames.Method(1, new BasicAck(5, Multiple: false)), .. Frames.Method(1, new ChannelClose(ReplyCode.Success, "", 0, 0))]);
        await client.ExpectAsync(1, new ChannelClose(ReplyCode.PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 5", 60, 80));
        await client.ExpectAsync(1, new ChannelCloseOk());

        await client.SendAsync(1, new ChannelCloseOk());

        await client.OpenAsync();
    }

    [Fact]
    public async Task Close_ByTheClient_IsAnsweredAndNothingBehindItIsHandled()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();

        await client.SendAsync([.. Frames.Method(0, new ConnectionClose(ReplyCode.Success, "", 0, 0)), .. Frames.Method(1, Qos), 1, 2, 3]);

        await client.ExpectAsync(0, new ConnectionCloseOk());
        await client.EndAsync();
        client.ExpectNothing();
    }

    [Fact]
    public async Task Close_ByTheBroker_IgnoresAllButCloseAndCloseOk()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        client.Connection.ForceClose("broker forced connection closure with reason 'shutdown'");
        await client.ExpectAsync(
            0, new ConnectionClose(ReplyCode.ConnectionForced, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'", 0, 0));

        await client.SendAsync([.. Frames.Method(1, Qos), .. Frames.Method(7, Qos), .. Frames.Header(1, 1), .. Frames.Method(0, new ConnectionCloseOk())]);

        await client.EndAsync();
        client.ExpectNothing();
        Assert.False(client.IsAborted);
    }

    [Fact]
    public async Task Close_CrossingTheBrokers_IsAnswered()
    {
        await using var client = new ConnectionUnderTest();
        client.Connection.ForceClose("x");
        await client.SendAsync(0, new ConnectionClose(ReplyCode.Success, "", 0, 0));

        await client.ExpectAsync(0, new ConnectionClose(ReplyCode.ConnectionForced, "CONNECTION_FORCED - x", 0, 0));
        await client.ExpectAsync(0, new ConnectionCloseOk());
        await client.EndAsync();
    }

    [Fact]
    public async Task Close_ByTheBroker_DeletesExclusiveQueuesWithoutWaitingForTheClient()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        var deleted = new TaskCompletionSource();
        var queue = client.AddQueue("own");
        var there = new QueueAnswer(Error: null, Messages: 0, Consumers: 0, Incarnation: Guid.NewGuid(), Durable: false);
        queue.OnDeclare = queue.OnDescribe = () => new ValueTask<QueueAnswer>(there);
        queue.OnDelete = () =>
        {
            deleted.SetResult();
            return default;
        };
        await client.SendAsync(1, new QueueDeclare("own", Passive: false, Durable: false, Exclusive: true, AutoDelete: false, NoWait: false, FieldTable.Empty));
        await client.ExpectAsync(1, new QueueDeclareOk("own", 0, 0));

        client.Connection.ForceClose("x");

        await deleted.Task.WaitAsync(TimeSpan.FromSeconds(20));
        await client.ExpectAsync(0, new ConnectionClose(ReplyCode.ConnectionForced, "CONNECTION_FORCED - x", 0, 0));
        await client.SendAsync(0, new ConnectionCloseOk());
        await client.EndAsync();
    }

    [Fact]
    public async Task Close_NeverAnswered_AbortsAfterTenSeconds()
    {
        await using var client = new ConnectionUnderTest();
        client.Connection.ForceClose("x");

        client.Pass(TimeSpan.FromSeconds(9));
        Assert.False(client.IsAborted);
        client.Pass(TimeSpan.FromSeconds(1));

        await ConnectionUnderTest.WaitUntilAsync(() => client.IsAborted, "the socket is given up");
        await client.WaitForEndAsync();
    }

    [Fact]
    public async Task Close_ByTheBrokerDuringACommit_IsStillAHandshake()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync(1, new TxSelect());
        await client.ExpectAsync(1, new TxSelectOk());
        await client.SendAsync([.. Frames.Publish(1, "q", [1]), .. Frames.Method(1, new TxCommit())]);
        await WaitForPacketAsync(client, "q");

        client.Connection.ForceClose("x");

        await client.ExpectAsync(0, new ConnectionClose(ReplyCode.ConnectionForced, "CONNECTION_FORCED - x", 0, 0));
        await client.SendAsync(0, new ConnectionCloseOk());
        await EndWithQueueAsync(client, "q");
    }

    [Fact]
    public async Task Frames_OctetByOctet_AreUnderstood()
    {
        await using var client = new ConnectionUnderTest();
        foreach (var octet in (byte[])[.. Frames.Method(1, new ChannelOpen()), .. Frames.Method(1, Qos)])
        {
            await client.SendAsync(octet);
        }

        await client.ExpectAsync(1, new ChannelOpenOk());
        await client.ExpectAsync(1, new BasicQosOk());
    }

    [Fact]
    public async Task Heartbeats_ToAQuietClient_AreSentEveryHalfInterval()
    {
        await using var client = new ConnectionUnderTest(heartbeat: TimeSpan.FromSeconds(10));

        client.Pass(TimeSpan.FromSeconds(11));

        await client.ExpectAsync([8, 0, 0, 0, 0, 0, 0, 0xCE]);
        await client.ExpectAsync([8, 0, 0, 0, 0, 0, 0, 0xCE]);
        client.ExpectNothing();
    }

    [Fact]
    public async Task Silence_OfMoreThanTwoIntervals_EndsTheConnection()
    {
        await using var client = new ConnectionUnderTest(heartbeat: TimeSpan.FromSeconds(10));
        client.Watched.Expect(PeerIsDead);
        client.Pass(TimeSpan.FromSeconds(20));
        Assert.False(client.IsAborted);

        client.Pass(TimeSpan.FromSeconds(1));

        Assert.True(client.IsAborted);
        await client.WaitForEndAsync();
        Assert.Single(client.Watched.Lines);
    }

    [Fact]
    public async Task Publisher_AheadOfItsQueue_IsHeldAndNotTakenForDead()
    {
        await using var client = new ConnectionUnderTest(heartbeat: TimeSpan.FromSeconds(10));
        await client.OpenAsync();
        await client.SendAsync(Frames.Publish(1, "q", new byte[1_500_000]));
        await WaitForPacketAsync(client, "q");
        await client.SendAsync(1, Qos);
        await ConnectionUnderTest.WaitUntilAsync(() => client.Connection.Hold == HoldReason.Limits, "the publisher is held");

        client.Pass(TimeSpan.FromSeconds(60));

        Assert.False(client.IsAborted);
        var sent = client.Queue("q").Sent[0];
        sent.Answer(1, sent.Down(1, 1, 1, new Granary.Core.Links.PublishedItem(0, null)));
        byte[] frame;
        do
        {
            frame = await client.ReadFrameAsync();
        }
        while (frame[0] == (byte)FrameType.Heartbeat);
        Assert.Equal(Frames.Method(1, new BasicQosOk()), frame);

        // From now on silence counts again.
        client.Watched.Expect(PeerIsDead);
        client.Pass(TimeSpan.FromSeconds(21));
        Assert.True(client.IsAborted);
    }

    [Fact]
    public async Task MemoryAlarm_Publisher_IsToldAndNotReadUntilItClears()
    {
        await using var client = new ConnectionUnderTest(heartbeat: TimeSpan.FromSeconds(10));
        await client.OpenAsync();
        client.Alarms.Raise(PublisherAlarm.Memory);
        await client.SendAsync(1, Qos);
        await client.ExpectAsync(1, new BasicQosOk());

        await client.SendAsync(Frames.Publish(1, "q", [1]));
        await client.ExpectAsync(0, new ConnectionBlocked("low on memory"));
        await client.SendAsync(1, Qos);
        client.ExpectNothing();
        client.Pass(TimeSpan.FromSeconds(4));
        Assert.False(client.IsAborted);

        client.Alarms.Clear(PublisherAlarm.Memory);
        await client.ExpectAsync(0, new ConnectionUnblocked());
        await client.ExpectAsync(1, new BasicQosOk());
    }

    [Fact]
    public async Task MemoryAlarm_PublisherInTheMiddleOfALargeMessage_MayCompleteItAndIsHeldThen()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        client.Alarms.Raise(PublisherAlarm.Memory);
        var publish = Frames.Publish(1, "q", new byte[100_000]);
        await client.SendAsync(publish[..50_000]);
        await client.ExpectAsync(0, new ConnectionBlocked("low on memory"));

        await client.SendAsync(publish[50_000..]);
        await WaitForPacketAsync(client, "q");
        await client.SendAsync(1, Qos);
        client.ExpectNothing();

        client.Alarms.Clear(PublisherAlarm.Memory);
        await client.ExpectAsync(0, new ConnectionUnblocked());
        await client.ExpectAsync(1, new BasicQosOk());
    }

    [Fact]
    public async Task Alarms_Several_HoldUntilTheLastClears()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        client.Alarms.Raise(PublisherAlarm.Store);
        client.Alarms.Raise(PublisherAlarm.Disk);
        await client.SendAsync(Frames.Publish(1, "q", [1]));
        await client.ExpectAsync(0, new ConnectionBlocked("low on disk & the store is out of reach"));
        await client.SendAsync(1, Qos);

        client.Alarms.Clear(PublisherAlarm.Disk);
        client.ExpectNothing();

        client.Alarms.Clear(PublisherAlarm.Store);
        await client.ExpectAsync(0, new ConnectionUnblocked());
        await client.ExpectAsync(1, new BasicQosOk());
    }

    [Fact]
    public async Task MemoryAlarm_ClientThatCannotListen_IsHeldWithoutAWord()
    {
        await using var client = new ConnectionUnderTest(canListen: false);
        await client.OpenAsync();
        client.Alarms.Raise(PublisherAlarm.Memory);

        await client.SendAsync(Frames.Publish(1, "q", [1]));
        await WaitForPacketAsync(client, "q");
        await client.SendAsync(1, Qos);
        client.ExpectNothing();

        client.Alarms.Clear(PublisherAlarm.Memory);
        await client.ExpectAsync(1, new BasicQosOk());
    }

    [Fact]
    public async Task Client_GoneInTheMiddleOfAMessage_LeavesNoLink()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        await client.SendAsync([.. Frames.Publish(1, "q", [1]), .. Frames.Publish(1, "q", [1, 2, 3])[..^3]]);
        await WaitForPacketAsync(client, "q");

        await EndWithQueueAsync(client, "q");
    }

    internal static Task WaitForPacketAsync(ConnectionUnderTest client, string queue, int count = 1) =>
        ConnectionUnderTest.WaitUntilAsync(() => Count(client, queue) >= count, $"{count} packets were sent to {queue}");

    // The queue answers all it was sent, and whatever still comes, until the connection has let go of it.
    internal static async Task EndWithQueueAsync(ConnectionUnderTest client, string queue)
    {
        var end = client.EndAsync();
        long number = 0, offset = 0;
        for (var answered = 0; !end.IsCompleted;)
        {
            if (Count(client, queue) == answered)
            {
                await Task.Delay(1);
                continue;
            }

            var sent = client.Queue(queue).Sent[answered++];
            if (sent.Up.IsLast)
            {
                continue;
            }

            Granary.Core.Links.LinkDownItem[] items =
            [
                .. sent.Up.Items.Select<Granary.Core.Links.LinkUpItem, Granary.Core.Links.LinkDownItem>(item => item switch
                {
                    Granary.Core.Links.PublishItem => new Granary.Core.Links.PublishedItem(offset++, null),
                    Granary.Core.Links.CloseItem => new Granary.Core.Links.ClosedItem(),
                    _ => throw new NotSupportedException(item.GetType().Name),
                }),
            ];
            sent.Answer(sent.Up.Number, sent.Down(++number, sent.Up.Number, offset, items));
        }

        await end;
        var ended = client.Queue(queue).Sent.FindLast(sent => !sent.Up.IsLast);
        Assert.IsType<Granary.Core.Links.CloseItem>(ended?.Up.Items[^1]);
    }

    internal static int Count(ConnectionUnderTest client, string queue)
    {
        try
        {
            lock (client.Connection.Links.Gate)
            {
                return client.Queue(queue).Sent.Count;
            }
        }
        catch (KeyNotFoundException)
        {
            return 0;
        }
    }
}
