using System.Net;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;

namespace Granary.Gateway.Tests.Management;

/// <summary>Queues and their messages over HTTP.</summary>
[WatchedBroker]
public sealed class QueueApiTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    [Fact]
    public async Task Replicas_OfAQuorumQueue_AreTheOneThatServesIt()
    {
        var (quorum, classic) = (ApiBroker.New("quorum"), ApiBroker.New("classic"));
        await broker.SendAsync(HttpMethod.Put, $"queues/%2F/{quorum}", """{"durable":true,"arguments":{"x-queue-type":"quorum"}}""");
        await broker.SendAsync(HttpMethod.Put, $"queues/%2F/{classic}", "{}");
        var node = (string)(await broker.GetAsync("overview"))["node"]!;
        Assert.Equal($$"""[{"Node Name":"{{node}}","Raft State":"leader","Membership":"voter"}]""", (await broker.GetAsync($"queues/quorum/%2F/{quorum}/status")).ToJsonString());
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await broker.SendAsync(HttpMethod.Get, $"queues/quorum/%2F/{classic}/status")).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Post, $"queues/quorum/%2F/{quorum}/replicas/add", $$"""{"node":"{{node}}"}""")).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await broker.SendAsync(HttpMethod.Delete, $"queues/quorum/%2F/{quorum}/replicas/delete")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Post, "queues/quorum/%2F/nowhere/replicas/add", "{}")).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Post, $"queues/quorum/replicas/on/{node}/grow", "{}")).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await broker.SendAsync(HttpMethod.Delete, $"queues/quorum/replicas/on/{node}/shrink")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Delete, "queues/quorum/replicas/on/rabbit@nowhere/shrink")).Status);
        Assert.Contains((await broker.GetAsync("queues/detailed")).AsArray(), queue => (string)queue!["name"]! == quorum);
    }

    [Fact]
    public async Task Queue_ThatIsExclusive_NamesItsOwner()
    {
        var (own, shared) = (ApiBroker.New("own"), await broker.DeclareQueueAsync());
        await using var client = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await client.CallAsync(1, WireMethods.QueueDeclare(own, exclusive: true), 50, 11);

        var owner = (await broker.GetAsync($"queues/%2F/{own}"))["owner_pid_details"]!;

        var connection = await broker.GetAsync($"connections/{Uri.EscapeDataString((string)owner["name"]!)}");
        Assert.Equal(("127.0.0.1", (int)connection["peer_port"]!, (string)connection["node"]!), ((string)owner["peer_host"]!, (int)owner["peer_port"]!, (string)owner["node"]!));
        var all = (await broker.GetAsync("queues/%2F")).AsArray().ToDictionary(static queue => (string)queue!["name"]!, static queue => queue!["owner_pid_details"]);
        Assert.Equal((owner.ToJsonString(), null), (all[own]!.ToJsonString(), all[shared]));
    }

    [Fact]
    public async Task Put_OfAQueue_CreatesItOnceAndRefusesAnother()
    {
        var queue = ApiBroker.New("q");
        const string Body = """{"durable":true,"auto_delete":false,"arguments":{"x-max-length":7}}""";
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"queues/%2F/{queue}", Body)).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Put, $"queues/%2F/{queue}", Body)).Status);

        var (status, refusal) = await broker.SendAsync(HttpMethod.Put, $"queues/%2F/{queue}", """{"durable":false}""");
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("bad_request", (string)refusal!["error"]!);
        Assert.Equal(
            $"inequivalent arg 'durable' for queue '{queue}' in vhost '/': received 'false' but current is 'true'", (string)refusal["reason"]!);
    }

    [Fact]
    public async Task Get_OfAQueue_HasWhatToolsRelyOn()
    {
        var queue = await broker.DeclareQueueAsync("""{"durable":true,"arguments":{"x-message-ttl":600000}}""");
        await broker.PublishAsync(queue, "hello");

        var found = await broker.GetAsync($"queues/%2F/{queue}");
        Assert.Equal((queue, "/", "classic", "running"), ((string)found["name"]!, (string)found["vhost"]!, (string)found["type"]!, (string)found["state"]!));
        Assert.Equal((true, false, false), ((bool)found["durable"]!, (bool)found["auto_delete"]!, (bool)found["exclusive"]!));
        Assert.Equal((1, 1, 0, 0), ((long)found["messages"]!, (long)found["messages_ready"]!, (long)found["messages_unacknowledged"]!, (int)found["consumers"]!));
        Assert.Equal(600_000, (long)found["arguments"]!["x-message-ttl"]!);
        Assert.Equal(1, (long)found["message_stats"]!["publish"]!);
        Assert.StartsWith("rabbit@", (string)found["node"]!, StringComparison.Ordinal);
        Assert.Empty(found["consumer_details"]!.AsArray());
        Assert.True((long)found["memory"]! > 0);
    }

    [Fact]
    public async Task Put_WithoutDurable_IsOfAQueueThatIsNot()
    {
        var found = await broker.GetAsync($"queues/%2F/{await broker.DeclareQueueAsync()}");
        Assert.False((bool)found["durable"]!);
    }

    [Theory]
    [InlineData("queues/%2F/nowhere/get", "queue_not_found")]
    [InlineData("queues/%2F/nowhere/actions", "queue_not_found")]
    [InlineData("exchanges/%2F/nowhere/publish", "exchange_not_found")]
    public async Task Post_ToWhatIsNotThere_Is404BeforeTheRequestIsRead(string path, string reason)
    {
        var (status, body) = await broker.SendAsync(HttpMethod.Post, path, "{");
        Assert.Equal((HttpStatusCode.NotFound, "not_found", reason), (status, (string)body!["error"]!, (string)body["reason"]!));
    }

    [Theory]
    [InlineData("{}", "20")]
    [InlineData("{\"x-delivery-limit\":5}", "5")]
    [InlineData("{\"x-delivery-limit\":-1}", "\"unlimited\"")]
    public async Task Get_OfAQuorumQueue_HasItsDeliveryLimitAndWhereItIs(string arguments, string limit)
    {
        var queue = ApiBroker.New("quorum");
        var body = arguments.Replace("{", "{\"x-queue-type\":\"quorum\"" + (arguments.Length > 2 ? "," : ""), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"queues/%2F/{queue}", $"{{\"durable\":true,\"arguments\":{body}}}")).Status);
        var found = await broker.GetAsync($"queues/%2F/{queue}");
        Assert.Equal(("quorum", limit, (string)found["node"]!), ((string)found["type"]!, found["delivery_limit"]!.ToJsonString(), (string)found["leader"]!));
        Assert.Equal((string)found["node"]!, (string)Assert.Single(found["members"]!.AsArray())!);
    }

    [Fact]
    public async Task List_WithPages_TellsThePageAndTheWhole()
    {
        var prefix = ApiBroker.New("page");
        for (var i = 0; i < 5; i++)
        {
            await broker.SendAsync(HttpMethod.Put, $"queues/%2F/{prefix}-{i}", "{}");
        }

        var page = await broker.GetAsync($"queues/%2F?page=2&page_size=2&name=^{prefix}-&use_regex=true&columns=name,messages");
        Assert.Equal((2, 2, 3, 5, 2), ((int)page["page"]!, (int)page["page_size"]!, (int)page["page_count"]!, (int)page["filtered_count"]!, (int)page["item_count"]!));
        Assert.True((int)page["total_count"]! >= 5);
        Assert.Equal([$$"""{"name":"{{prefix}}-2","messages":0}""", $$"""{"name":"{{prefix}}-3","messages":0}"""], page["items"]!.AsArray().Select(item => item!.ToJsonString()));

        var reverse = await broker.GetAsync($"queues?page=1&page_size=1&name={prefix}&sort=name&sort_reverse=true");
        Assert.Equal($"{prefix}-4", (string)reverse["items"]![0]!["name"]!);

        var empty = await broker.GetAsync($"queues?page=1&name={prefix}-none");
        Assert.Equal((1, 0, 0), ((int)empty["page"]!, (int)empty["page_count"]!, (int)empty["item_count"]!));
        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Get, $"queues?page=2&name={prefix}-none")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Get, $"queues?page=9&page_size=1&name={prefix}")).Status);
        Assert.Equal(HttpStatusCode.OK, (await broker.SendAsync(HttpMethod.Get, "queues?page_size=501&columns=name")).Status);
        foreach (var (query, error, reason) in new[]
        {
            ("page=1&page_size=501", "invalid_pagination_parameters", "Invalid pagination parameters: page number 1, page size 501"),
            ("page=0", "invalid_pagination_parameters", "Invalid pagination parameters: page number 0, page size undefined"),
            ("page=-1&page_size=0", "invalid_pagination_parameters", "Invalid pagination parameters: page number -1, page size 0"),
            ("page=1&page_size=many", "bad_request", "Pagination parameters are invalid"),
        })
        {
            var (status, body) = await broker.SendAsync(HttpMethod.Get, $"queues?{query}");
            Assert.Equal((HttpStatusCode.BadRequest, error, reason), (status, (string)body!["error"]!, (string)body["reason"]!));
        }

        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Get, "queues?page=1&name=(&use_regex=true")).Status);
    }

    [Fact]
    public async Task List_SortedByRate_PutsTheBusiestLast()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "x");
        var sorted = await broker.GetAsync("queues?sort=message_stats.publish&columns=message_stats.publish");
        var counts = sorted.AsArray().Select(item => (long?)item!["message_stats"]?["publish"] ?? 0).ToArray();
        Assert.Equal(counts.Order(), counts);
        Assert.True(counts[^1] >= 1);
    }

    [Theory]
    [InlineData("ack_requeue_true", 2, true)]
    [InlineData("reject_requeue_true", 2, true)]
    [InlineData("ack_requeue_false", 1, false)]
    [InlineData("reject_requeue_false", 1, false)]
    public async Task GetMessages_ByAckMode_KeepsOrTakesThem(string mode, int left, bool redelivered)
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "first");
        await broker.PublishAsync(queue, "second");

        var (status, got) = await broker.SendAsync(HttpMethod.Post, $"queues/%2F/{queue}/get", $$"""{"count":1,"ackmode":"{{mode}}","encoding":"auto"}""");
        Assert.Equal(HttpStatusCode.OK, status);
        var message = Assert.Single(got!.AsArray())!;
        Assert.Equal(("first", "string", 5, 1, false), (
            (string)message["payload"]!, (string)message["payload_encoding"]!, (int)message["payload_bytes"]!, (int)message["message_count"]!, (bool)message["redelivered"]!));
        Assert.Equal((2, 7), ((int)message["properties"]!["delivery_mode"]!, (int)message["properties"]!["headers"]!["n"]!));
        Assert.Equal(("", queue), ((string)message["exchange"]!, (string)message["routing_key"]!));

        await broker.WaitForAsync($"queues/%2F/{queue}", found => (int)found["messages_ready"]! == left && (int)found["messages_unacknowledged"]! == 0);
        var (_, again) = await broker.SendAsync(HttpMethod.Post, $"queues/%2F/{queue}/get", """{"count":5,"ackmode":"ack_requeue_false","encoding":"base64"}""");
        Assert.Equal(left, again!.AsArray().Count);
        Assert.Equal(redelivered, (bool)again[0]!["redelivered"]!);
        Assert.Equal("base64", (string)again[0]!["payload_encoding"]!);
    }

    [Fact]
    public async Task GetMessages_OfBytes_AreBase64AndMayBeCut()
    {
        var queue = await broker.DeclareQueueAsync();
        var body = Convert.ToBase64String([0, 255, 1, 254]);
        await broker.SendAsync(
            HttpMethod.Post, "exchanges/%2F/amq.default/publish", $$"""{"properties":{},"routing_key":"{{queue}}","payload":"{{body}}","payload_encoding":"base64"}""");

        var (_, got) = await broker.SendAsync(HttpMethod.Post, $"queues/%2F/{queue}/get", """{"count":1,"ackmode":"ack_requeue_false","encoding":"auto","truncate":2}""");
        Assert.Equal((Convert.ToBase64String([0, 255]), "base64", 4), ((string)got![0]!["payload"]!, (string)got[0]!["payload_encoding"]!, (int)got[0]!["payload_bytes"]!));
    }

    [Fact]
    public async Task Delete_OfContentsAndQueue_RemovesThem()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "x");
        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Delete, $"queues/%2F/{queue}?if-empty=true")).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"queues/%2F/{queue}/contents")).Status);
        Assert.Equal(0, (long)(await broker.GetAsync($"queues/%2F/{queue}"))["messages"]!);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"queues/%2F/{queue}?if-empty=true")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, $"queues/%2F/{queue}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Delete, $"queues/%2F/{queue}")).Status);
    }

    [Fact]
    public async Task Name_LongerThanAmqpAllows_IsRefused()
    {
        var name = new string('n', 256);
        foreach (var (path, body) in new[]
        {
            ($"queues/%2F/{name}", "{}"), ($"exchanges/%2F/{name}", "{}"),
        })
        {
            var (status, refusal) = await broker.SendAsync(HttpMethod.Put, path, body);
            Assert.Equal(HttpStatusCode.BadRequest, status);
            Assert.EndsWith("should be less than 255 bytes, actually was 256", (string)refusal!["reason"]!, StringComparison.Ordinal);
        }

        var queue = await broker.DeclareQueueAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Post, $"bindings/%2F/e/amq.direct/q/{queue}", $$"""{"routing_key":"{{name}}"}""")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Post, "definitions", $$"""{"queues":[{"name":"{{name}}","vhost":"/"}]}""")).Status);
    }

    [Theory]
    [InlineData("with/slash", "with%2Fslash")]
    [InlineData("with space+plus", "with%20space%2Bplus")]
    [InlineData("with%2Fpercent", "with%252Fpercent")]
    [InlineData("größe", "gr%C3%B6%C3%9Fe")]
    public async Task Name_WithWhatHasToBeEncoded_IsFoundAsItIs(string suffix, string encoded)
    {
        var prefix = ApiBroker.New("n");
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"queues/%2F/{prefix}{encoded}", "{}")).Status);
        Assert.Equal(prefix + suffix, (string)(await broker.GetAsync($"queues/%2F/{prefix}{encoded}"))["name"]!);
    }
}
