using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Granary.Testing.Unkind;
using Granary.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Xunit.Abstractions;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;

namespace Granary.Gateway.Tests.Abuse;

/// <summary>Every call of gRPC with hostile messages and metadata, frames that are none, streams that nobody reads: each has its status, and nobody else notices.</summary>
/// <remarks>GRANARY_TEST_FUZZ says how often each call is made (16 unless told), GRANARY_TEST_FUZZ_SEED with which seed.</remarks>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
[Collection(AbusedBroker.Collection)]
public sealed class GrpcFuzzTests(AbusedBroker broker, ITestOutputHelper output) : IDisposable
{
    private const long MostGrowth = 96L << 20;
    private const int AtATime = 16, RefusedLogin = 1505, UnreadIsCut = 1411;

    private static readonly int Rounds = Fuzzing.Rounds(16);
    private static readonly TimeSpan StreamsLast = TimeSpan.FromMilliseconds(300), ConnectionsEnd = TimeSpan.FromSeconds(30);
    private static readonly Marshaller<byte[]> AsItIs = Marshallers.Create(static (byte[] message) => message, static message => message);
    private static readonly MethodDescriptor[] Methods = [.. new[] { V1.Topology.Descriptor, V1.Messaging.Descriptor, V1.Rpc.Descriptor }.SelectMany(static service => service.Methods)];

    /// <summary>What <c>docs/grpc.md</c> lists, but for what is a fault in the broker or a silo out of reach.</summary>
    private static readonly StatusCode[] Documented =
    [
        StatusCode.OK, StatusCode.PermissionDenied, StatusCode.NotFound, StatusCode.FailedPrecondition, StatusCode.InvalidArgument, StatusCode.Unimplemented, StatusCode.ResourceExhausted,
        StatusCode.Unauthenticated,
    ];

    private readonly GrpcChannel _channel = GrpcChannel.ForAddress($"http://127.0.0.1:{broker.Broker.GrpcPort.ToString(CultureInfo.InvariantCulture)}");
    private readonly ConcurrentDictionary<StatusCode, int> _statuses = new();

    [Fact]
    public async Task EveryUnaryCall_WithHostileMessagesAndMetadata_HasADocumentedStatus() => await JudgeAsync(async messages =>
    {
        var methods = Methods.Where(static method => !method.IsClientStreaming).ToArray();
        var calls = Enumerable.Range(0, Rounds * methods.Length)
            .Select(at => (Method: methods[at % methods.Length], Bytes: messages.Of(methods[at % methods.Length].InputType), Metadata: MetadataOf(messages))).ToArray();
        await Parallel.ForEachAsync(calls, new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (call, _) =>
        {
            // A request that nobody answers may rightly wait.
            var waits = call.Method.FullName == "granary.v1.Rpc.Call";
            await SeeAsync(call.Method, call.Bytes, waits ? [.. Documented, StatusCode.DeadlineExceeded] : Documented, async () =>
            {
                using var unary = _channel.CreateCallInvoker().AsyncUnaryCall(
                    Raw(MethodType.Unary, call.Method), null, new CallOptions(call.Metadata, DateTime.UtcNow + (waits ? StreamsLast : Patience)), call.Bytes);
                await unary.ResponseAsync;
            });
        });
        Assert.All([StatusCode.OK, StatusCode.NotFound, StatusCode.FailedPrecondition, StatusCode.InvalidArgument], status => Assert.Contains(status, _statuses.Keys));
    });

    [Fact]
    public async Task EveryStream_WithHostileMessages_HasADocumentedStatusOrGoesOn() => await JudgeAsync(async messages =>
    {
        var methods = Methods.Where(static method => method.IsClientStreaming).ToArray();
        var calls = Enumerable.Range(0, Rounds * methods.Length * 2).Select(at => (
            Method: methods[at % methods.Length], Requests: Enumerable.Range(0, messages.Pick(1, 2, 3)).Select(_ => messages.Of(methods[at % methods.Length].InputType)).ToArray(),
            IsHalfClosed: messages.Pick(true, false))).ToArray();
        await Parallel.ForEachAsync(calls, new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (call, _) =>
            await SeeAsync(call.Method, call.Requests[^1], [.. Documented, StatusCode.DeadlineExceeded], async () =>
            {
                using var stream = _channel.CreateCallInvoker().AsyncDuplexStreamingCall(Raw(MethodType.DuplexStreaming, call.Method), null, new CallOptions(Credentials, DateTime.UtcNow + StreamsLast));
                try
                {
                    foreach (var request in call.Requests)
                    {
                        await stream.RequestStream.WriteAsync(request);
                    }

                    if (call.IsHalfClosed)
                    {
                        await stream.RequestStream.CompleteAsync();
                    }
                }
                catch (Exception exception) when (exception is RpcException or InvalidOperationException)
                {
                    // It has ended before all was written: its status says why.
                }

                while (await stream.ResponseStream.MoveNext(CancellationToken.None))
                {
                }
            }));
    });

    [Theory]
    [InlineData("/granary.v1.Messaging/Nothing", StatusCode.Unimplemented)]
    [InlineData("/granary.v1.Nothing/Publish", StatusCode.Unimplemented)]
    [InlineData("/granary.v1.Messaging", StatusCode.Unimplemented)]
    [InlineData("/", StatusCode.Unimplemented)]
    [InlineData("/api/overview/x", StatusCode.Unimplemented)]
    [InlineData("/%2e%2e/%2e%2e/etc/passwd", StatusCode.Unimplemented)]
    [InlineData("/granary.v1.Messaging/Publish%00", StatusCode.Internal)]
    public async Task Call_OfWhatThereIsNot_IsRefused(string path, StatusCode status)
    {
        // The client forms the path of two names. What is no path at all resets the stream.
        var slash = path.LastIndexOf('/');
        var method = new Method<byte[], byte[]>(MethodType.Unary, path[Math.Min(1, slash)..slash], path[(slash + 1)..], AsItIs, AsItIs);
        using var call = _channel.CreateCallInvoker().AsyncUnaryCall(method, null, With(), []);
        var error = await Assert.ThrowsAsync<RpcException>(() => call.ResponseAsync);
        Assert.Equal(status, error.StatusCode);
        broker.CheckLog();
    }

    [Fact]
    public async Task Message_ThatIsTooLarge_IsRefusedAndNotHeld() => await JudgeAsync(async _ =>
    {
        // One that is, and one that says so: four gigabytes, of which nothing comes.
        var large = new PublishRequest { Message = new Message { RoutingKey = "q", Body = ByteString.CopyFrom(new byte[25 << 20]) } };
        await ExpectAsync(StatusCode.ResourceExhausted, null, async () => await new Messaging.MessagingClient(_channel).PublishAsync(large, With()));
        for (var i = 0; i < 20; i++)
        {
            await ExpectRefusedAsync([0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3], "the message is larger than any may be");
        }
    });

    [Fact]
    public async Task Message_ThatIsNeitherCompressedNorNot_IsMalformed() => await JudgeAsync(_ => ExpectRefusedAsync([2, 0, 0, 0, 1, 0], "SYNTAX_ERROR - the request is malformed: a message begins with 0 or 1"));

    [Fact]
    public async Task Frames_ThatAreNone_EndTheirConnectionAlone() => await JudgeAsync(async _ =>
    {
        await Parallel.ForAsync(0, Rounds * 20, new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (at, _) =>
        {
            var random = new Random(Fuzzing.Seed + at);
            var bytes = new List<byte>(random.Next(5) == 0 ? [] : RawHttp2.Preface);
            for (var frames = random.Next(1, 8); frames > 0; frames--)
            {
                var payload = new byte[random.Next(4) switch { 0 => 0, 1 => 4, 2 => 8, _ => random.Next(300) }];
                random.NextBytes(payload);
                var frame = random.Next(4) == 0 ? RawHttp2.Call((uint)random.Next(10), "/granary.v1.Messaging/Get") : RawHttp2.Frame((byte)random.Next(12), (byte)random.Next(256), (uint)random.Next(10), payload);
                if (random.Next(6) == 0)
                {
                    frame[random.Next(9)] ^= (byte)(1 << random.Next(8));
                }

                bytes.AddRange(frame);
            }

            using var socket = await RawHttp.ConnectAsync(broker.Broker.GrpcPort);
            await socket.SendAsync(bytes.ToArray());
            await RawHttp2.EndAsync(socket, ConnectionsEnd);
        });
    });

    [Fact]
    public async Task Streams_ThatNobodyReads_AreHeldWithinBoundsAndCutOffWithTheirSocket() => await JudgeAsync(async _ =>
    {
        const int Unread = 2, Bodies = 400, CallsOfEach = 200;
        broker.Broker.Watched.Allow(UnreadIsCut);
        var messaging = new Messaging.MessagingClient(_channel);
        var queue = (await new V1.Topology.TopologyClient(_channel).DeclareQueueAsync(new DeclareQueueRequest(), With())).Queue;
        var body = ByteString.CopyFrom(new byte[64 << 10]);
        for (var i = 0; i < Bodies; i++)
        {
            await messaging.PublishAsync(new PublishRequest { Message = new Message { RoutingKey = queue, Body = body } }, With());
        }

        // Some read their sockets and not their streams; the others neither.
        var subscribe = new ConsumeRequest { Subscribe = new Subscribe { Queue = queue, Credit = 10_000 } };
        var streams = Enumerable.Range(0, Unread).Select(_ => messaging.Consume(With())).ToArray();
        await Task.WhenAll(streams.Select(stream => stream.RequestStream.WriteAsync(subscribe)));
        await Task.WhenAll(Enumerable.Range(0, Unread).Select(async _ =>
        {
            using var socket = await RawHttp.ConnectAsync(broker.Broker.GrpcPort, receiveBuffer: 4096);
            await socket.SendAsync(RawHttp2.Preface
                .Concat(RawHttp2.Frame(RawHttp2.Settings, 0, 0, [0, 4, 0x7F, 0xFF, 0xFF, 0xFF])).Concat(RawHttp2.Frame(RawHttp2.WindowUpdate, 0, 0, [0x7F, 0xFE, 0xFF, 0xFF]))
                .Concat(Enumerable.Range(0, CallsOfEach).SelectMany(at => RawHttp2.Call((uint)(2 * at) + 1, "/granary.v1.Messaging/Browse").Concat(RawHttp2.Message((uint)(2 * at) + 1, new BrowseRequest { Queue = queue }, RawHttp2.EndStream)))).ToArray());
            await CutOffAsync(socket);
        }));
        foreach (var stream in streams)
        {
            stream.Dispose();
        }

        await new V1.Topology.TopologyClient(_channel).DeleteQueueAsync(new DeleteQueueRequest { Queue = queue }, With());
    });

    public void Dispose() => _channel.Dispose();

    // As the first octets of a stream and of a call that is one.
    private async Task ExpectRefusedAsync(byte[] data, string told)
    {
        foreach (var method in new[] { "Publish", "PublishStream" })
        {
            using var socket = await RawHttp.ConnectAsync(broker.Broker.GrpcPort);
            await socket.SendAsync(RawHttp2.Preface.Concat(RawHttp2.Frame(RawHttp2.Settings, 0, 0, [])).Concat(RawHttp2.Call(1, $"/granary.v1.Messaging/{method}"))
                .Concat(RawHttp2.Frame(RawHttp2.Data, 0, 1, data)).ToArray());
            Assert.Contains(told, await ReadUntilAsync(socket, told), StringComparison.Ordinal);
        }
    }

    private static async Task CutOffAsync(Socket socket)
    {
        using var patience = new CancellationTokenSource(ConnectionsEnd);
        try
        {
            while (true)
            {
                // A frame of an unknown type, which is passed over; fails once the connection has been cut.
                await socket.SendAsync(RawHttp2.Frame(0xEE, 0, 0, []), patience.Token);
                await Task.Delay(TimeSpan.FromMilliseconds(100), patience.Token);
            }
        }
        catch (SocketException)
        {
            // Cut off.
        }
    }

    private static async Task<string> ReadUntilAsync(Socket socket, string text)
    {
        using var patience = new CancellationTokenSource(ConnectionsEnd);
        var (read, buffer) = (new StringBuilder(), new byte[16 * 1024]);
        while (await socket.ReceiveAsync(buffer, patience.Token) is > 0 and var count && !read.Append(Encoding.Latin1.GetString(buffer.AsSpan(0, count))).ToString().Contains(text, StringComparison.Ordinal))
        {
        }

        return read.ToString();
    }

    private static Method<byte[], byte[]> Raw(MethodType type, MethodDescriptor method) => new(type, method.Service.FullName, method.Name, AsItIs, AsItIs);

    private static Metadata MetadataOf(HostileMessages messages) => messages.Pick(0, 1, 2, 3, 4, 5, 6, 7) switch
    {
        0 => new Metadata { { "authorization", messages.Pick("Basic", "Basic Z3Vlc3Q6d3Jvbmc=", "Bearer a.b.c", "Basic ====", "") } },
        1 => [.. Credentials, new Metadata.Entry("granary-vhost", messages.Pick("nowhere", "", "..", "%2F", new string('x', 5000)))],
        2 => [.. Credentials, new Metadata.Entry("traceparent", messages.Pick("00-0-0-0", new string('0', 2000)))],
        _ => Credentials,
    };

    // The status is one that is expected, and says why.
    private async Task SeeAsync(MethodDescriptor method, byte[] request, StatusCode[] expected, Func<Task> call)
    {
        var (status, why) = (StatusCode.OK, "ok");
        try
        {
            await call();
        }
        catch (RpcException error)
        {
            (status, why) = (error.StatusCode, error.Status.Detail);
        }

        _statuses.AddOrUpdate(status, 1, static (_, seen) => seen + 1);
        Assert.True(
            expected.Contains(status) && (why.Length > 0 || status == StatusCode.DeadlineExceeded),
            $"{method.FullName} is {status} ({why}) with GRANARY_TEST_FUZZ_SEED={Fuzzing.Seed.ToString(CultureInfo.InvariantCulture)}: {Convert.ToHexString(request.AsSpan(0, Math.Min(request.Length, 500)))}");
    }

    private async Task JudgeAsync(Func<HostileMessages, Task> act)
    {
        var before = await broker.LookAsync();
        await using var others = OtherClients.Of(broker.Broker);
        await act(new HostileMessages(Fuzzing.Seed));
        var trips = await others.StopAsync();
        var after = await broker.LookAsync();
        output.WriteLine($"{string.Join(", ", _statuses.OrderBy(static pair => pair.Key).Select(static pair => $"{pair.Key}: {pair.Value}"))}; {trips} round trips of others; {before}, {after}");
        Assert.InRange(after.ResidentBytes - before.ResidentBytes, long.MinValue, MostGrowth);
        broker.CheckLog(RefusedLogin);
    }
}
