using System.Net;
using Granary.Testing.Brokers;

namespace Granary.Gateway.Tests.Management;

/// <summary>Exchanges, bindings and definitions over HTTP.</summary>
[WatchedBroker]
public sealed class TopologyApiTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    [Fact]
    public async Task Exchange_OverItsLife_IsCreatedListedAndDeleted()
    {
        var exchange = ApiBroker.New("x");
        const string Body = """{"type":"topic","durable":true,"arguments":{"alternate-exchange":"amq.fanout"}}""";
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"exchanges/%2F/{exchange}", Body)).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Put, $"exchanges/%2F/{exchange}", Body)).Status);
        var found = await broker.GetAsync($"exchanges/%2F/{exchange}");
        Assert.Equal(("topic", true, false, "amq.fanout"), ((string)found["type"]!, (bool)found["durable"]!, (bool)found["internal"]!, (string)found["arguments"]!["alternate-exchange"]!));

        var all = (await broker.GetAsync("exchanges/%2F?columns=name")).AsArray().Select(item => (string)item!["name"]!).ToArray();
        Assert.Contains(exchange, all);
        Assert.Contains("", all);
        Assert.Contains("amq.direct", all);

        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"exchanges/%2F/{exchange}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, $"exchanges/%2F/{exchange}")).Status);
        Assert.DoesNotContain(exchange, (await broker.GetAsync("exchanges/%2F?columns=name")).AsArray().Select(item => (string)item!["name"]!));
    }

    /// <summary>rabbit-hole and others put the name in as it is, which leaves nothing between two slashes; RabbitMQ takes that for the default exchange, too.</summary>
    [Fact]
    public async Task DefaultExchange_ByItsEmptyName_IsMeant()
    {
        var queue = await broker.DeclareQueueAsync();
        var body = $$"""{"properties":{},"routing_key":"{{queue}}","payload":"m","payload_encoding":"string"}""";
        var (status, published) = await broker.SendAsync(HttpMethod.Post, "exchanges/%2F//publish", body);
        Assert.Equal((HttpStatusCode.OK, true), (status, (bool)published!["routed"]!));
        Assert.Contains((await broker.GetAsync("exchanges/%2F//bindings/source")).AsArray(), binding => (string)binding!["destination"]! == queue);
        Assert.Equal(queue, (string)Assert.Single((await broker.GetAsync($"bindings/%2F/e//q/{queue}")).AsArray())!["routing_key"]!);

        // One that is the last says nothing, and a queue has a name.
        Assert.IsType<System.Text.Json.Nodes.JsonArray>(await broker.GetAsync("exchanges/%2F/"));
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Post, "queues/%2F//get", """{"count":1,"ackmode":"ack_requeue_true","encoding":"auto"}""")).Status);
    }

    [Fact]
    public async Task Exchange_WithoutDurable_IsNot()
    {
        var exchange = ApiBroker.New("x");
        await broker.SendAsync(HttpMethod.Put, $"exchanges/%2F/{exchange}", """{"type":"direct"}""");
        Assert.False((bool)(await broker.GetAsync($"exchanges/%2F/{exchange}"))["durable"]!);
    }

    [Fact]
    public async Task Exchange_OfNoType_IsRefused()
    {
        var (status, body) = await broker.SendAsync(HttpMethod.Put, $"exchanges/%2F/{ApiBroker.New("x")}", "{\"type\":\"nosuch\"}");
        Assert.Equal((HttpStatusCode.BadRequest, "bad_request", "unknown exchange type 'nosuch'"), (status, (string)body!["error"]!, (string)body["reason"]!));
        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Put, $"exchanges/%2F/{ApiBroker.New("x")}", "{\"type\":")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await broker.SendAsync(HttpMethod.Delete, "exchanges/%2F/amq.direct")).Status);
    }

    [Fact]
    public async Task Binding_OverItsLife_HasAKeyByWhichItIsFound()
    {
        var queue = await broker.DeclareQueueAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"bindings/%2F/e/amq.topic/q/{queue}") { Content = ApiBroker.Json("""{"routing_key":"a.b *_#","arguments":{"k":1}}""") };
        using var created = await broker.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        var location = created.Headers.Location!.OriginalString;
        Assert.StartsWith($"{queue}/", location, StringComparison.Ordinal);

        var binding = Assert.Single((await broker.GetAsync($"bindings/%2F/e/amq.topic/q/{queue}")).AsArray())!;
        Assert.Equal(("amq.topic", queue, "queue", "a.b *_#", 1), (
            (string)binding["source"]!, (string)binding["destination"]!, (string)binding["destination_type"]!, (string)binding["routing_key"]!, (int)binding["arguments"]!["k"]!));
        var ofQueue = (await broker.GetAsync($"queues/%2F/{queue}/bindings")).AsArray();
        Assert.Equal(["", "amq.topic"], ofQueue.Select(item => (string)item!["source"]!));
        Assert.Equal(queue, (string)ofQueue[0]!["properties_key"]!.ToString().Replace("%2D", "-", StringComparison.Ordinal));

        // As it is, and as tools encode it once more.
        foreach (var key in new[] { (string)binding["properties_key"]!, Uri.EscapeDataString((string)binding["properties_key"]!) })
        {
            Assert.Equal("a.b *_#", (string)(await broker.GetAsync($"bindings/%2F/e/amq.topic/q/{queue}/{key}"))["routing_key"]!);
        }

        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"bindings/%2F/e/amq.topic/q/{location}")).Status);
        Assert.Empty((await broker.GetAsync($"bindings/%2F/e/amq.topic/q/{queue}")).AsArray());
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Post, $"bindings/%2F/e/amq.topic/q/{ApiBroker.New("none")}", "{}")).Status);
    }

    [Theory]
    [InlineData("""{"routing_key":5}""", "not_json: a value of another kind is expected at $.routing_key, line 1")]
    [InlineData("""{"arguments":[1]}""", "not_json: A table is an object.")]
    [InlineData("[]", "not_json: a value of another kind is expected at $, line 1")]
    public async Task Body_OfAnotherForm_IsRefusedWithThePlaceOfIt(string body, string reason)
    {
        var (status, refusal) = await broker.SendAsync(HttpMethod.Post, $"bindings/%2F/e/amq.topic/q/{await broker.DeclareQueueAsync()}", body);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.StartsWith(reason, (string)refusal!["reason"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Publish_ToAnExchange_SaysWhetherAQueueHasIt()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.SendAsync(HttpMethod.Post, $"bindings/%2F/e/amq.direct/q/{queue}", $$"""{"routing_key":"{{queue}}"}""");
        foreach (var (key, routed) in new[] { (queue, true), (ApiBroker.New("nowhere"), false) })
        {
            var (status, body) = await broker.SendAsync(
                HttpMethod.Post, "exchanges/%2F/amq.direct/publish", $$"""{"properties":{},"routing_key":"{{key}}","payload":"x","payload_encoding":"string"}""");
            Assert.Equal((HttpStatusCode.OK, routed), (status, (bool)body!["routed"]!));
        }

        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Post, "exchanges/%2F/amq.direct/publish", """{"routing_key":"k"}""")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(
            HttpMethod.Post, $"exchanges/%2F/{ApiBroker.New("none")}/publish", """{"routing_key":"k","payload":"","payload_encoding":"string"}""")).Status);
    }

    [Fact]
    public async Task Definitions_ExportedDeletedAndImported_AreThereAgain()
    {
        var (queue, exchange) = (await broker.DeclareQueueAsync("""{"arguments":{"x-max-length":3}}"""), ApiBroker.New("x"));
        await broker.SendAsync(HttpMethod.Put, $"exchanges/%2F/{exchange}", """{"type":"headers"}""");
        await broker.SendAsync(HttpMethod.Post, $"bindings/%2F/e/{exchange}/q/{queue}", """{"routing_key":"r","arguments":{"x-match":"all","a":"b"}}""");

        var exported = await broker.GetAsync("definitions");
        Assert.Equal("cluster", (string)exported["rabbitmq_definition_format"]!);
        Assert.DoesNotContain(exported["exchanges"]!.AsArray(), item => ((string)item!["name"]!).StartsWith("amq.", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"queues/%2F/{queue}")).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"exchanges/%2F/{exchange}")).Status);

        // The part that is this test's: other tests' queues come and go meanwhile.
        var file = new System.Text.Json.Nodes.JsonObject
        {
            ["rabbit_version"] = "3.10.8",
            ["queues"] = Mine("queues", item => (string)item["name"]! == queue),
            ["exchanges"] = Mine("exchanges", item => (string)item["name"]! == exchange),
            ["bindings"] = Mine("bindings", item => (string)item["source"]! == exchange),
        };
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Post, "definitions", file.ToJsonString())).Status);
        Assert.Equal(3, (int)(await broker.GetAsync($"queues/%2F/{queue}"))["arguments"]!["x-max-length"]!);
        Assert.Equal("headers", (string)(await broker.GetAsync($"exchanges/%2F/{exchange}"))["type"]!);
        var binding = Assert.Single((await broker.GetAsync($"bindings/%2F/e/{exchange}/q/{queue}")).AsArray())!;
        Assert.Equal(("r", "b"), ((string)binding["routing_key"]!, (string)binding["arguments"]!["a"]!));

        System.Text.Json.Nodes.JsonArray Mine(string of, Func<System.Text.Json.Nodes.JsonNode, bool> isMine) =>
            new([.. exported[of]!.AsArray().Where(item => isMine(item!)).Select(item => item!.DeepClone())]);
    }
}
