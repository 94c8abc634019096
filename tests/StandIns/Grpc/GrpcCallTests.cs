using Google.Protobuf;
using Granary.StandIns.Tests.Grpc.Wire;
using Grpc.Core;

namespace Granary.StandIns.Tests.Grpc;

public sealed class GrpcCallTests
{
    [Fact]
    public async Task Unary_Message_ComesBackWithPeerAndOkStatus()
    {
        await using var server = await EchoServer.StartAsync();
        using var call = server.Client.UnaryAsync(new EchoRequest { Text = "héllo" });

        Assert.Equal("héllo", (await call).Text);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
        Assert.StartsWith("ipv4:127.0.0.1:", server.Events.Peer);
        Assert.Equal(DateTime.MaxValue, server.Events.Deadline);
    }

    [Fact]
    public async Task Unary_Blocking_Answers()
    {
        await using var server = await EchoServer.StartAsync();

        Assert.Equal("a", server.Client.Unary(new EchoRequest { Text = "a" }).Text);
    }

    [Fact]
    public async Task Unary_EmptyMessage_ComesBackEmpty()
    {
        await using var server = await EchoServer.StartAsync();

        Assert.Equal(new EchoResponse(), await server.Client.UnaryAsync(new EchoRequest()));
    }

    [Fact]
    public async Task ServerStream_ManyMessages_ArriveInOrder()
    {
        await using var server = await EchoServer.StartAsync();
        using var call = server.Client.ServerStream(new EchoRequest { Count = 5000, Text = "x" });
        var expected = 0;
        await foreach (var response in call.ResponseStream.ReadAllAsync())
        {
            Assert.Equal(++expected, response.Number);
        }

        Assert.Equal(5000, expected);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task ServerStream_WithoutMessages_Ends()
    {
        await using var server = await EchoServer.StartAsync();
        using var call = server.Client.ServerStream(new EchoRequest());

        Assert.False(await call.ResponseStream.MoveNext());
    }

    [Fact]
    public async Task ServerStream_ReaderThatDoesNotRead_HoldsTheWriterBack()
    {
        await using var server = await EchoServer.StartAsync();
        using var call = server.Client.ServerStream(new EchoRequest { Count = 2000, Body = ByteString.CopyFrom(new byte[100_000]) });
        Assert.True(await call.ResponseStream.MoveNext());

        // 200 MB do not fit into any window: reading one message lets only few through.
        Assert.InRange(server.Events.Written, 1, 1000);
        var read = 1;
        while (await call.ResponseStream.MoveNext())
        {
            read++;
        }

        Assert.Equal(2000, read);
    }

    [Fact]
    public async Task ClientStream_ManyMessages_AreCounted()
    {
        await using var server = await EchoServer.StartAsync();
        using var call = server.Client.ClientStream();
        for (var number = 0; number < 1000; number++)
        {
            await call.RequestStream.WriteAsync(new EchoRequest { Text = "ab" });
        }

        await call.RequestStream.CompleteAsync();
        var response = await call;
        Assert.Equal(1000, response.Number);
        Assert.Equal(2000, response.Text.Length);
    }

    [Fact]
    public async Task ClientStream_WithoutMessages_Answers()
    {
        await using var server = await EchoServer.StartAsync();
        using var call = server.Client.ClientStream();
        await call.RequestStream.CompleteAsync();

        Assert.Equal(0, (await call).Number);
    }

    [Fact]
    public async Task Duplex_PingPong_AnswersEachBeforeTheNext()
    {
        await using var server = await EchoServer.StartAsync();
        using var call = server.Client.Duplex();
        for (var number = 1; number <= 100; number++)
        {
            await call.RequestStream.WriteAsync(new EchoRequest { Text = $"{number}" });
            Assert.True(await call.ResponseStream.MoveNext());
            Assert.Equal($"{number}", call.ResponseStream.Current.Text);
            Assert.Equal(number, call.ResponseStream.Current.Number);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext());
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task Duplex_BufferHint_SendsWithTheNextFlush()
    {
        await using var server = await EchoServer.StartAsync();
        using var call = server.Client.Duplex();
        call.RequestStream.WriteOptions = new WriteOptions(WriteFlags.BufferHint);
        for (var number = 1; number <= 10; number++)
        {
            await call.RequestStream.WriteAsync(new EchoRequest { Text = $"{number}" });
        }

        await call.RequestStream.CompleteAsync();
        var read = 0;
        while (await call.ResponseStream.MoveNext())
        {
            read++;
        }

        Assert.Equal(10, read);
    }

    [Theory]
    [InlineData(70_000)]
    [InlineData(1_000_000)]
    public async Task LargeMessage_BelowLimits_ComesBackWhole(int size)
    {
        await using var server = await EchoServer.StartAsync();
        var body = new byte[size];
        new Random(size).NextBytes(body);

        var response = await server.Client.UnaryAsync(new EchoRequest { Body = ByteString.CopyFrom(body) });
        Assert.True(response.Body.Span.SequenceEqual(body));

        using var call = server.Client.Duplex();
        await call.RequestStream.WriteAsync(new EchoRequest { Body = ByteString.CopyFrom(body) });
        Assert.True(await call.ResponseStream.MoveNext());
        Assert.True(call.ResponseStream.Current.Body.Span.SequenceEqual(body));
    }

    [Fact]
    public async Task Metadata_TextAndBytes_ComeBackAsHeadersAndTrailers()
    {
        await using var server = await EchoServer.StartAsync();
        var sent = new Metadata { { "echo-text", "a b" }, { "echo-raw-bin", [0, 200, 10, 13] }, { "trail-text", "t" }, { "trail-raw-bin", [255] } };
        using var call = server.Client.UnaryAsync(new EchoRequest(), sent);

        var headers = await call.ResponseHeadersAsync;
        await call;
        Assert.Equal("a b", headers.GetValue("echo-text"));
        Assert.Equal([0, 200, 10, 13], headers.GetValueBytes("echo-raw-bin"));
        Assert.Null(headers.Get("trail-text"));
        Assert.Equal("t", call.GetTrailers().GetValue("trail-text"));
        Assert.Equal([255], call.GetTrailers().GetValueBytes("trail-raw-bin"));
        Assert.Null(call.GetTrailers().Get("grpc-status"));
    }

    [Fact]
    public async Task Calls_ManyAtOnce_AllAnswer()
    {
        await using var server = await EchoServer.StartAsync();
        var calls = Enumerable.Range(0, 500).Select(async number => (await server.Client.UnaryAsync(new EchoRequest { Text = $"{number}" })).Text);

        Assert.Equal(Enumerable.Range(0, 500).Select(number => $"{number}"), await Task.WhenAll(calls).WaitAsync(EchoServer.Patience));
    }
}
