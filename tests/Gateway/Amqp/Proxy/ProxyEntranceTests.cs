using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Ends;
using Granary.Gateway.Amqp.Proxy;
using Granary.Gateway.Tests.Fakes;
using Granary.Testing.Logs;
using Granary.Testing.Wire;
using Microsoft.AspNetCore.Connections;

namespace Granary.Gateway.Tests.Amqp.Proxy;

/// <summary>The port for proxies, on sockets.</summary>
public sealed class ProxyEntranceTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(15);
    private static readonly ProxyNetworks Here = ProxyNetworks.Parse("127.0.0.0/8");
    private static readonly IPEndPoint Far = IPEndPoint.Parse("203.0.113.7:4711");
    private static readonly IPEndPoint Near = IPEndPoint.Parse("127.0.0.9:4711");
    private static readonly IPEndPoint Server = IPEndPoint.Parse("192.0.2.1:5672");
    private static readonly byte[] Local = ProxyHeaders.Binary(ProxyHeaders.Local, ProxyHeaders.Unspecified);

    public static TheoryData<bool, byte[]> FromFar => new()
    {
        { true, ProxyHeaders.Text(Far, Server) },
        { true, ProxyHeaders.Binary(Far, Server, 0x20, 0, 1, 7) },
        { false, ProxyHeaders.Text(Far, Server) },
        { false, ProxyHeaders.Binary(Far, Server, 0x20, 0, 1, 7) },
    };

    public static TheoryData<byte[]> FromNear => [ProxyHeaders.Text(Near, Server), ProxyHeaders.Binary(Near, Server), Local, ProxyHeaders.Text("UNKNOWN")];

    [Theory]
    [MemberData(nameof(FromFar))]
    public async Task Client_OfAProxy_IsWhoTheHeaderSays(bool isDirect, byte[] header)
    {
        const int LoginRefused = 1105;
        await using var gateway = await ListeningGateway.StartAsync(isDirect, new AmqpOptions(), Here);
        gateway.Watched.Expect(LoginRefused);
        await using var client = await WireConnection.ConnectAsync(gateway.Port);
        await client.SendAsync((byte[])[.. header, .. WireConnection.ProtocolHeader]);
        await client.ExpectAsync(10, 10);

        // It is guest, who may come from loopback alone.
        await client.SendMethodAsync(0, WireMethods.StartOk());
        await client.ReadToEndAsync(Limit);
        Assert.Contains($"{Far}", Assert.Single(gateway.Watched.Lines, line => line.Event == LoginRefused).Text, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(FromNear))]
    public async Task Client_OnLoopbackOrTheProxyItself_GetsInAsGuest(byte[] header)
    {
        await using var gateway = await ListeningGateway.StartAsync(isDirect: true, new AmqpOptions(), Here);
        await using var client = await WireConnection.OpenAsync(gateway.Port, before: header);
        await client.CallAsync(1, WireMethods.BasicQos(0, 1), 60, 11);
    }

    [Fact]
    public async Task Header_OctetByOctet_IsWaitedFor()
    {
        await using var gateway = await ListeningGateway.StartAsync(isDirect: true, new AmqpOptions(), Here);
        await using var client = await WireConnection.ConnectAsync(gateway.Port);
        foreach (var octet in (byte[])[.. ProxyHeaders.Binary(Near, Server), .. WireConnection.ProtocolHeader])
        {
            await client.SendAsync((byte[])[octet]);
        }

        await client.ExpectAsync(10, 10);
    }

    [Fact]
    public async Task Client_WithoutAHeader_IsClosedAndCounted()
    {
        await using var gateway = await ListeningGateway.StartAsync(isDirect: true, new AmqpOptions(), Here);
        await using var client = await WireConnection.ConnectAsync(gateway.Port);
        await client.SendAsync(WireConnection.ProtocolHeader);

        Assert.Empty(await client.ReadToEndAsync(Limit));
        Assert.Equal(1, gateway.Server.Ends[ConnectionEnd.ProxyHeaderRefused]);
    }

    [Fact]
    public async Task Stranger_IsClosedUnreadAndToldOf()
    {
        await using var gateway = await ListeningGateway.StartAsync(isDirect: true, new AmqpOptions(), ProxyNetworks.Parse("10.0.0.0/8"));
        gateway.Watched.Expect(1108);
        await using var client = await WireConnection.ConnectAsync(gateway.Port);

        Assert.Empty(await client.ReadToEndAsync(Limit));
        Assert.Equal(1, gateway.Server.Ends[ConnectionEnd.NotAProxy]);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Check_WithAndWithoutAHeader_IsAClientThatWentBeforeItWasOpen(bool hasHeader, bool resets)
    {
        await using var gateway = await ListeningGateway.StartAsync(isDirect: true, new AmqpOptions(), Here);
        using (var check = new Socket(SocketType.Stream, ProtocolType.Tcp))
        {
            await check.ConnectAsync(IPAddress.Loopback, gateway.Port);
            await check.SendAsync(hasHeader ? Local : []);
            check.LingerState = new LingerOption(resets, 0);
        }

        await ConnectionUnderTest.WaitUntilAsync(() => gateway.Server.Ends[ConnectionEnd.GoneBeforeOpen] == 1, "it is counted");
        Assert.All(Enum.GetValues<ConnectionEnd>(), end => Assert.Equal((end, end == ConnectionEnd.GoneBeforeOpen ? 1 : 0), (end, gateway.Server.Ends[end])));
    }

    [Fact]
    public async Task Header_ThatDoesNotCome_IsWaitedForAsLongAsAHandshake()
    {
        var clock = new FakeClock();
        await using var entrance = new EntranceUnderTest(Here, clock);
        var run = entrance.ConnectAsync(IPAddress.Loopback);
        await entrance.SendAsync(ProxyHeaders.Signature);
        clock.Advance(new AmqpOptions().HandshakeTimeout - TimeSpan.FromSeconds(1));
        Assert.False(run.IsCompleted);

        clock.Advance(TimeSpan.FromSeconds(1));
        await run.WaitAsync(Limit);
        Assert.Equal(1, entrance.Ends[ConnectionEnd.HandshakeTimeout]);
    }

    [Fact]
    public async Task Strangers_AreToldOfOnceAMinute()
    {
        var clock = new FakeClock();
        await using var entrance = new EntranceUnderTest(Here, clock);
        entrance.Watched.Expect(1108);
        for (var i = 1; i <= 9; i++)
        {
            // The 1st, the 4th and the 7th.
            await entrance.ConnectAsync(Far.Address).WaitAsync(Limit);
            clock.Advance(ProxyEntrance.Pace / 3);
        }

        Assert.Equal(9, entrance.Ends[ConnectionEnd.NotAProxy]);
        Assert.Equal(["1 in all", "4 in all", "7 in all"], entrance.Watched.Lines.Select(line => line.Text[line.Text.IndexOf("as were ", StringComparison.Ordinal)..][8..16]));
    }

    /// <summary>An entrance of its own, on pipes; nobody gets through.</summary>
    private sealed class EntranceUnderTest : IAsyncDisposable
    {
        private readonly ConnectionDelegate _entrance;
        private readonly List<DefaultConnectionContext> _connections = [];
        private readonly Pipe _toBroker = new();

        public EntranceUnderTest(ProxyNetworks networks, TimeProvider clock)
        {
            var log = Watched.LoggerOf<ProxyEntrance>();
            Ends = new ConnectionEnds(log);
            _entrance = new ProxyEntrance(networks, new AmqpOptions(), Ends, clock, log).Before(_ => throw new InvalidOperationException("let in"));
        }

        public ConnectionEnds Ends { get; }

        public WatchedLog Watched { get; } = new();

        public Task ConnectAsync(IPAddress from)
        {
            var connection = new DefaultConnectionContext { RemoteEndPoint = new IPEndPoint(from, 1), Transport = new Duplex(_toBroker.Reader, new Pipe().Writer) };
            _connections.Add(connection);
            return _entrance(connection);
        }

        public async Task SendAsync(byte[] octets) => await _toBroker.Writer.WriteAsync(octets);

        public async ValueTask DisposeAsync()
        {
            foreach (var connection in _connections)
            {
                await connection.DisposeAsync();
            }

            Watched.Check();
        }

        private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
    }
}
