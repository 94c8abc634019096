using System.Net;
using Google.Protobuf;
using Granary.StandIns.Tests.Grpc.Wire;

namespace Granary.StandIns.Tests.Grpc;

/// <summary>Bytes in, status out: what no well-behaved client sends.</summary>
public sealed class GrpcWireTests
{
    [Fact]
    public async Task Messages_CutAtEveryByte_AreReadWhole()
    {
        await using var server = await EchoServer.StartAsync();
        byte[] requests = [.. Frame(new EchoRequest { Text = "one" }), .. Frame(new EchoRequest()), .. Frame(new EchoRequest { Text = "three" })];
        byte[] expected =
        [
            .. Frame(new EchoResponse { Text = "one", Number = 1 }), .. Frame(new EchoResponse { Number = 2 }), .. Frame(new EchoResponse { Text = "three", Number = 3 }),
        ];
        for (var cut = 0; cut <= requests.Length; cut++)
        {
            using var response = await SendAsync(server, "Duplex", new CutContent(requests, cut));

            Assert.Equal(expected, await response.Content.ReadAsByteArrayAsync());
            Assert.Equal("0", response.TrailingHeaders.GetValues("grpc-status").Single());
        }
    }

    [Theory]
    [InlineData(new byte[] { }, "13")]
    [InlineData(new byte[] { 0, 0, 0 }, "13")]
    [InlineData(new byte[] { 0, 0, 0, 0, 5, 1 }, "13")]
    [InlineData(new byte[] { 1, 0, 0, 0, 0 }, "13")]
    [InlineData(new byte[] { 7, 0, 0, 0, 0 }, "2")]
    [InlineData(new byte[] { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, "13")]
    [InlineData(new byte[] { 0, 255, 255, 255, 255 }, "2")]
    [InlineData(new byte[] { 0, 0, 16, 0, 1 }, "8")]
    public async Task Unary_MalformedRequest_IsAnsweredWithItsStatus(byte[] request, string status)
    {
        await using var server = await EchoServer.StartAsync();
        using var response = await SendAsync(server, "Unary", new ByteArrayContent(request));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(status, response.Headers.GetValues("grpc-status").Single());
        Assert.Equal("x", (await server.Client.UnaryAsync(new EchoRequest { Text = "x" })).Text);
    }

    [Theory]
    [InlineData("identity", 0, "0")]
    [InlineData("snappy", 0, "0")]
    [InlineData("identity", 1, "13")]
    [InlineData("snappy", 1, "12")]
    public async Task Unary_NamedEncoding_MattersToCompressedMessagesOnly(string encoding, byte flag, string status)
    {
        await using var server = await EchoServer.StartAsync();
        var content = new ByteArrayContent([flag, .. Frame(new EchoRequest { Text = "x" })[1..]]);
        content.Headers.Add("grpc-encoding", encoding);
        using var response = await SendAsync(server, "Unary", content);

        Assert.Equal(status, (status == "0" ? response.TrailingHeaders : response.Headers).GetValues("grpc-status").Single());
        Assert.Equal(status == "12", response.Headers.TryGetValues("grpc-accept-encoding", out var accepted));
        Assert.Equal(status == "12" ? "identity,gzip,deflate" : null, accepted?.Single());
    }

    [Fact]
    public async Task Request_OfAnotherContentType_IsUnsupported()
    {
        await using var server = await EchoServer.StartAsync();
        using var response = await SendAsync(server, "Unary", new ByteArrayContent([]), "application/json");

        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
    }

    [Fact]
    public async Task Request_WithFormatInItsContentType_IsTaken()
    {
        await using var server = await EchoServer.StartAsync();
        using var response = await SendAsync(server, "Unary", new ByteArrayContent(Frame(new EchoRequest { Text = "x" })), "application/grpc+proto");

        Assert.Equal("0", response.TrailingHeaders.GetValues("grpc-status").Single());
        Assert.Equal("application/grpc", response.Content.Headers.ContentType?.MediaType);
    }

    private static byte[] Frame(IMessage message)
    {
        var payload = message.ToByteArray();
        return [0, 0, 0, 0, (byte)payload.Length, .. payload];
    }

    private static async Task<HttpResponseMessage> SendAsync(EchoServer server, string method, HttpContent content, string contentType = "application/grpc")
    {
        using var client = new HttpClient();
        content.Headers.ContentType = new(contentType);
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{server.Address}/granary.tests.echo.Echo/{method}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = content,
        };
        request.Headers.TryAddWithoutValidation("te", "trailers");
        return await client.SendAsync(request).WaitAsync(EchoServer.Patience);
    }

    /// <summary>Leaves in two data frames.</summary>
    private sealed class CutContent(byte[] bytes, int cut) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(bytes.AsMemory(0, cut));
            await stream.FlushAsync();
            await Task.Yield();
            await stream.WriteAsync(bytes.AsMemory(cut));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
