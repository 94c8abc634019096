using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Granary.Gateway.Tests.Grpc;
using Granary.Testing.Brokers;
using Granary.Testing.Unkind;
using Granary.Testing.Wire;
using Granary.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.Gateway.Tests.Access.Tokens;

/// <summary>Logins by token: over AMQP in PLAIN's password, over gRPC and HTTP as bearer.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class TokenLoginTests : IAsyncLifetime
{
    private const int LoginRefused = 1105, ClosedForAnError = 1205, GrpcLoginRefused = 1505, TokenRefused = 1693, SecretRefused = 1694;

    private TestIssuer? _issuer;
    private BrokerProcess? _broker;

    // Whole seconds: five at the least, in which who has the token gets in also on a busy machine.
    private static long Soon => DateTimeOffset.UtcNow.AddSeconds(6).ToUnixTimeSeconds();

    private TestIssuer Issuer => _issuer!;

    private BrokerProcess Broker => _broker!;

    public async Task InitializeAsync()
    {
        _issuer = await TestIssuer.StartAsync();
        _broker = await BrokerProcess.StartAsync(
            "--auth-backends", "oauth2,internal", "--oauth-resource-server", TestIssuer.Audience, "--oauth-issuer", _issuer.Address, "--oauth-ca", _issuer.AuthorityFile);
    }

    public async Task DisposeAsync()
    {
        await Broker.DisposeAsync();
        await Issuer.DisposeAsync();
    }

    [Fact]
    public async Task Connection_WithAToken_MayDoWhatItsScopesGive()
    {
        await using var guest = await WireConnection.OpenAsync(Broker.AmqpPort);
        await guest.CallAsync(1, WireMethods.QueueDeclare("q"), 50, 11);

        await using var client = await OpenAsync(TokenOf("read:*/q", "configure:*/own*"));
        await client.CallAsync(1, WireMethods.BasicConsume("q", "tag"), 60, 21);
        await client.CallAsync(1, WireMethods.QueueDeclare("own-1"), 50, 11);
        await client.SendMethodAsync(1, WireMethods.QueueDeclare("other"));
        var close = await client.ExpectCloseAsync();
        Assert.Equal((403, "ACCESS_REFUSED - configure access to queue 'other' in vhost '/' refused for user 'joe'"), ((int)close.Code, close.Text));
    }

    [Fact]
    public async Task Connection_WithATokenForAnotherVhost_IsRefused()
    {
        await using var client = await WireConnection.ConnectAsync(Broker.AmqpPort);
        await client.SendAsync(WireConnection.ProtocolHeader);
        await client.ExpectAsync(10, 10);
        await client.SendMethodAsync(0, WireMethods.StartOk("", TokenOf("read:other/*")));
        await client.ExpectAsync(10, 30);
        await client.SendMethodAsync(0, WireMethods.TuneOk());
        await client.SendMethodAsync(0, WireMethods.ConnectionOpen());
        Assert.Equal("NOT_ALLOWED - access to vhost '/' refused for user 'joe'", (await client.ExpectCloseAsync()).Text);
    }

    [Fact]
    public async Task Connection_WithATokenThatIsNotTrue_IsRefused()
    {
        Broker.Watched.Expect(TokenRefused, LoginRefused);
        var claims = Issuer.Claims("read:*/*");
        claims["aud"] = "other";
        await using var client = await WireConnection.ConnectAsync(Broker.AmqpPort);
        await client.SendAsync(WireConnection.ProtocolHeader);
        await client.ExpectAsync(10, 10);
        await client.SendMethodAsync(0, WireMethods.StartOk("", Issuer.Token(claims)));
        Assert.Equal(
            "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.", (await client.ExpectCloseAsync()).Text);
    }

    [Fact]
    public async Task Connection_WhoseTokenExpires_IsClosed()
    {
        // The keys are fetched, so that on a busy machine the token does not expire meanwhile.
        await using (await OpenAsync(TokenOf("read:*/*")))
        {
        }

        var claims = Issuer.Claims("read:*/*", "write:*/*", "configure:*/*");
        claims["exp"] = Soon;
        await using var client = await OpenAsync(Issuer.Token(claims));
        var close = await client.ExpectCloseAsync();
        Assert.Equal((320, "CONNECTION_FORCED - credential expired"), ((int)close.Code, close.Text));
    }

    [Fact]
    public async Task UpdateSecret_WithAnotherToken_TakesItsPlaceAndCancelsWhatMayNotReadAnyMore()
    {
        await using var guest = await WireConnection.OpenAsync(Broker.AmqpPort);
        await guest.CallAsync(1, WireMethods.QueueDeclare("a"), 50, 11);
        await guest.CallAsync(1, WireMethods.QueueDeclare("b"), 50, 11);

        await using var client = await OpenAsync(TokenOf("read:*/*"));
        await client.CallAsync(1, WireMethods.BasicConsume("a", "of-a"), 60, 21);
        await client.CallAsync(1, WireMethods.BasicConsume("b", "of-b"), 60, 21);
        await client.SendMethodAsync(0, UpdateSecret(TokenOf("read:*/b", "configure:*/new")));
        Assert.Equal("of-a", (await client.ExpectAsync(60, 30)).Arguments().ShortString());
        await client.ExpectAsync(10, 71);
        await client.CallAsync(1, WireMethods.QueueDeclare("new"), 50, 11);
    }

    [Theory]
    [InlineData("ann")]
    [InlineData(null)]
    public async Task UpdateSecret_WithATokenThatIsNotTheUsers_ClosesTheConnection(string? user)
    {
        Broker.Watched.Expect(SecretRefused, ClosedForAnError);
        Broker.Watched.Allow(TokenRefused);
        var claims = Issuer.Claims("read:*/*");
        claims["sub"] = user;
        await using var client = await OpenAsync(TokenOf("read:*/*"));
        await client.SendMethodAsync(0, UpdateSecret(user is null ? "nonsense" : Issuer.Token(claims)));
        var close = await client.ExpectCloseAsync();
        Assert.Equal((530, "NOT_ALLOWED - New secret was refused by one of the backends"), ((int)close.Code, close.Text));
    }

    [Fact]
    public async Task User_OfTheNextBackend_LogsInWithAPassword()
    {
        await using var client = await WireConnection.OpenAsync(Broker.AmqpPort);
        await client.CallAsync(0, UpdateSecret("whatever it is"), 10, 71);
        await client.CallAsync(1, WireMethods.QueueDeclare("q"), 50, 11);
    }

    [Fact]
    public async Task Http_WithAToken_AnswersAsItsTagsAndScopesSay()
    {
        Broker.Watched.Allow(TokenRefused);
        Assert.Contains("\"name\":\"joe\"", await GetAsync("whoami", HttpStatusCode.OK, TokenOf("tag:management")), StringComparison.Ordinal);
        Assert.Contains("\"is_internal_user\":false", await GetAsync("whoami", HttpStatusCode.OK, TokenOf("tag:management")), StringComparison.Ordinal);
        await GetAsync("nodes", HttpStatusCode.Unauthorized, TokenOf("tag:management"));
        await GetAsync("nodes", HttpStatusCode.OK, TokenOf("tag:monitoring"));
        await GetAsync("whoami", HttpStatusCode.Unauthorized, TokenOf("read:*/*"));
        await GetAsync("whoami", HttpStatusCode.Unauthorized, "nonsense");
        Assert.Equal("[]", await GetAsync("queues", HttpStatusCode.OK, TokenOf("tag:management", "read:other/*")));
        await GetAsync("queues/%2F", HttpStatusCode.Unauthorized, TokenOf("tag:management", "read:other/*"));
        await GetAsync("queues/%2F", HttpStatusCode.OK, TokenOf("tag:management", "read:%2F/*"));

        using var basic = new HttpRequestMessage(HttpMethod.Put, Api("queues/%2F/over-http"))
        {
            Content = new StringContent("{}", Encoding.UTF8, "application/json"),
            Headers = { Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"x:{TokenOf("tag:management", "configure:*/over-*")}"))) },
        };
        using var client = new HttpClient();
        using var answer = await client.SendAsync(basic);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        await PublishAsync(client, TokenOf("tag:management", "write:*/amq.default"), HttpStatusCode.OK);
        await PublishAsync(client, TokenOf("tag:management", "read:*/*"), HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Grpc_WithAToken_AnswersAsItsScopesSay()
    {
        Broker.Watched.Allow(TokenRefused, GrpcLoginRefused);
        using var channel = GrpcChannel.ForAddress(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Broker.GrpcPort}"));
        var (topology, messaging) = (new V1.Topology.TopologyClient(channel), new Messaging.MessagingClient(channel));
        var token = Bearer(TokenOf("configure:*/grpc", "read:*/grpc"));
        await topology.DeclareQueueAsync(new DeclareQueueRequest { Queue = "grpc" }, token);
        await GrpcBroker.ExpectAsync(StatusCode.PermissionDenied, 403, () => topology.DeclareQueueAsync(new DeclareQueueRequest { Queue = "other" }, token).ResponseAsync);
        await GrpcBroker.ExpectAsync(
            StatusCode.PermissionDenied, 403, () => messaging.PublishAsync(new PublishRequest { Message = GrpcBroker.MessageOf("grpc", "x") }, token).ResponseAsync);
        await messaging.PublishAsync(new PublishRequest { Message = GrpcBroker.MessageOf("grpc", "x") }, Bearer(TokenOf("write:*/amq.default")));
        await GrpcBroker.ExpectAsync(StatusCode.Unauthenticated, 403, () => topology.DeclareQueueAsync(new DeclareQueueRequest(), Bearer("nonsense")).ResponseAsync);

        var claims = Issuer.Claims("read:*/*");
        claims["exp"] = Soon;
        using var consuming = messaging.Consume(Bearer(Issuer.Token(claims)));
        await consuming.RequestStream.WriteAsync(new ConsumeRequest { Subscribe = new Subscribe { Queue = "grpc", NoAck = true } });
        var error = await GrpcBroker.ExpectAsync(StatusCode.Unavailable, 320, async () =>
        {
            while (await consuming.ResponseStream.MoveNext(CancellationToken.None))
            {
            }
        });
        Assert.Equal("CONNECTION_FORCED - credential expired", error.Status.Detail);
    }

    private static Metadata Bearer(string token) => new() { { "authorization", $"Bearer {token}" } };

    private static byte[] UpdateSecret(string secret) => WireWriter.Method(10, 70).LongString(secret).ShortString("refresh").ToArray();

    private string TokenOf(params string[] scopes) => Issuer.Token(Issuer.Claims(scopes));

    private Task<WireConnection> OpenAsync(string token) => WireConnection.OpenAsync(Broker.AmqpPort, user: "anybody", password: token);

    private Uri Api(string path) => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Broker.HttpPort}/api/{path}"));

    private async Task<string> GetAsync(string path, HttpStatusCode status, string token)
    {
        using var client = new HttpClient { DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
        using var answer = await client.GetAsync(Api(path));
        Assert.Equal(status, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync();
    }

    private async Task PublishAsync(HttpClient client, string token, HttpStatusCode status)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Api("exchanges/%2F/amq.default/publish"))
        {
            Content = new StringContent("""{"properties":{},"routing_key":"over-http","payload":"x","payload_encoding":"string"}""", Encoding.UTF8, "application/json"),
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) },
        };
        using var answer = await client.SendAsync(request);
        Assert.Equal(status, answer.StatusCode);
    }
}
