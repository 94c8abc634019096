using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Compat.Tests.Protocol;

/// <summary>Frames that do not fit: wrong ends, wrong sizes, wrong order, wrong channel. Each ends the connection with its own code.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class FrameRefusalTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    private readonly string _name = $"frames.{Guid.NewGuid():N}";

    [Fact]
    public async Task Frame_WrongEndOctet_Is501()
    {
        var bytes = new WireFrame(WireFrame.MethodType, 1, BasicQos(0, 1)).ToBytes();
        bytes[^1] = 0xCD;
        await RefusedAsync(501, null, connection => connection.SendAsync(bytes));
    }

    [Fact]
    public Task Frame_LargerThanFrameMax_Is501() => RefusedAsync(501, null, connection => connection.SendAsync(
        new WireWriter().Octet(WireFrame.MethodType).Short(1).Long(131_072 + 100).Raw(new byte[131_072 + 101]).ToArray()));

    [Fact]
    public Task Frame_UnknownType_Is501() => RefusedAsync(501, null, connection => connection.SendFrameAsync(7, 1, BasicQos(0, 1)));

    [Fact]
    public Task Heartbeat_OnAChannel_Is505() => RefusedAsync(
        505, "UNEXPECTED_FRAME - type 8, all octets = <<>>", connection => connection.SendFrameAsync(WireFrame.HeartbeatType, 1, []));

    [Fact]
    public Task Heartbeat_WithAPayload_Is501() => RefusedAsync(
        501, "FRAME_ERROR - type 8, all octets = <<1>>: unknown_frame", connection => connection.SendFrameAsync(WireFrame.HeartbeatType, 0, [1]));

    [Fact]
    public Task Body_OnChannelZero_Is505() => RefusedAsync(
        505, "UNEXPECTED_FRAME - type 3, all octets = <<1>>", connection => connection.SendFrameAsync(WireFrame.BodyType, 0, [1]));

    [Fact]
    public async Task Body_LongerThanHeaderSaid_Is501()
    {
        if (shared.Broker.IsRabbitMq3)
        {
            return; // RabbitMQ, 4.2 too, goes on collecting for ever.
        }

        await RefusedAsync(501, null, async connection =>
        {
            await connection.SendMethodAsync(1, BasicPublish("", _name));
            await connection.SendFrameAsync(WireFrame.HeaderType, 1, Header(3));
            await connection.SendFrameAsync(WireFrame.BodyType, 1, [1, 2, 3, 4]);
        });
    }

    [Fact]
    public Task Header_WithoutPublish_Is505() => RefusedAsync(
        505, "UNEXPECTED_FRAME - expected method frame, got non method frame instead",
        connection => connection.SendFrameAsync(WireFrame.HeaderType, 1, Header(0)));

    [Fact]
    public Task Method_InsteadOfHeader_Is505() => RefusedAsync(
        505, "UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead",
        async connection =>
        {
            await connection.SendMethodAsync(1, BasicPublish("", _name));
            await connection.SendMethodAsync(1, BasicQos(0, 1));
        });

    [Fact]
    public Task Method_InsteadOfBody_Is505() => RefusedAsync(
        505, "UNEXPECTED_FRAME - expected content body, got non content body frame instead",
        async connection =>
        {
            await connection.SendMethodAsync(1, BasicPublish("", _name));
            await connection.SendFrameAsync(WireFrame.HeaderType, 1, Header(3));
            await connection.SendMethodAsync(1, BasicQos(0, 1));
        });

    [Fact]
    public Task Header_OfAnotherClass_Is505() => RefusedAsync(
        505, "UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead",
        async connection =>
        {
            await connection.SendMethodAsync(1, BasicPublish("", _name));
            await connection.SendFrameAsync(WireFrame.HeaderType, 1, Header(0, classId: 50));
        });

    [Fact]
    public Task ChannelMethod_OnChannelZero_EndsTheConnection() => RefusedAsync(
        null, null, connection => connection.SendMethodAsync(0, QueueDeclare(_name)));

    [Fact]
    public Task Method_OnUnopenedChannel_Is504() => RefusedAsync(
        504, "CHANNEL_ERROR - expected 'channel.open'", connection => connection.SendMethodAsync(9, BasicQos(0, 1)));

    [Fact]
    public Task Method_OnClosedChannel_Is504() => RefusedAsync(
        504, "CHANNEL_ERROR - expected 'channel.open'",
        async connection =>
        {
            await connection.CallAsync(1, ChannelClose(), 20, 41);
            await connection.SendMethodAsync(1, BasicQos(0, 1));
        });

    [Fact]
    public Task ChannelOpen_Twice_Is504() => RefusedAsync(
        504, "CHANNEL_ERROR - second 'channel.open' seen", connection => connection.SendMethodAsync(1, ChannelOpen()));

    [Fact]
    public Task ChannelOpen_BeforeCloseOk_Is504() => RefusedAsync(
        504, "CHANNEL_ERROR - second 'channel.open' seen",
        async connection =>
        {
            await connection.SendMethodAsync(1, BasicAck(5));
            await connection.ExpectAsync(20, 40);
            await connection.SendMethodAsync(1, ChannelOpen());
        });

    [Fact]
    public Task ChannelClose_OfUnopenedChannel_Is504() => RefusedAsync(
        504, "CHANNEL_ERROR - expected 'channel.open'", connection => connection.SendMethodAsync(9, ChannelClose()));

    [Fact]
    public async Task Method_WithUnknownIds_EndsTheConnection()
    {
        await using var connection = await WireConnection.OpenAsync(shared.Broker.AmqpPort);
        await connection.SendMethodAsync(1, WireWriter.Method(60, 99).ToArray());

        // RabbitMQ 3 fails to decode it and drops the socket; a close method with a code of the 500s is better.
        if (await connection.ReadAsync() is { } frame)
        {
            var close = WireClose.From(frame);
            Assert.Equal("connection", close?.Level);
            Assert.InRange(close?.Code ?? 0, 500, 599);
        }
        else
        {
            Assert.True(shared.Broker.IsRabbitMq3);
        }
    }

    [Fact]
    public Task ExclusiveQueue_AfterAWrongFrame_IsGoneWhenTheClientIsTold() =>
        GoneWhenToldAsync(connection => connection.SendFrameAsync(7, 1, BasicQos(0, 1)));

    [Fact]
    public Task ExclusiveQueue_AfterAMethodThatIsRefused_IsGoneWhenTheClientIsTold() =>
        GoneWhenToldAsync(connection => connection.SendMethodAsync(1, BasicQos(prefetchSize: 100, prefetchCount: 1)));

    [Fact]
    public Task Method_WithTruncatedArguments_EndsTheConnection() => RefusedAsync(
        null, null, connection => connection.SendMethodAsync(1, QueueDeclare(_name)[..^3]));

    [Fact]
    public async Task Frames_BetweenSoftErrorAndCloseOk_AreIgnored()
    {
        await using var connection = await WireConnection.OpenAsync(shared.Broker.AmqpPort);
        await connection.SendMethodAsync(1, BasicAck(5));
        await connection.ExpectAsync(20, 40);
        await connection.SendMethodAsync(1, QueueDeclare(_name));
        await connection.PublishAsync(1, BasicPublish("amq.direct", "k"), [1, 2]);
        await connection.SendMethodAsync(1, ChannelCloseOk());
        await connection.CallAsync(1, ChannelOpen(), 20, 11);
        await connection.SendMethodAsync(1, QueueDeclare(_name, passive: true));
        Assert.Equal((ushort)404, (await connection.ExpectCloseAsync()).Code);
    }

    [Fact]
    public async Task Content_InManySmallFramesWithHeartbeatsBetween_IsOneMessage()
    {
        await using var connection = await WireConnection.OpenAsync(shared.Broker.AmqpPort);
        await connection.CallAsync(1, QueueDeclare(_name, exclusive: true), 50, 11);
        await connection.SendMethodAsync(1, BasicPublish("", _name));
        await connection.SendFrameAsync(WireFrame.HeaderType, 1, Header(200));
        for (byte i = 0; i < 200; i++)
        {
            await connection.SendFrameAsync(WireFrame.BodyType, 1, [i]);
            await connection.SendFrameAsync(WireFrame.HeartbeatType, 0, []);
        }

        await connection.CallAsync(1, BasicGet(_name, noAck: true), 60, 71);
        await connection.ReadAsync();
        var body = new List<byte>();
        while (body.Count < 200 && await connection.ReadAsync() is { Type: WireFrame.BodyType } frame)
        {
            body.AddRange(frame.Payload);
        }

        Assert.Equal(Enumerable.Range(0, 200).Select(i => (byte)i), body);
    }

    // The client does not answer: that it was told is enough.
    private async Task GoneWhenToldAsync(Func<WireConnection, Task> sendWhatEndsIt)
    {
        await using var other = await WireConnection.OpenAsync(shared.Broker.AmqpPort);
        await using var connection = await WireConnection.OpenAsync(shared.Broker.AmqpPort);
        await connection.CallAsync(1, QueueDeclare(_name, exclusive: true), 50, 11);
        await sendWhatEndsIt(connection);
        await connection.ExpectAsync(10, 50);
        await other.SendMethodAsync(1, QueueDeclare(_name, passive: true));
        Assert.Equal(new WireClose("channel", 404, $"NOT_FOUND - no queue '{_name}' in vhost '/'", 50, 10), await other.ExpectCloseAsync());
    }

    private async Task RefusedAsync(ushort? code, string? text, Func<WireConnection, Task> send)
    {
        await using var connection = await WireConnection.OpenAsync(shared.Broker.AmqpPort);
        await send(connection);
        var close = await connection.ExpectCloseAsync();
        Assert.Equal("connection", close.Level);
        Assert.Equal(code ?? close.Code, close.Code);
        Assert.InRange(close.Code, (ushort)500, (ushort)599);
        Assert.Equal(text ?? close.Text, close.Text);
        Assert.Null(await connection.ReadAsync());
    }
}
