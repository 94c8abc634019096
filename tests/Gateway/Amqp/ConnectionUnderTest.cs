using System.IO.Pipelines;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Alarms;
using Granary.Core.Members;
using Granary.Core.Routing;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Connections;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Ends;
using Granary.Gateway.Sockets;
using Granary.Gateway.Tests.Fakes;
using Granary.Testing.Logs;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>An open connection over pipes in memory, whose queues and whose time the test moves.</summary>
internal sealed class ConnectionUnderTest : IAsyncDisposable
{
    private const int BrokersError = 1204, ClientsError = 1205;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly Pipe _toBroker = new(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));
    private readonly CountingInput _input;
    private readonly Pipe _toClient;
    private readonly Dictionary<string, ScriptedQueue> _queues = [];
    private readonly Dictionary<string, FakeExchange> _exchanges = [];
    private readonly CancellationTokenSource _aborted = new();
    private readonly AmqpServer _server;
    private readonly Router _router;
    private readonly Task _run;
    private long _sent;

    public ConnectionUnderTest(TimeSpan heartbeat = default, bool canListen = true, ushort channelMax = 2047, int outputLimit = 64 * 1024, bool isInCluster = false)
    {
        Lease = isInCluster ? new GatewayLease(Clock) : null;
        Lease?.Renew(Clock.GetTimestamp());
        _input = new CountingInput(_toBroker.Reader);
        _toClient = new Pipe(new PipeOptions(pauseWriterThreshold: outputLimit, resumeWriterThreshold: outputLimit / 2, useSynchronizationContext: false));
        var grains = new FakeGrains(
            name =>
            {
                lock (_queues)
                {
                    return _queues.TryGetValue(name, out var queue) ? queue : _queues[name] = new ScriptedQueue();
                }
            },
            Exchange);
        _router = new Router(grains.Factory, Clock, Watched.LoggerOf<Router>());
        _server = new AmqpServer(
            grains.Factory, _router, new ReplyRegistry(), Access, new Logins(Access, new AuthenticationOptions()), new ClientCounts(Clock, Watched.LoggerOf<ClientCounts>()), Alarms, new AmqpOptions(), Clock, new FakeLifetime(), Watched.LoggerOf<AmqpServer>(), lease: Lease);
        var terms = new ConnectionTerms("guest", "/", channelMax, 131072, heartbeat, new ClientCapabilities(canListen, canListen, canListen));
        Connection = new AmqpConnection(new Transport(_input, _toClient.Writer), peer: null, _server, terms, _aborted.Cancel, _aborted.Token, Peer);
        _run = _server.RunAsync(Connection);
    }

    public AmqpConnection Connection { get; }

    /// <summary>Where a test announces what the connection will log.</summary>
    public WatchedLog Watched { get; } = new();

    public FakeClock Clock { get; } = new();

    /// <summary>As of a gateway in a cluster, if the test gives it one.</summary>
    public GatewayLease? Lease { get; }

    public PublisherAlarms Alarms { get; } = new();

    /// <summary>What the client, guest, may do.</summary>
    public FakeAccess Access { get; } = new();

    public FakePeer Peer { get; } = new();

    /// <summary>Nothing that the client sent is left for the broker to read.</summary>
    public bool HasReadAll => _input.Consumed == _sent;

    public AmqpServer Server => _server;

    public Router Router => _router;

    public ConnectionEnds Ends => _server.Ends;

    /// <summary>The broker has given the socket up.</summary>
    public bool IsAborted => _aborted.IsCancellationRequested;

    public ScriptedQueue Queue(string name)
    {
        lock (_queues)
        {
            return _queues[name];
        }
    }

    /// <summary>Whether the connection has asked for a queue.</summary>
    public bool HasQueue(string name)
    {
        lock (_queues)
        {
            return _queues.ContainsKey(name);
        }
    }

    /// <summary>A queue of which the connection has not heard yet.</summary>
    public ScriptedQueue AddQueue(string name)
    {
        lock (_queues)
        {
            return _queues[name] = new ScriptedQueue();
        }
    }

    public FakeExchange Exchange(string name)
    {
        lock (_exchanges)
        {
            if (!_exchanges.TryGetValue(name, out var exchange))
            {
                _exchanges[name] = exchange = new FakeExchange();
            }

            return exchange;
        }
    }

    public async Task OpenAsync(ushort channel = 1)
    {
        await SendAsync(channel, new ChannelOpen());
        await ExpectAsync(channel, new ChannelOpenOk());
    }

    public async Task SendAsync(params byte[] octets)
    {
        _sent += octets.Length;
        await _toBroker.Writer.WriteAsync(octets);
    }

    public Task SendAsync<T>(ushort channel, T method)
        where T : struct, IMethod => SendAsync(Frames.Method(channel, method));

    /// <summary>The next frame is exactly this method.</summary>
    public async Task ExpectAsync<T>(ushort channel, T method)
        where T : struct, IMethod
    {
        var expected = Frames.Method(channel, method);
        var frame = await ReadFrameAsync();
        Assert.True(expected.AsSpan().SequenceEqual(frame), $"expected {method} on {channel}, got {Describe(frame)}");
    }

    public async Task ExpectAsync(byte[] expected)
    {
        var frame = await ReadFrameAsync();
        Assert.True(expected.AsSpan().SequenceEqual(frame), $"expected {Convert.ToHexString(expected)}, got {Describe(frame)}");
    }

    /// <summary>The next frame is connection.close; it is answered, and the connection ends.</summary>
    public async Task ExpectCloseAsync(ReplyCode code, string text, uint method = 0)
    {
        Watched.Expect(code switch
        {
            ReplyCode.ConnectionForced => [],
            ReplyCode.InternalError => [BrokersError],
            _ => [ClientsError],
        });
        await ExpectAsync(0, new ConnectionClose(code, text, (ushort)(method >> 16), (ushort)method));
        await SendAsync(0, new ConnectionCloseOk());
        await EndAsync();
    }

    public async Task ExpectChannelCloseAsync(ushort channel, ReplyCode code, string text, uint method)
    {
        await ExpectAsync(channel, new ChannelClose(code, text, (ushort)(method >> 16), (ushort)method));
        await SendAsync(channel, new ChannelCloseOk());
    }

    /// <summary>Everything sent so far has been handled: the broker answers a channel.open on a channel of its own.</summary>
    public async Task SettleAsync(ushort channel = 999)
    {
        await SendAsync(channel, new ChannelOpen());
        await ExpectAsync(channel, new ChannelOpenOk());
        await SendAsync(channel, new ChannelClose(ReplyCode.Success, "", 0, 0));
        await ExpectAsync(channel, new ChannelCloseOk());
    }

    /// <summary>The broker has written nothing that was not read.</summary>
    public void ExpectNothing()
    {
        lock (Connection.Links.Gate)
        {
            if (_toClient.Reader.TryRead(out var read))
            {
                var octets = System.Buffers.BuffersExtensions.ToArray(read.Buffer);
                _toClient.Reader.AdvanceTo(read.Buffer.Start);
                Assert.True(octets.Length == 0, $"got {(octets.Length == 0 ? "" : Describe(octets))}");
            }
        }
    }

    /// <summary>Time passes in steps as the ticker makes them.</summary>
    public void Pass(TimeSpan time)
    {
        for (var step = TimeSpan.FromMilliseconds(250); time > TimeSpan.Zero; time -= step)
        {
            Clock.Advance(step);
            Connection.Tick();
        }
    }

    /// <summary>The client's end of the socket is closed, and the broker lets go of the connection.</summary>
    /// <param name="failure">What the broker's end of the socket fails with; null for an orderly end.</param>
    public async Task EndAsync(Exception? failure = null)
    {
        await _toBroker.Writer.CompleteAsync(failure);
        await WaitForEndAsync();
    }

    /// <summary>Kestrel cuts the socket.</summary>
    public Task AbortAsync() => _aborted.CancelAsync();

    public async Task WaitForEndAsync()
    {
        await _run.WaitAsync(Limit);
        await Connection.Released.WaitAsync(Limit);
    }

    /// <summary>The socket is free, whatever the queues do.</summary>
    public Task WaitForSocketAsync() => _run.WaitAsync(Limit);

    public static async Task WaitUntilAsync(Func<bool> condition, string what)
    {
        var since = System.Diagnostics.Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(since.Elapsed < Limit, $"waited for ever until {what}");
            await Task.Delay(1);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _aborted.CancelAsync();
        _router.Dispose();
        Watched.Check();
    }

    public Task<byte[]> ReadFrameAsync() => Frames.ReadAsync(_toClient.Reader, Limit);

    /// <summary>Takes a delivery with one body frame on a channel.</summary>
    public async Task ReadContentAsync(ushort channel)
    {
        foreach (var expected in (FrameType[])[FrameType.Method, FrameType.Header, FrameType.Body])
        {
            FrameReader.TryRead(await ReadFrameAsync(), 131072, out var type, out var number, out _, out _);
            Assert.Equal((expected, channel), (type, number));
        }
    }

    private static string Describe(byte[] frame)
    {
        FrameReader.TryRead(frame, 131072, out var type, out var channel, out var payload, out _);
        if (type != FrameType.Method)
        {
            return $"{type} on {channel}: {Convert.ToHexString(payload)}";
        }

        return MethodFrame.ReadId(payload, out var fields) switch
        {
            MethodId.ConnectionClose => $"{MethodFrame.Read<ConnectionClose>(fields)}",
            MethodId.ChannelClose => $"{MethodFrame.Read<ChannelClose>(fields)} on {channel}",
            var id => $"{MethodId.Name(id)} on {channel}",
        };
    }

    /// <summary>The client as its socket shows it while nobody reads.</summary>
    internal sealed class FakePeer : IPeerSigns
    {
        public bool HasLeft { get; set; }

        public bool MayBeStuck { get; set; }

        public bool WasHeard { get; set; }

        public bool TakeHeard()
        {
            var heard = WasHeard;
            WasHeard = false;
            return heard;
        }
    }

    private sealed record Transport(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
