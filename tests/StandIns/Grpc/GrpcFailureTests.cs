using System.Net;
using System.Net.Sockets;
using Google.Protobuf;
using Granary.StandIns.Tests.Grpc.Wire;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.StandIns.Tests.Grpc;

public sealed class GrpcFailureTests
{
    [Fact]
    public async Task Status_WithTrailersAndUnprintableText_ReachesTheClient()
    {
        await using var server = await EchoServer.StartAsync();
        var exception = await EchoServer.ExpectStatusAsync(
            StatusCode.NotFound, async () => await server.Client.UnaryAsync(new EchoRequest { FailCode = 5, Text = "no queue 'ü' 100%\n" }));

        Assert.Equal("no queue 'ü' 100%\n", exception.Status.Detail);
        Assert.Equal("yes", exception.Trailers.GetValue("from-context"));
        Assert.Equal("yes", exception.Trailers.GetValue("from-exception"));
        Assert.Equal([0, 1, 255], exception.Trailers.GetValueBytes("raw-bin"));
    }

    [Fact]
    public async Task Status_AfterStreamedMessages_ComesAfterThem()
    {
        await using var server = await EchoServer.StartAsync();
        using var call = server.Client.ServerStream(new EchoRequest { Count = 3, FailCode = 10, Text = "later" });
        for (var number = 0; number < 3; number++)
        {
            Assert.True(await call.ResponseStream.MoveNext());
        }

        var exception = await EchoServer.ExpectStatusAsync(StatusCode.Aborted, () => call.ResponseStream.MoveNext());
        Assert.Equal("later", exception.Status.Detail);
        Assert.Equal("yes", exception.Trailers.GetValue("from-exception"));
        Assert.Equal(StatusCode.Aborted, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task Status_WhileTheClientStillSends_EndsTheClientsStream()
    {
        await using var server = await EchoServer.StartAsync();
        using var call = server.Client.Duplex();
        await call.RequestStream.WriteAsync(new EchoRequest { FailCode = 9, Text = "stop" });

        await EchoServer.ExpectStatusAsync(StatusCode.FailedPrecondition, () => call.ResponseStream.MoveNext());
        await EchoServer.ExpectStatusAsync(StatusCode.FailedPrecondition, () => call.RequestStream.WriteAsync(new EchoRequest()));
    }

    [Fact]
    public async Task Crash_ByDefault_TellsNothing()
    {
        await using var server = await EchoServer.StartAsync();
        var exception = await EchoServer.ExpectStatusAsync(
            StatusCode.Unknown, async () => await server.Client.UnaryAsync(new EchoRequest { Crash = true, Text = "secret" }));

        Assert.Equal("Exception was thrown by handler.", exception.Status.Detail);
    }

    [Fact]
    public async Task Crash_WithDetailedErrors_TellsTheException()
    {
        await using var server = await EchoServer.StartAsync(detailedErrors: true);
        var exception = await EchoServer.ExpectStatusAsync(
            StatusCode.Unknown, async () => await server.Client.UnaryAsync(new EchoRequest { Crash = true, Text = "what" }));

        Assert.Equal("Exception was thrown by handler. InvalidDataException: what", exception.Status.Detail);
    }

    [Fact]
    public async Task Method_NotOverridden_IsUnimplemented()
    {
        await using var server = await EchoServer.StartAsync();

        await EchoServer.ExpectStatusAsync(StatusCode.Unimplemented, async () => await server.Client.MissingAsync(new EchoRequest()));
    }

    [Theory]
    [InlineData("granary.tests.echo.Echo", "Nothing", "Method is unimplemented.")]
    [InlineData("granary.Nothing", "Unary", "Service is unimplemented.")]
    public async Task Method_Unknown_IsUnimplemented(string service, string name, string detail)
    {
        await using var server = await EchoServer.StartAsync();
        var marshaller = Marshallers.Create(text => text, bytes => bytes);
        var method = new Method<byte[], byte[]>(MethodType.Unary, service, name, marshaller, marshaller);
        var exception = await EchoServer.ExpectStatusAsync(
            StatusCode.Unimplemented, async () => await server.Channel.CreateCallInvoker().AsyncUnaryCall(method, null, default, []));

        Assert.Equal(detail, exception.Status.Detail);
    }

    [Fact]
    public async Task Request_AboveTheServersLimit_IsResourceExhausted()
    {
        await using var server = await EchoServer.StartAsync();
        var body = ByteString.CopyFrom(new byte[EchoServer.MaxMessageSize + 1]);

        await EchoServer.ExpectStatusAsync(StatusCode.ResourceExhausted, async () => await server.Client.UnaryAsync(new EchoRequest { Body = body }));
        Assert.Equal("on", (await server.Client.UnaryAsync(new EchoRequest { Text = "on" })).Text);
    }

    [Fact]
    public async Task Message_AboveTheClientsLimits_IsResourceExhausted()
    {
        await using var server = await EchoServer.StartAsync();
        using var channel = GrpcChannel.ForAddress(server.Address, new GrpcChannelOptions { MaxReceiveMessageSize = 1000, MaxSendMessageSize = 2000 });
        var client = new Echo.EchoClient(channel);

        await EchoServer.ExpectStatusAsync(
            StatusCode.ResourceExhausted, async () => await client.UnaryAsync(new EchoRequest { Body = ByteString.CopyFrom(new byte[1500]) }));
        await EchoServer.ExpectStatusAsync(
            StatusCode.ResourceExhausted, async () => await client.UnaryAsync(new EchoRequest { Body = ByteString.CopyFrom(new byte[2500]) }));
    }

    [Fact]
    public async Task Deadline_Passed_IsExceededAndCancelsTheHandler()
    {
        // Long enough for the call to get to its handler on any machine.
        await using var server = await EchoServer.StartAsync();
        var deadline = DateTime.UtcNow.AddSeconds(2);

        await EchoServer.ExpectStatusAsync(
            StatusCode.DeadlineExceeded, async () => await server.Client.UnaryAsync(new EchoRequest { Hang = true }, deadline: deadline));
        await server.Events.Cancelled.Task.WaitAsync(EchoServer.Patience);
        Assert.InRange(server.Events.Deadline, deadline.AddSeconds(-5), deadline.AddSeconds(5));
    }

    [Fact]
    public async Task Deadline_ByTheServerAlone_IsAnsweredThoughTheHandlerGoesOn()
    {
        // The header without the client's own clock; as long as above.
        await using var server = await EchoServer.StartAsync();
        using var client = new HttpClient();
        var message = new EchoRequest { Count = 1, Hang = true, Stubborn = true }.ToByteArray();
        using var request = new HttpRequestMessage(HttpMethod.Post, server.Address + "/granary.tests.echo.Echo/ServerStream")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent([0, 0, 0, 0, (byte)message.Length, .. message]),
        };
        request.Content.Headers.ContentType = new("application/grpc");
        request.Headers.TryAddWithoutValidation("te", "trailers");
        request.Headers.TryAddWithoutValidation("grpc-timeout", "2S");

        using var response = await client.SendAsync(request).WaitAsync(EchoServer.Patience);
        Assert.Equal("4", response.TrailingHeaders.GetValues("grpc-status").Single());
        await server.Events.Cancelled.Task.WaitAsync(EchoServer.Patience);
        server.Events.Release.SetResult();
    }

    [Fact]
    public async Task Cancellation_ByToken_CancelsTheHandler()
    {
        await using var server = await EchoServer.StartAsync();
        using var cancellation = new CancellationTokenSource();
        var call = server.Client.UnaryAsync(new EchoRequest { Hang = true }, cancellationToken: cancellation.Token);
        await server.Events.Hanging.Task.WaitAsync(EchoServer.Patience);
        await cancellation.CancelAsync();

        await EchoServer.ExpectStatusAsync(StatusCode.Cancelled, async () => await call);
        await server.Events.Cancelled.Task.WaitAsync(EchoServer.Patience);
    }

    [Fact]
    public async Task Cancellation_ByDisposingAStream_CancelsTheHandler()
    {
        await using var server = await EchoServer.StartAsync();
        var call = server.Client.ServerStream(new EchoRequest { Count = 1, Hang = true });
        Assert.True(await call.ResponseStream.MoveNext());
        await server.Events.Hanging.Task.WaitAsync(EchoServer.Patience);
        call.Dispose();

        await server.Events.Cancelled.Task.WaitAsync(EchoServer.Patience);
        Assert.Equal(StatusCode.Cancelled, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task Cancellation_WhileTheHandlerReads_EndsTheRead()
    {
        await using var server = await EchoServer.StartAsync();
        using var cancellation = new CancellationTokenSource();
        using var call = server.Client.ClientStream(cancellationToken: cancellation.Token);
        await call.RequestStream.WriteAsync(new EchoRequest());
        await server.Events.Hanging.Task.WaitAsync(EchoServer.Patience);
        await cancellation.CancelAsync();

        await EchoServer.ExpectStatusAsync(StatusCode.Cancelled, async () => await call);
        await server.Events.Cancelled.Task.WaitAsync(EchoServer.Patience);
    }

    [Fact]
    public async Task Write_AfterComplete_IsRefused()
    {
        await using var server = await EchoServer.StartAsync();
        using var call = server.Client.ClientStream();
        await call.RequestStream.CompleteAsync();

        await Assert.ThrowsAsync<InvalidOperationException>(() => call.RequestStream.WriteAsync(new EchoRequest()));
    }

    [Fact]
    public async Task Server_NotThere_IsUnavailable()
    {
        int port;
        using (var listener = new TcpListener(IPAddress.Loopback, 0))
        {
            listener.Start();
            port = ((IPEndPoint)listener.LocalEndpoint).Port;
        }

        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{port}");
        await EchoServer.ExpectStatusAsync(StatusCode.Unavailable, async () => await new Echo.EchoClient(channel).UnaryAsync(new EchoRequest()));
    }
}
