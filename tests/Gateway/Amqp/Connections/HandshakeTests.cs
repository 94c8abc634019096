using System.IO.Pipelines;
using System.Net;
using System.Text;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Connections;
using Granary.Gateway.Amqp.Ends;
using Granary.Gateway.Tests.Fakes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Amqp.Connections;

/// <summary>From the protocol header to open-ok, and every way not to get there.</summary>
public sealed class HandshakeTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private static readonly byte[] ProtocolHeader = "AMQP\0\0\u0009\u0001"u8.ToArray();

    private readonly Pipe _toBroker = new(new PipeOptions(useSynchronizationContext: false));
    private readonly Pipe _toClient = new(new PipeOptions(useSynchronizationContext: false));
    private readonly FakeClock _clock = new();
    private readonly ConnectionEnds _ends = new(NullLogger.Instance);
    private readonly CancellationTokenSource _aborted = new();
    private IPAddress _from = IPAddress.Loopback;

    public static TheoryData<string, byte[], ReplyCode, string, uint> Refusals => new()
    {
        {
            "unknown mechanism", StartOk("CRAM", "x"), ReplyCode.CommandInvalid, "COMMAND_INVALID - unknown authentication mechanism 'CRAM'",
            MethodId.ConnectionStartOk
        },
        {
            "ANONYMOUS where it is not offered", StartOk("ANONYMOUS", ""), ReplyCode.CommandInvalid, "COMMAND_INVALID - unknown authentication mechanism 'ANONYMOUS'",
            MethodId.ConnectionStartOk
        },
        {
            "malformed PLAIN", StartOk("PLAIN", "guest"), ReplyCode.SyntaxError, "SYNTAX_ERROR - response of authentication mechanism PLAIN is malformed",
            MethodId.ConnectionStartOk
        },
        {
            "wrong password", StartOk("PLAIN", "\0guest\0wrong"), ReplyCode.AccessRefused,
            "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.", 0
        },
        {
            "unknown user", StartOk("PLAIN", "\0nobody\0guest"), ReplyCode.AccessRefused,
            "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.", 0
        },
        {
            "tune-ok before start-ok", TuneOk(), ReplyCode.ChannelError, "CHANNEL_ERROR - unexpected method in connection state starting",
            MethodId.ConnectionTuneOk
        },
        {
            "header frame", Frames.Header(0, 1), ReplyCode.UnexpectedFrame, "UNEXPECTED_FRAME - unexpected frame of type 2 on channel 0 while connecting", 0
        },
        {
            "frame on a channel", Frames.Method(1, new ChannelOpen()), ReplyCode.UnexpectedFrame,
            "UNEXPECTED_FRAME - unexpected frame of type 1 on channel 1 while connecting", 0
        },
        {
            "frame larger than the first may be", [1, 0, 0, 0, 0, 0x20, 1], ReplyCode.FrameError,
            "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,8193,8184}", 0
        },
    };

    public static TheoryData<string, byte[], ReplyCode, string, uint> LaterRefusals => new()
    {
        {
            "open before tune-ok", Frames.Method(0, new ConnectionOpen("/")), ReplyCode.ChannelError,
            "CHANNEL_ERROR - unexpected method in connection state tuning", MethodId.ConnectionOpen
        },
        {
            "tune-ok twice", [.. TuneOk(), .. TuneOk()], ReplyCode.ChannelError, "CHANNEL_ERROR - unexpected method in connection state opening",
            MethodId.ConnectionTuneOk
        },
        {
            "frame_max too small", TuneOk(frameMax: 4095), ReplyCode.NotAllowed,
            "NOT_ALLOWED - negotiated frame_max = 4095 is lower than the minimum allowed value (4096)", MethodId.ConnectionTuneOk
        },
        {
            "frame_max too large", TuneOk(frameMax: 131073), ReplyCode.NotAllowed,
            "NOT_ALLOWED - negotiated frame_max = 131073 is higher than the maximum allowed value (131072)", MethodId.ConnectionTuneOk
        },
        {
            "frame_max without limit", TuneOk(frameMax: 0), ReplyCode.NotAllowed,
            "NOT_ALLOWED - negotiated frame_max = 0 is higher than the maximum allowed value (131072)", MethodId.ConnectionTuneOk
        },
        {
            "channel_max too large", TuneOk(channelMax: 2048), ReplyCode.NotAllowed,
            "NOT_ALLOWED - negotiated channel_max = 2048 is higher than the maximum allowed value (2047)", MethodId.ConnectionTuneOk
        },
        {
            "channel_max without limit", TuneOk(channelMax: 0), ReplyCode.NotAllowed,
            "NOT_ALLOWED - negotiated channel_max = 0 is higher than the maximum allowed value (2047)", MethodId.ConnectionTuneOk
        },
        {
            "unknown vhost", [.. TuneOk(), .. Frames.Method(0, new ConnectionOpen("nope"))], ReplyCode.NotAllowed, "NOT_ALLOWED - vhost nope not found",
            MethodId.ConnectionOpen
        },
    };

    [Fact]
    public async Task Client_DoingEverythingRight_GetsIn()
    {
        var run = Run();
        await SendAsync(ProtocolHeader);
        Assert.Equal(MethodId.ConnectionStart, await ReadIdAsync());
        await SendAsync(StartOk("PLAIN", "\0guest\0guest"));
        Assert.Equal(Frames.Method(0, new ConnectionTune(2047, 131072, 60)), await ReadAsync());
        await SendAsync([.. TuneOk(channelMax: 7, frameMax: 4096, heartbeat: 5), .. Frames.Method(0, new ConnectionOpen("/"))]);
        Assert.Equal(Frames.Method(0, new ConnectionOpenOk()), await ReadAsync());

        var terms = await run;

        Assert.Equal(
            new ConnectionTerms("guest", "/", 7, 4096, TimeSpan.FromSeconds(5), new ClientCapabilities(false, false, AuthenticationFailureClose: true))
            { Mechanism = "PLAIN", ClientProperties = EncodedTable.From(ClientProperties(canListen: true)) }, terms! with { Login = null });
        Assert.Equal("guest", terms.Login?.User.Name);
    }

    [Fact]
    public async Task Client_SendingOctetByOctetWithHeartbeatsBetween_GetsIn()
    {
        var run = Run();
        byte[] heartbeat = [8, 0, 0, 0, 0, 0, 0, 0xCE];
        foreach (var octet in (byte[])[
            .. ProtocolHeader, .. heartbeat, .. StartOk("PLAIN", "\0guest\0guest"), .. heartbeat, .. TuneOk(), .. heartbeat,
            .. Frames.Method(0, new ConnectionOpen("/")),
        ])
        {
            await SendAsync(octet);
        }

        Assert.NotNull(await run);
    }

    [Theory]
    [InlineData("guest", "guest", true)]
    [InlineData("guest", "wrong", false)]
    [InlineData("nobody", "guest", false)]
    public async Task Anonymous_WhereItIsOffered_IsTheUserWhoIsConfigured(string user, string password, bool isIn)
    {
        var run = Run(new AuthenticationOptions { Mechanisms = ["PLAIN", "ANONYMOUS"], AnonymousUser = user, AnonymousPassword = password });
        await SendAsync(ProtocolHeader);
        Assert.Equal(MethodId.ConnectionStart, MethodFrame.ReadId((await ReadAsync()).AsSpan(Frame.HeaderSize..^1), out var fields));
        Assert.Equal("PLAIN ANONYMOUS", MethodFrame.Read<ConnectionStart>(fields).Mechanisms.ToString());
        await SendAsync(StartOk("ANONYMOUS", "trace"));
        if (!isIn)
        {
            await ExpectRefusalAsync(
                run, user, ReplyCode.AccessRefused, "ACCESS_REFUSED - Login was refused using authentication mechanism ANONYMOUS. For details see the broker logfile.", 0);
            return;
        }

        await ReadAsync();
        await SendAsync([.. TuneOk(), .. Frames.Method(0, new ConnectionOpen("/"))]);

        Assert.Equal("guest", (await run)?.Login?.User.Name);
    }

    [Fact]
    public async Task Anonymous_OfNobody_IsNotOffered()
    {
        var run = Run(new AuthenticationOptions { Mechanisms = ["PLAIN", "ANONYMOUS"], AnonymousUser = null });
        await SendAsync(ProtocolHeader);
        await ReadAsync();
        await SendAsync(StartOk("ANONYMOUS", ""));

        await ExpectRefusalAsync(
            run, "nobody", ReplyCode.CommandInvalid, "COMMAND_INVALID - unknown authentication mechanism 'ANONYMOUS'", MethodId.ConnectionStartOk);
    }

    [Fact]
    public async Task AmqPlain_RightCredentials_GetsIn()
    {
        var run = Run();
        var table = new byte[64];
        var writer = new AmqpWriter(table);
        writer.WriteTable(FieldTable.Of(("LOGIN", "guest"), ("PASSWORD", "guest")));
        var response = table.AsMemory(4, (int)System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(table));
        await SendAsync([.. ProtocolHeader, .. Frames.Method(0, new ConnectionStartOk(FieldTable.Empty, "AMQPLAIN", Encoding.ASCII.GetString(response.Span), "en_US"))]);
        await SendAsync([.. TuneOk(), .. Frames.Method(0, new ConnectionOpen("/"))]);

        Assert.NotNull(await run);
    }

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task FirstFrame_NotAllowed_IsRefused(string what, byte[] frames, ReplyCode code, string text, uint method)
    {
        var run = Run();
        await SendAsync([.. ProtocolHeader, .. frames]);

        Assert.Equal(MethodId.ConnectionStart, await ReadIdAsync());
        await ExpectRefusalAsync(run, what, code, text, method);
    }

    [Theory]
    [MemberData(nameof(LaterRefusals))]
    public async Task LaterFrame_NotAllowed_IsRefused(string what, byte[] frames, ReplyCode code, string text, uint method)
    {
        var run = Run();
        await SendAsync([.. ProtocolHeader, .. StartOk("PLAIN", "\0guest\0guest"), .. frames]);

        Assert.Equal(MethodId.ConnectionStart, await ReadIdAsync());
        Assert.Equal(MethodId.ConnectionTune, await ReadIdAsync());
        await ExpectRefusalAsync(run, what, code, text, method);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("AMQP\0\u0001\0\0")]
    [InlineData("AMQP\u0001\u0001\u0009\u0001")]
    public async Task OtherProtocol_IsToldTheRightOne(string header)
    {
        var run = Run();
        await SendAsync(Encoding.Latin1.GetBytes(header));

        Assert.Null(await run);
        AssertOnly(ConnectionEnd.OtherProtocol);
        Assert.True(_toClient.Reader.TryRead(out var read));
        Assert.Equal(ProtocolHeader, System.Buffers.BuffersExtensions.ToArray(read.Buffer));
    }

    [Fact]
    public async Task Guest_FromElsewhere_IsRefused()
    {
        _from = IPAddress.Parse("192.0.2.1");
        var run = Run();
        await SendAsync([.. ProtocolHeader, .. StartOk("PLAIN", "\0guest\0guest")]);

        Assert.Equal(MethodId.ConnectionStart, await ReadIdAsync());
        await ExpectRefusalAsync(
            run, "guest", ReplyCode.AccessRefused,
            "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.", 0);
    }

    [Fact]
    public async Task WrongPassword_ClientThatCannotListen_WaitsThreeSecondsForNothing()
    {
        var run = Run();
        await SendAsync([.. ProtocolHeader, .. StartOk("PLAIN", "\0guest\0wrong", canListen: false)]);
        Assert.Equal(MethodId.ConnectionStart, await ReadIdAsync());
        await ConnectionUnderTest.WaitUntilAsync(() => _clock.HasTimerDueIn(TimeSpan.FromSeconds(3)), "the refused client waits");
        _clock.Advance(TimeSpan.FromSeconds(3) - TimeSpan.FromTicks(1));
        Assert.False(run.IsCompleted);
        _clock.Advance(TimeSpan.FromTicks(1));

        Assert.Null(await run);
        AssertOnly(ConnectionEnd.LoginRefused);
        Assert.False(_toClient.Reader.TryRead(out _));
    }

    [Fact]
    public async Task Silence_OfTenSeconds_EndsTheAttempt()
    {
        var run = Run();
        await SendAsync(ProtocolHeader);
        Assert.Equal(MethodId.ConnectionStart, await ReadIdAsync());
        _clock.Advance(TimeSpan.FromSeconds(9.9));
        Assert.False(run.IsCompleted);

        _clock.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Null(await run);
        AssertOnly(ConnectionEnd.HandshakeTimeout);
    }

    [Fact]
    public async Task Close_ByTheClient_IsAnswered()
    {
        var run = Run();
        await SendAsync([.. ProtocolHeader, .. Frames.Method(0, new ConnectionClose(ReplyCode.Success, "", 0, 0))]);
        Assert.Equal(MethodId.ConnectionStart, await ReadIdAsync());

        Assert.Equal(Frames.Method(0, new ConnectionCloseOk()), await ReadAsync());
        Assert.Null(await run);
        AssertOnly(ConnectionEnd.ClosedByClient);
    }

    [Fact]
    public async Task Client_GoneAnywhere_IsNoError()
    {
        byte[] session = [.. ProtocolHeader, .. StartOk("PLAIN", "\0guest\0guest"), .. TuneOk()];
        for (var length = 0; length < session.Length; length++)
        {
            var test = new HandshakeTests();
            var run = test.Run();
            await test.SendAsync(session[..length]);
            await test._toBroker.Writer.CompleteAsync(length % 2 == 0 ? null : new IOException("reset"));

            Assert.Null(await run);
            test.AssertOnly(ConnectionEnd.GoneBeforeOpen);
        }
    }

    private void AssertOnly(ConnectionEnd end) =>
        Assert.All(Enum.GetValues<ConnectionEnd>(), each => Assert.Equal((each, each == end ? 1 : 0), (each, _ends[each])));

    private static byte[] StartOk(string mechanism, string response, bool canListen = true) =>
        Frames.Method(0, new ConnectionStartOk(ClientProperties(canListen), mechanism, response, "en_US"));

    private static FieldTable ClientProperties(bool canListen) => FieldTable.Of(("capabilities", FieldTable.Of(("authentication_failure_close", canListen))));

    private static byte[] TuneOk(ushort channelMax = 2047, uint frameMax = 131072, ushort heartbeat = 60) =>
        Frames.Method(0, new ConnectionTuneOk(channelMax, frameMax, heartbeat));

    private async Task<ConnectionTerms?> Run(AuthenticationOptions? options = null)
    {
        var handshake = new Handshake(
            new Transport(_toBroker.Reader, _toClient.Writer), new IPEndPoint(_from, 1), new AmqpOptions(), new Logins(new FakeAccess(), options ?? new AuthenticationOptions()), new ClientCounts(_clock, NullLogger<ClientCounts>.Instance), _clock, _ends);
        return await handshake.RunAsync(_aborted.Token).AsTask().WaitAsync(Limit);
    }

    private async Task SendAsync(params byte[] octets) => await _toBroker.Writer.WriteAsync(octets);

    private Task<byte[]> ReadAsync() => Frames.ReadAsync(_toClient.Reader, Limit);

    private async Task<uint> ReadIdAsync() => MethodFrame.ReadId((await ReadAsync()).AsSpan(Frame.HeaderSize), out _);

    private async Task ExpectRefusalAsync(Task<ConnectionTerms?> run, string what, ReplyCode code, string text, uint method)
    {
        var frame = await ReadAsync();
        Assert.Equal(MethodId.ConnectionClose, MethodFrame.ReadId(frame.AsSpan(Frame.HeaderSize..^1), out var fields));
        Assert.Equal((what, new ConnectionClose(code, text, (ushort)(method >> 16), (ushort)method)), (what, MethodFrame.Read<ConnectionClose>(fields)));
        Assert.Null(await run);
        AssertOnly(code == ReplyCode.AccessRefused ? ConnectionEnd.LoginRefused : ConnectionEnd.HandshakeRefused);
    }

    private sealed record Transport(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
