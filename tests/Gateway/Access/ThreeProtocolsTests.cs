using System.Net;
using System.Text.Json.Nodes;
using Granary.Gateway.Tests.Management;
using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.Testing.Wire;
using Granary.V1;
using Grpc.Core;
using Grpc.Net.Client;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;

namespace Granary.Gateway.Tests.Access;

/// <summary>Each operation with all rights that it needs, with none, without each of them and with each of them alone: AMQP, HTTP and gRPC allow and refuse the same, in the same words.</summary>
[WatchedBroker]
[MayLog(1206)]
public sealed class ThreeProtocolsTests(ApiBroker broker) : IClassFixture<ApiBroker>, IAsyncLifetime
{
    private const string Begin = "ACCESS_REFUSED - ";
    private const string Everything = ".*", Nothing = "^zz$";

    private readonly string _vhost = ApiBroker.New("v"), _user = ApiBroker.New("u");
    private GrpcChannel? _channel;
    private bool _isSet;

    public async Task InitializeAsync()
    {
        await DoneAsync(HttpMethod.Put, $"vhosts/{_vhost}", "{}");
        await DoneAsync(HttpMethod.Put, $"users/{_user}", """{"password":"p","tags":"management"}""");
        _channel = GrpcChannel.ForAddress($"http://127.0.0.1:{broker.Broker.GrpcPort}");
    }

    public async Task DisposeAsync()
    {
        _channel!.Dispose();
        await DoneAsync(HttpMethod.Delete, $"vhosts/{_vhost}");
        await DoneAsync(HttpMethod.Delete, $"users/{_user}");
    }

    [Fact]
    public async Task Operation_WithAndWithoutEachRight_IsTheSameOverAllProtocols()
    {
        foreach (var operation in RightsOperation.All)
        {
            foreach (var (configure, write, read) in Variants(operation.Needs))
            {
                await DoneAsync(HttpMethod.Put, $"permissions/{_vhost}/{_user}", $$"""{"configure":"{{configure}}","write":"{{write}}","read":"{{read}}"}""");
                var what = $"{operation} with '{configure}', '{write}', '{read}'";
                var refused = Refused(operation.Needs, configure, write, read);

                await SetAsync();
                var amqp = await TryAmqpAsync(operation.Amqp(), operation.Answer);
                Assert.Equal((what, refused), (what, amqp is null ? null : RightOf(amqp)));

                if (operation.Http is { } http)
                {
                    await SetAsync();
                    Assert.Equal((what, amqp), (what, await TryHttpAsync(http.Method, http.Path, http.Body)));
                }

                if (operation.Grpc is { } grpc)
                {
                    await SetAsync();
                    Assert.Equal((what, amqp), (what, await TryGrpcAsync(grpc)));
                }
            }
        }
    }

    [Theory]
    [InlineData("w.USER.VHOST", true, false)]
    [InlineData("w.other.VHOST", false, false)]
    [InlineData("r.1", false, true)]
    [InlineData("x", false, false)]
    public async Task RoutingKey_OnATopicExchange_IsAllowedByTheTopicPermissionWithItsVariables(string pattern, bool mayPublish, bool mayBind)
    {
        var key = pattern.Replace("USER", _user, StringComparison.Ordinal).Replace("VHOST", _vhost, StringComparison.Ordinal);
        await SetAsync();
        await DoneAsync(HttpMethod.Put, $"permissions/{_vhost}/{_user}", """{"configure":".*","write":".*","read":".*"}""");
        foreach (var exchange in new[] { "t", "x" })
        {
            await DoneAsync(HttpMethod.Put, $"topic-permissions/{_vhost}/{_user}", $$"""{"exchange":"{{exchange}}","write":"^w\\.{username}\\.{vhost}$","read":"^r\\."}""");
        }

        // Of other types than topic a topic permission says nothing.
        foreach (var exchange in new[] { "t", "x" })
        {
            var (isPublished, isBound) = (mayPublish || exchange == "x", mayBind || exchange == "x");
            var body = $$"""{"properties":{},"routing_key":"{{key}}","payload":"1","payload_encoding":"string"}""";
            var refusal = $"ACCESS_REFUSED - {{0}} access to topic '{key}' in exchange '{exchange}' in vhost '{_vhost}' refused for user '{_user}'";
            var (published, bound) = (
                isPublished ? null : refusal.Replace("{0}", "write", StringComparison.Ordinal), isBound ? null : refusal.Replace("{0}", "read", StringComparison.Ordinal));

            Assert.Equal(published, await TryAmqpAsync(WireMethods.BasicPublish(exchange, key), null));
            Assert.Equal(published, await TryHttpAsync("POST", $"exchanges/V/{exchange}/publish", body));
            Assert.Equal(published, await TryGrpcAsync((channel, options) => new Messaging.MessagingClient(channel).PublishAsync(
                new PublishRequest { Message = new Message { Exchange = exchange, RoutingKey = key } }, options).ResponseAsync));

            Assert.Equal(bound, await TryAmqpAsync(WireMethods.QueueBind("q", exchange, key), (50, 21)));
            Assert.Equal(bound, await TryHttpAsync("POST", $"bindings/V/e/{exchange}/q/q", $$"""{"routing_key":"{{key}}"}"""));
            Assert.Equal(bound, await TryGrpcAsync((channel, options) => new V1.Topology.TopologyClient(channel).BindQueueAsync(
                new BindQueueRequest { Queue = "q", Exchange = exchange, RoutingKey = key }, options).ResponseAsync));
        }
    }

    /// <summary>All that is needed and nothing else; nothing; everything but one of what is needed; one of it alone.</summary>
    private static IEnumerable<(string Configure, string Write, string Read)> Variants((string Configure, string Write, string Read) needs)
    {
        string[] needed = [needs.Configure, needs.Write, needs.Read];
        var exactly = needed.Select(static name => name.Length == 0 ? "" : $"^{name.Replace(".", "\\\\.", StringComparison.Ordinal)}$").ToArray();
        yield return (exactly[0], exactly[1], exactly[2]);
        yield return ("", "", "");
        for (var right = 0; right < needed.Length; right++)
        {
            if (needed[right].Length > 0)
            {
                string[] without = [Everything, Everything, Everything];
                without[right] = Nothing;
                yield return (without[0], without[1], without[2]);
                string[] alone = ["", "", ""];
                alone[right] = exactly[right];
                yield return (alone[0], alone[1], alone[2]);
            }
        }
    }

    /// <summary>The right that RabbitMQ looks at first and that is missing: configure, then read, then write where all three are needed, else write, then read. Null: none is.</summary>
    private static string? Refused((string Configure, string Write, string Read) needs, string configure, string write, string read)
    {
        static bool Lacks(string needed, string pattern) => needed.Length > 0 && pattern is "" or Nothing;
        return Lacks(needs.Configure, configure) ? "configure"
            : needs.Configure.Length > 0 && Lacks(needs.Read, read) ? "read"
            : Lacks(needs.Write, write) ? "write"
            : Lacks(needs.Read, read) ? "read" : null;
    }

    private static string RightOf(string refusal)
    {
        Assert.StartsWith(Begin, refusal, StringComparison.Ordinal);
        return refusal[Begin.Length..].Split(' ')[0];
    }

    // What was refused has changed nothing.
    private async Task SetAsync()
    {
        if (_isSet)
        {
            return;
        }

        _isSet = true;
        foreach (var gone in new[] { "queues/V/new", "queues/V/q", "exchanges/V/new", "exchanges/V/x", "exchanges/V/y", "exchanges/V/t" })
        {
            await broker.SendAsync(HttpMethod.Delete, Path(gone));
        }

        await DoneAsync(HttpMethod.Put, Path("queues/V/q"), """{"durable":true}""");
        await DoneAsync(HttpMethod.Put, Path("exchanges/V/x"), """{"type":"direct"}""");
        await DoneAsync(HttpMethod.Put, Path("exchanges/V/y"), """{"type":"direct"}""");
        await DoneAsync(HttpMethod.Put, Path("exchanges/V/t"), """{"type":"topic"}""");
        await DoneAsync(HttpMethod.Post, Path("bindings/V/e/x/q/q"), """{"routing_key":"k"}""");
        await DoneAsync(HttpMethod.Post, Path("bindings/V/e/x/e/y"), """{"routing_key":"k"}""");
        await DoneAsync(HttpMethod.Post, Path("exchanges/V/amq.default/publish"), """{"properties":{},"routing_key":"q","payload":"1","payload_encoding":"string"}""");
    }

    private string Path(string path) => path.Replace("/V/", $"/{_vhost}/", StringComparison.Ordinal);

    private async Task DoneAsync(HttpMethod method, string path, string? body = null)
    {
        var (status, answer) = await broker.SendAsync(method, path, body);
        Assert.True((int)status < 300, $"{method} {path}: {status} {answer}");
    }

    // Null: it was done. Otherwise why not.
    private async Task<string?> TryAmqpAsync(byte[] method, (ushort Class, ushort Method)? answer) => Note(await AskAmqpAsync(method, answer));

    private async Task<string?> TryHttpAsync(string method, string path, string? body) => Note(await AskHttpAsync(method, path, body));

    private async Task<string?> TryGrpcAsync(Func<ChannelBase, CallOptions, Task> call) => Note(await AskGrpcAsync(call));

    private string? Note(string? refusal)
    {
        _isSet &= refusal is not null;
        return refusal;
    }

    private async Task<string?> AskAmqpAsync(byte[] method, (ushort Class, ushort Method)? answer)
    {
        await using var connection = await WireConnection.OpenAsync(broker.Broker.AmqpPort, user: _user, password: "p", vhost: _vhost);
        await (answer is null ? connection.PublishAsync(1, method, [1]) : connection.SendMethodAsync(1, method));
        if (answer is null)
        {
            // What has no answer is followed by something that has.
            await connection.SendMethodAsync(1, WireMethods.BasicQos(0, 1));
        }

        var (expectedClass, expectedMethod) = answer ?? (60, 11);
        while (await connection.ReadAsync() is { } frame)
        {
            if (WireClose.From(frame) is { } close)
            {
                Assert.Equal(("channel", 403), (close.Level, (int)close.Code));
                return close.Text;
            }

            if (frame.Is(expectedClass, expectedMethod))
            {
                return null;
            }
        }

        throw new InvalidDataException("The broker closed the socket without a close method.");
    }

    private async Task<string?> AskHttpAsync(string method, string path, string? body)
    {
        using var client = broker.ClientOf($"{_user}:p");
        using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(Path(path), UriKind.Relative)) { Content = body is null ? null : ApiBroker.Json(body) };
        using var answer = await client.SendAsync(request);
        if (answer.IsSuccessStatusCode)
        {
            return null;
        }

        var text = await answer.Content.ReadAsStringAsync();
        var refusal = JsonNode.Parse(text)!;
        Assert.True((answer.StatusCode, (string)refusal["error"]!) == (HttpStatusCode.Unauthorized, "not_authorised"), $"{method} {path} {body}: {answer.StatusCode} {text}");
        var reason = (string)refusal["reason"]!;
        return reason.StartsWith(Begin, StringComparison.Ordinal) ? reason : Begin + reason;
    }

    private async Task<string?> AskGrpcAsync(Func<ChannelBase, CallOptions, Task> call)
    {
        var metadata = CredentialsOf($"{_user}:p");
        metadata.Add("granary-vhost", _vhost);
        try
        {
            await call(_channel!, new CallOptions(metadata, DateTime.UtcNow + Patience));
            return null;
        }
        catch (RpcException refused)
        {
            Assert.True((StatusCode.PermissionDenied, "403") == (refused.StatusCode, refused.Trailers.GetValue("granary-reply-code")), refused.ToString());
            return refused.Status.Detail;
        }
    }
}
