using System.Net;
using System.Text.Json.Nodes;
using Granary.Testing.Brokers;
using Granary.V1;
using Granary.Gateway.Tests.Grpc;
using Grpc.Core;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;

namespace Granary.Gateway.Tests.Management;

/// <summary>Messages that an exchange delays, listed and cancelled over HTTP and gRPC.</summary>
[WatchedBroker]
public sealed class DelayedApiTests(ApiBroker broker, GrpcBroker grpc) : IClassFixture<ApiBroker>, IClassFixture<GrpcBroker>
{
    private const int Hour = 3_600_000;

    [Fact]
    public async Task Delayed_AreListedInTheOrderOfTheirTimes_AndOneThatIsCancelledIsGone()
    {
        var exchange = await DeclareAsync();
        Assert.Empty(await ListAsync(exchange));
        await PublishAsync(exchange, "second", 2 * Hour);
        await PublishAsync(exchange, "first", Hour);
        await PublishAsync(exchange, "third", 3 * Hour);
        var all = await ListAsync(exchange);
        Assert.Equal(["first", "second", "third"], all.Select(message => (string)message!["payload"]!));
        Assert.Equal((exchange, "k", Hour, 5), (
            (string)all[0]!["exchange"]!, (string)all[0]!["routing_key"]!, (int)all[0]!["properties"]!["headers"]!["x-delay"]!, (int)all[0]!["payload_bytes"]!));
        var due = DateTimeOffset.FromUnixTimeMilliseconds((long)all[0]!["due"]!) - DateTimeOffset.UtcNow;
        Assert.InRange(due, TimeSpan.FromMinutes(50), TimeSpan.FromMinutes(60));

        var page = await ListAsync(exchange, $"?count=1&after={all[0]!["id"]}");
        Assert.Equal("second", (string)Assert.Single(page)!["payload"]!);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, Path(exchange, $"/{page[0]!["id"]}"))).Status);
        Assert.Equal(["first", "third"], (await ListAsync(exchange)).Select(message => (string)message!["payload"]!));
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Delete, Path(exchange, "/17"))).Status);

        // The exchange takes them with it, and one of the same name has none of them.
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"exchanges/%2F/{exchange}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, Path(exchange))).Status);
        await DeclareAsync(exchange);
        Assert.Empty(await ListAsync(exchange));
    }

    [Fact]
    public async Task HiddenQueue_IsInNoList()
    {
        var exchange = await DeclareAsync();
        await PublishAsync(exchange, "hidden", Hour);
        Assert.DoesNotContain("amq.delayed", (await broker.GetAsync("queues")).ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("amq.delayed", (await broker.GetAsync("definitions")).ToJsonString(), StringComparison.Ordinal);
        var (_, route) = await broker.SendAsync(HttpMethod.Post, $"exchanges/%2F/{exchange}/route", """{"routing_key":"k","headers":{"x-delay":5}}""");
        Assert.Empty(route!["queues"]!.AsArray());
        await broker.SendAsync(HttpMethod.Delete, $"exchanges/%2F/{exchange}");
    }

    [Fact]
    public async Task Exchange_OfAnotherType_DelaysNothing()
    {
        var (status, refusal) = await broker.SendAsync(HttpMethod.Get, Path("amq.direct"));
        Assert.Equal((HttpStatusCode.BadRequest, "exchange 'amq.direct' in vhost '/' is not of the type 'x-delayed-message'"), (status, (string)refusal!["reason"]!));
        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Get, Path("amq.direct", "?count=none"))).Status);
        await ExpectAsync(StatusCode.FailedPrecondition, 406, () => grpc.Topology.ListDelayedAsync(new ListDelayedRequest { Exchange = "amq.direct" }, With()).ResponseAsync);
        await ExpectAsync(StatusCode.NotFound, 404, () => grpc.Topology.ListDelayedAsync(new ListDelayedRequest { Exchange = "no-such" }, With()).ResponseAsync);
    }

    [Fact]
    public async Task Grpc_ListsAndCancels_AndDelaysWhatItPublishes()
    {
        var exchange = await DeclareAsync();
        foreach (var delay in new[] { 2 * Hour, Hour })
        {
            var headers = new FieldTable { Entries = { new FieldEntry { Name = "x-delay", Value = new FieldValue { Int32 = delay } } } };
            var message = new Message { Exchange = exchange, RoutingKey = "k", Body = Google.Protobuf.ByteString.CopyFromUtf8($"{delay}"), Properties = new BasicProperties { Headers = headers }, Mandatory = true };
            await grpc.Messaging.PublishAsync(new PublishRequest { Message = message }, With());
        }

        var first = Assert.Single((await grpc.Topology.ListDelayedAsync(new ListDelayedRequest { Exchange = exchange, Count = 1 }, With())).Messages);
        Assert.Equal(($"{Hour}", "k", exchange), (first.Body.ToStringUtf8(), first.RoutingKey, first.Exchange));
        Assert.Equal("x-delay", Assert.Single(first.Properties.Headers.Entries).Name);
        await grpc.Topology.CancelDelayedAsync(new CancelDelayedRequest { Exchange = exchange, Id = first.Id }, With());
        await ExpectAsync(
            StatusCode.NotFound, 404, () => grpc.Topology.CancelDelayedAsync(new CancelDelayedRequest { Exchange = exchange, Id = first.Id }, With()).ResponseAsync);
        var left = (await grpc.Topology.ListDelayedAsync(new ListDelayedRequest { Exchange = exchange, After = first.Id }, With())).Messages;
        Assert.Equal($"{2 * Hour}", Assert.Single(left).Body.ToStringUtf8());
        await broker.SendAsync(HttpMethod.Delete, $"exchanges/%2F/{exchange}");
    }

    private static string Path(string exchange, string rest = "") => $"exchanges/%2F/{exchange}/delayed{rest}";

    private async Task<JsonArray> ListAsync(string exchange, string query = "") => (await broker.GetAsync(Path(exchange, query))).AsArray();

    private async Task<string> DeclareAsync(string? name = null)
    {
        name ??= ApiBroker.New("delayed");
        var (status, _) = await broker.SendAsync(HttpMethod.Put, $"exchanges/%2F/{name}", """{"type":"x-delayed-message","arguments":{"x-delayed-type":"direct"}}""");
        Assert.Equal(HttpStatusCode.Created, status);
        return name;
    }

    private async Task PublishAsync(string exchange, string payload, int delay)
    {
        var (status, body) = await broker.SendAsync(
            HttpMethod.Post, $"exchanges/%2F/{exchange}/publish",
            $$$"""{"properties":{"headers":{"x-delay":{{{delay}}}}},"routing_key":"k","payload":"{{{payload}}}","payload_encoding":"string"}""");
        Assert.Equal((HttpStatusCode.OK, true), (status, (bool)body!["routed"]!));
    }
}
