using System.Net;
using System.Text.Json.Nodes;
using Granary.Testing.Brokers;

namespace Granary.Gateway.Tests.Management;

/// <summary>What RabbitMQ's plugins and Erlang answer over HTTP, and this broker in its own way.</summary>
[WatchedBroker]
public sealed class PluginApiTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    [Theory]
    [InlineData("shovels")]
    [InlineData("shovels/%2F")]
    [InlineData("federation-links")]
    [InlineData("federation-links/%2F")]
    [InlineData("federation-links/state/down")]
    [InlineData("federation-links/%2F/state/down")]
    [InlineData("deprecated-features")]
    [InlineData("deprecated-features/used")]
    [InlineData("stream/connections")]
    [InlineData("stream/connections/%2F")]
    [InlineData("stream/consumers")]
    [InlineData("stream/consumers/%2F")]
    [InlineData("stream/publishers")]
    [InlineData("stream/publishers/%2F")]
    [InlineData("traces")]
    [InlineData("traces/%2F")]
    [InlineData("traces/node/NODE")]
    [InlineData("traces/node/NODE/%2F")]
    [InlineData("trace-files")]
    [InlineData("trace-files/node/NODE")]
    public async Task List_OfWhatThereIsNot_IsEmpty(string path)
    {
        Assert.Equal("[]", (await broker.GetAsync(await OfNodeAsync(path))).ToJsonString());
        Assert.Equal(0, (int)(await broker.GetAsync($"{await OfNodeAsync(path)}?page=1"))["total_count"]!);
    }

    [Theory]
    [InlineData("GET", "shovels/nowhere", HttpStatusCode.NotFound)]
    [InlineData("GET", "shovels/vhost/%2F/s", HttpStatusCode.NotFound)]
    [InlineData("DELETE", "shovels/vhost/%2F/s", HttpStatusCode.NoContent)]
    [InlineData("DELETE", "shovels/vhost/%2F/s/restart", HttpStatusCode.NotFound)]
    [InlineData("PUT", "shovels/vhost/%2F/s", HttpStatusCode.MethodNotAllowed)]
    [InlineData("GET", "federation-links/nowhere", HttpStatusCode.NotFound)]
    [InlineData("DELETE", "federation-links/vhost/%2F/id/NODE/restart", HttpStatusCode.NotFound)]
    [InlineData("GET", "stream/connections/nowhere", HttpStatusCode.NotFound)]
    [InlineData("GET", "stream/connections/%2F/none", HttpStatusCode.NotFound)]
    [InlineData("DELETE", "stream/connections/%2F/none", HttpStatusCode.NotFound)]
    [InlineData("GET", "stream/connections/%2F/none/consumers", HttpStatusCode.NotFound)]
    [InlineData("GET", "stream/connections/%2F/none/publishers", HttpStatusCode.NotFound)]
    [InlineData("GET", "stream/publishers/%2F/none", HttpStatusCode.NotFound)]
    [InlineData("GET", "stream/%2F/none/tracking", HttpStatusCode.NotFound)]
    [InlineData("GET", "traces/nowhere", HttpStatusCode.NotFound)]
    [InlineData("GET", "traces/node/rabbit@nowhere", HttpStatusCode.NotFound)]
    [InlineData("GET", "traces/%2F/t", HttpStatusCode.NotFound)]
    [InlineData("PUT", "traces/%2F/t", HttpStatusCode.NotImplemented)]
    [InlineData("PUT", "traces/nowhere/t", HttpStatusCode.NotFound)]
    [InlineData("PUT", "traces/node/NODE/%2F/t", HttpStatusCode.NotImplemented)]
    [InlineData("DELETE", "traces/%2F/t", HttpStatusCode.NotFound)]
    [InlineData("GET", "trace-files/t.log", HttpStatusCode.NotFound)]
    [InlineData("DELETE", "trace-files/t.log", HttpStatusCode.NotFound)]
    [InlineData("DELETE", "reset", HttpStatusCode.NotImplemented)]
    [InlineData("DELETE", "reset/NODE", HttpStatusCode.NotImplemented)]
    [InlineData("DELETE", "reset/rabbit@nowhere", HttpStatusCode.NotFound)]
    [InlineData("GET", "reset", HttpStatusCode.MethodNotAllowed)]
    [InlineData("GET", "users/guest/queues", HttpStatusCode.NotImplemented)]
    public async Task Request_ForWhatThereIsNot_IsAnsweredAsFarAsItCanBe(string method, string path, HttpStatusCode expected)
    {
        var (status, body) = await broker.SendAsync(new HttpMethod(method), await OfNodeAsync(path), method == "PUT" ? "{}" : null);

        Assert.Equal(expected, status);
        if (expected == HttpStatusCode.NotImplemented)
        {
            Assert.Equal(("not_implemented", true), ((string)body!["error"]!, ((string)body["reason"]!).Length > 20));
        }
    }

    [Theory]
    [InlineData("management", "deprecated-features", HttpStatusCode.OK)]
    [InlineData("management", "stream/consumers", HttpStatusCode.OK)]
    [InlineData("management", "shovels", HttpStatusCode.Unauthorized)]
    [InlineData("monitoring", "shovels", HttpStatusCode.OK)]
    [InlineData("management", "federation-links", HttpStatusCode.Unauthorized)]
    [InlineData("monitoring", "nodes/NODE/memory/ets", HttpStatusCode.OK)]
    [InlineData("management", "nodes/NODE/memory/ets", HttpStatusCode.Unauthorized)]
    [InlineData("monitoring", "traces", HttpStatusCode.Unauthorized)]
    [InlineData("monitoring", "trace-files", HttpStatusCode.Unauthorized)]
    [InlineData("management", "stream/publishers/%2F", HttpStatusCode.Unauthorized)]
    public async Task Request_ByTag_IsAnsweredOrNot(string tag, string path, HttpStatusCode expected)
    {
        var user = ApiBroker.New("u");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", $$"""{"tags":"{{tag}}","password":"p"}""");
        using var client = broker.ClientOf($"{user}:p");
        using var response = await client.GetAsync(new Uri(await OfNodeAsync(path), UriKind.Relative));
        Assert.Equal(expected, response.StatusCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/relative")]
    [InlineData("/management")]
    [InlineData("/management/relative")]
    public async Task Tables_OfErlang_AreNone(string filter)
    {
        Assert.Equal("""{"ets_tables_memory":"no_tables"}""", (await broker.GetAsync(await OfNodeAsync($"nodes/NODE/memory/ets{filter}"))).ToJsonString());
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, $"nodes/rabbit@nowhere/memory/ets{filter}")).Status);
    }

    [Fact]
    public async Task Shovel_ThatIsDeleted_IsNoParameterAnyMore()
    {
        var name = ApiBroker.New("shovel");
        await broker.SendAsync(HttpMethod.Put, $"parameters/shovel/%2F/{name}", """{"value":{"src-uri":"amqp://"}}""");

        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"shovels/vhost/%2F/{name}")).Status);

        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, $"parameters/shovel/%2F/{name}")).Status);
    }

    [Fact]
    public async Task Tracking_OfAStream_IsEmptyAndOfAnotherQueueNone()
    {
        var stream = await broker.DeclareQueueAsync("""{"durable":true,"arguments":{"x-queue-type":"stream"}}""");
        var classic = await broker.DeclareQueueAsync();

        Assert.Equal("""{"offsets":{},"writers":{}}""", (await broker.GetAsync($"stream/%2F/{stream}/tracking")).ToJsonString());
        Assert.Equal("""{"offsets":{}}""", (await broker.GetAsync($"stream/%2F/{stream}/tracking?type=offset")).ToJsonString());
        Assert.Equal("""{"writers":{}}""", (await broker.GetAsync($"stream/%2F/{stream}/tracking?type=writer")).ToJsonString());
        Assert.Equal("[]", (await broker.GetAsync($"stream/publishers/%2F/{stream}")).ToJsonString());
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await broker.SendAsync(HttpMethod.Get, $"stream/%2F/{classic}/tracking")).Status);
    }

    [Fact]
    public async Task SuperStream_OfPartitions_IsAnExchangeWithStreamsBoundInTheirOrder()
    {
        var name = ApiBroker.New("super");

        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(
            HttpMethod.Put, $"stream/super-streams/%2F/{name}", """{"partitions":"3","arguments":{"max-length-bytes":"1000000","max-age":"1h","queue-leader-locator":"client-local"}}""")).Status);

        var exchange = await broker.GetAsync($"exchanges/%2F/{name}");
        Assert.Equal(("direct", true, """{"x-super-stream":true}"""), ((string)exchange["type"]!, (bool)exchange["durable"]!, exchange["arguments"]!.ToJsonString()));
        var bindings = (await broker.GetAsync($"exchanges/%2F/{name}/bindings/source?sort=destination")).AsArray();
        Assert.Equal(
            Enumerable.Range(0, 3).Select(number => ($"{name}-{number}", $"{number}", number)),
            bindings.Select(static binding => ((string)binding!["destination"]!, (string)binding["routing_key"]!, (int)binding["arguments"]!["x-stream-partition-order"]!)));
        var stream = await broker.GetAsync($"queues/%2F/{name}-0");
        Assert.Equal(
            ("stream", """{"x-max-age":"1h","x-max-length-bytes":1000000,"x-queue-leader-locator":"client-local","x-queue-type":"stream"}"""),
            ((string)stream["type"]!, new JsonObject(stream["arguments"]!.AsObject().OrderBy(static one => one.Key).Select(static one => KeyValuePair.Create(one.Key, one.Value?.DeepClone()))).ToJsonString()));
        var (status, refusal) = await broker.SendAsync(HttpMethod.Put, $"stream/super-streams/%2F/{name}", """{"partitions":1}""");
        Assert.Equal((HttpStatusCode.BadRequest, $"there is already an exchange named {name}"), (status, (string)refusal!["reason"]!));
    }

    [Theory]
    [InlineData("{}", "Must specify partitions or binding keys")]
    [InlineData("""{"partitions":3,"binding-keys":"a"}""", "Specify partitions or binding keys, not both")]
    [InlineData("""{"partitions":"many"}""", "The partitions must be a number")]
    [InlineData("""{"partitions":1.5}""", "The partitions must be a number")]
    [InlineData("""{"partitions":0}""", "The partition number must be greater than 0")]
    [InlineData("""{"partitions":1001}""", "The partition number must not exceed 1000")]
    [InlineData("""{"binding-keys":" , ,"}""", "The number of binding keys must be greater than 0")]
    [InlineData("""{"binding-keys":"a,a"}""", "Duplicate partition names found")]
    [InlineData("""{"partitions":1,"arguments":{"max-length-bytes":"some"}}""", "max-length-bytes must be a number")]
    [InlineData("""{"partitions":1,"arguments":{"max-age":5}}""", "max-age must be a text")]
    [InlineData("""{"partitions":1,"arguments":{"max-ages":"1h"}}""", "'max-ages' is no argument of a super stream")]
    [InlineData("""{"partitions":2,"arguments":{"queue-leader-locator":"remote"}}""", "invalid arg 'x-queue-leader-locator'")]
    public async Task SuperStream_ThatCannotBeMeant_LeavesNothing(string body, string reason)
    {
        var name = ApiBroker.New("super");

        var (status, refusal) = await broker.SendAsync(HttpMethod.Put, $"stream/super-streams/%2F/{name}", body);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.StartsWith(reason, (string)refusal!["reason"]!, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, $"exchanges/%2F/{name}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, $"queues/%2F/{name}-0")).Status);
    }

    [Fact]
    public async Task SuperStream_OfWhichAPartIsNotAllowedOrThere_IsTakenBack()
    {
        var (vhost, user) = (ApiBroker.New("v"), ApiBroker.New("u"));
        await broker.SendAsync(HttpMethod.Put, $"vhosts/{vhost}", "{}");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"tags":"management","password":"p"}""");
        await broker.SendAsync(HttpMethod.Put, $"permissions/{vhost}/{user}", """{"configure":"^(s|s-0)$","write":".*","read":".*"}""");
        using var client = broker.ClientOf($"{user}:p");
        using var body = ApiBroker.Json("""{"partitions":2}""");

        using var refused = await client.PutAsync(new Uri($"stream/super-streams/{vhost}/s", UriKind.Relative), body);

        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Equal("[]", (await broker.GetAsync($"queues/{vhost}")).ToJsonString());
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, $"exchanges/{vhost}/s")).Status);

        await broker.SendAsync(HttpMethod.Put, $"queues/{vhost}/t-1", "{}");
        var (status, refusal) = await broker.SendAsync(HttpMethod.Put, $"stream/super-streams/{vhost}/t", """{"partitions":2}""");
        Assert.Equal((HttpStatusCode.BadRequest, "there is already a queue named t-1"), (status, (string)refusal!["reason"]!));
        Assert.Equal("""[{"name":"t-1"}]""", (await broker.GetAsync($"queues/{vhost}?columns=name")).ToJsonString());
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Put, "stream/super-streams/nowhere/t", """{"partitions":2}""")).Status);
    }

    private async Task<string> OfNodeAsync(string path) =>
        path.Contains("NODE", StringComparison.Ordinal) ? path.Replace("NODE", (string)(await broker.GetAsync("overview"))["node"]!, StringComparison.Ordinal) : path;
}
