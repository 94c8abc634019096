using System.Globalization;
using System.Net;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;

namespace Granary.Gateway.Tests.Management;

/// <summary>Who may ask, and what is told of nodes and clients over HTTP.</summary>
[WatchedBroker]
public sealed class NodeApiTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    [Theory]
    [InlineData(null)]
    [InlineData("guest:wrong")]
    [InlineData("nobody:guest")]
    [InlineData("guest")]
    public async Task Request_OfWhoMayNotLogIn_IsRefused(string? credentials)
    {
        using var client = broker.ClientOf(credentials);
        using var response = await client.GetAsync(new Uri("overview", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("Basic realm=\"RabbitMQ Management\"", response.Headers.WwwAuthenticate.ToString());
        Assert.Contains("\"not_authorized\",\"reason\":\"Login failed\"", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("channels", true)]
    [InlineData("channels/nowhere", true)]
    [InlineData("vhosts/%2F/channels", true)]
    [InlineData("consumers", true)]
    [InlineData("consumers/%2F", true)]
    [InlineData("connections", false)]
    [InlineData("queues", false)]
    public async Task List_WithoutStatistics_IsRefusedWhereItIsNothingElse(string path, bool isRefused)
    {
        var (status, body) = await broker.SendAsync(HttpMethod.Get, $"{path}?disable_stats=true");

        Assert.Equal(isRefused ? HttpStatusCode.BadRequest : HttpStatusCode.OK, status);
        Assert.Equal(isRefused ? "Stats in management UI are disabled on this node" : null, isRefused ? (string?)body!["reason"] : null);
    }

    [Theory]
    [InlineData("overview/", HttpStatusCode.OK)]
    [InlineData("OVERVIEW", HttpStatusCode.OK)]
    [InlineData("overview//", HttpStatusCode.NotFound)]
    [InlineData("queues//", HttpStatusCode.NotFound)]
    [InlineData("queues/quorum", HttpStatusCode.NotFound)]
    [InlineData("queues/%2F/nowhere", HttpStatusCode.NotFound)]
    [InlineData("queues/%2F/nowhere/get", HttpStatusCode.MethodNotAllowed)]
    [InlineData("", HttpStatusCode.NotFound)]
    public async Task Path_IsFoundWhateverItsCaseAndWithASlashAtItsEnd(string path, HttpStatusCode expected)
    {
        using var answer = await broker.Client.GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal(expected, answer.StatusCode);
    }

    [Fact]
    public async Task Options_OfAPath_TellItsMethods()
    {
        using var request = new HttpRequestMessage(HttpMethod.Options, "queues/%2F/any");
        using var answer = await broker.Client.SendAsync(request);

        Assert.Equal((HttpStatusCode.OK, "GET,HEAD,PUT,DELETE,OPTIONS"), (answer.StatusCode, string.Join(',', answer.Content.Headers.Allow)));
    }

    [Fact]
    public async Task Overview_HasWhatToolsRelyOn()
    {
        var overview = await broker.GetAsync("overview");
        Assert.Equal(("4.2.0", "4.2.0", "RabbitMQ"), ((string)overview["rabbitmq_version"]!, (string)overview["management_version"]!, (string)overview["product_name"]!));
        Assert.Equal("supported", (string)overview["release_series_support_status"]!);
        Assert.NotEmpty((string)overview["cluster_name"]!);
        Assert.True((int)overview["object_totals"]!["exchanges"]! >= 7);
        Assert.NotNull(overview["object_totals"]!["queues"]);
        Assert.NotNull(overview["queue_totals"]!["messages"]);
        Assert.Contains(overview["listeners"]!.AsArray(), listener => (string)listener!["protocol"]! == "amqp" && (int)listener["port"]! == broker.Broker.AmqpPort);
        Assert.Contains(overview["listeners"]!.AsArray(), listener => (string)listener!["protocol"]! == "http" && (int)listener["port"]! == broker.Broker.HttpPort);
    }

    [Fact]
    public async Task Node_IsNamedByItsMachineAndHasNoBoundOfNothing()
    {
        var name = $"rabbit@{Environment.MachineName.Split('.')[0]}";
        var node = await broker.GetAsync($"nodes/{name}");
        Assert.Equal((name, true), ((string)node["name"]!, (bool)node["running"]!));
        foreach (var bound in new[] { "proc_total", "fd_total", "sockets_total", "mem_limit", "disk_free", "mem_used", "fd_used", "proc_used", "uptime", "processors" })
        {
            Assert.True((long)node[bound]! > 0, $"{bound} is {node[bound]}");
        }

        Assert.Equal(
            ["PLAIN: true", "AMQPLAIN: true", "EXTERNAL: false", "ANONYMOUS: false"],
            node["auth_mechanisms"]!.AsArray().Select(static mechanism => $"{mechanism!["name"]}: {mechanism["enabled"]}"));
        Assert.Equal(
            [("RabbitMQ Management", broker.Broker.HttpPort), ("RabbitMQ Prometheus", broker.Broker.MetricsPort)],
            node["contexts"]!.AsArray().Select(static context => ((string)context!["description"]!, int.Parse((string)context["port"]!, CultureInfo.InvariantCulture))));
        Assert.Equal(name, (string)Assert.Single((await broker.GetAsync("nodes")).AsArray())!["name"]!);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, "nodes/rabbit@nowhere")).Status);
    }

    [Fact]
    public async Task Memory_InShares_IsOfTheWhole()
    {
        var node = (string)(await broker.GetAsync("overview"))["node"]!;
        var (parts, shares) = ((await broker.GetAsync($"nodes/{node}/memory"))["memory"]!.AsObject(), (await broker.GetAsync($"nodes/{node}/memory/relative"))["memory"]!.AsObject());
        Assert.Equal(parts.Select(static part => part.Key).Except(["strategy"]).Order(), shares.Select(static share => share.Key).Order());
        Assert.Equal(100, (int)shares["total"]!);
        Assert.All(shares, static share => Assert.InRange((int)share.Value!, 0, 100));
        Assert.Equal("[]", (await broker.GetAsync($"auth/attempts/{node}/source")).ToJsonString());
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, "nodes/rabbit@nowhere/memory/relative")).Status);
    }

    [Theory]
    [InlineData("aliveness-test/%2F")]
    [InlineData("healthchecks/node")]
    [InlineData("health/checks/alarms")]
    [InlineData("health/checks/local-alarms")]
    [InlineData("health/checks/virtual-hosts")]
    [InlineData("health/checks/node-is-mirror-sync-critical")]
    [InlineData("health/checks/node-is-quorum-critical")]
    [InlineData("health/checks/reached-target-cluster-size")]
    [InlineData("health/checks/quorum-queues-without-elected-leaders/all-vhosts/pattern/a.*")]
    [InlineData("health/checks/quorum-queues-without-elected-leaders/vhost/%2F/pattern/a.*")]
    [InlineData("health/checks/protocol-listener/amqp091")]
    [InlineData("health/checks/protocol-listener/AMQP0-9-1,management,prometheus")]
    [InlineData("health/checks/certificate-expiration/1/WEEKS")]
    [InlineData("health/checks/certificate-expiration/1/months")]
    [InlineData("health/checks/ready-to-serve-clients")]
    public async Task Check_OfAHealthyNode_IsPassed(string path) => Assert.Equal("ok", (string)(await broker.GetAsync(path))["status"]!);

    /// <summary>RabbitMQ, too, tells these to load balancers that have no password.</summary>
    [Theory]
    [InlineData("ready-to-serve-clients")]
    [InlineData("is-in-service")]
    [InlineData("below-node-connection-limit")]
    [InlineData("reached-target-cluster-size")]
    public async Task Check_WithoutALogin_IsAnsweredWhereItIsForLoadBalancers(string check)
    {
        foreach (var credentials in new[] { null, "guest:wrong" })
        {
            using var client = broker.ClientOf(credentials);
            Assert.Equal("""{"status":"ok"}""", await client.GetStringAsync(new Uri($"health/checks/{check}", UriKind.Relative)));
        }
    }

    [Fact]
    public async Task Check_OfProtocols_NamesThoseThatAreMissing()
    {
        var (status, body) = await broker.SendAsync(HttpMethod.Get, "health/checks/protocol-listener/amqp,mqtt,amqp10");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "No active listener", """["mqtt","amqp10"]"""), (status, (string)body!["reason"]!, body["missing"]!.ToJsonString()));
        Assert.Contains("amqp", body["protocols"]!.AsArray().Select(static protocol => (string)protocol!));
        Assert.Contains("http", (await broker.GetAsync("health/checks/protocol-listener/http"))["protocols"]!.AsArray().Select(static protocol => (string)protocol!));
    }

    [Fact]
    public async Task Check_OfAPort_IsPassedOnlyWhereItIsListenedOn()
    {
        Assert.Equal("ok", (string)(await broker.GetAsync($"health/checks/port-listener/{broker.Broker.AmqpPort}"))["status"]!);
        var (status, body) = await broker.SendAsync(HttpMethod.Get, "health/checks/port-listener/1");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "failed"), (status, (string)body!["status"]!));
    }

    [Theory]
    [InlineData("memory-watermark", """{"relative":1.1}""", HttpStatusCode.BadRequest)]
    [InlineData("memory-watermark", """{"relative":0.5,"absolute":1}""", HttpStatusCode.BadRequest)]
    [InlineData("memory-watermark", "{}", HttpStatusCode.BadRequest)]
    [InlineData("memory-watermark", """{"relative":0.6}""", HttpStatusCode.NoContent)]
    [InlineData("disk-free-limit", """{"absolute":-1}""", HttpStatusCode.BadRequest)]
    [InlineData("disk-free-limit", """{"absolute":50000000}""", HttpStatusCode.NoContent)]
    [InlineData("log-level", """{"level":"loud"}""", HttpStatusCode.BadRequest)]
    [InlineData("log-level", """{"level":"info"}""", HttpStatusCode.NoContent)]
    public async Task Control_OfANode_IsItsOwnAndAsTold(string what, string body, HttpStatusCode expected)
    {
        var node = (string)(await broker.GetAsync("overview"))["node"]!;

        Assert.Equal(expected, (await broker.SendAsync(HttpMethod.Put, $"nodes/{node}/{what}", body)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Put, $"nodes/rabbit@elsewhere/{what}", body)).Status);
    }

    [Theory]
    [InlineData("""{"relative":0.75}""")]
    [InlineData("""{"absolute":123456789012}""")]
    [InlineData("""{"relative":0.6}""")]
    public async Task Watermark_OfMemory_IsToldAsItWasSet(string set)
    {
        var node = (string)(await broker.GetAsync("overview"))["node"]!;
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Put, $"nodes/{node}/memory-watermark", set)).Status);

        Assert.Equal(set, (await broker.GetAsync($"nodes/{node}/memory-watermark")).ToJsonString());
    }

    [Fact]
    public async Task Log_OfTheNode_IsForAdministratorsAlone()
    {
        var log = await broker.GetAsync("log?lines=3&after=0");
        Assert.Equal(((string)(await broker.GetAsync("overview"))["node"]!, true), ((string)log["node"]!, log["lines"]!.AsArray().Count <= 3));
        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Get, "log?lines=all")).Status);
        var user = ApiBroker.New("log");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"password":"p","tags":"monitoring"}""");

        using var client = broker.ClientOf($"{user}:p");
        using var refused = await client.GetAsync(new Uri("log", UriKind.Relative));

        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public async Task Attempts_ToLogIn_AreCounted()
    {
        var node = (string)(await broker.GetAsync("overview"))["node"]!;
        await using (await WireConnection.OpenAsync(broker.Broker.AmqpPort))
        {
        }

        var amqp = Assert.Single((await broker.GetAsync($"auth/attempts/{node}")).AsArray(), one => (string)one!["protocol"]! == "amqp091")!;
        Assert.True((long)amqp["auth_attempts_succeeded"]! >= 1);
        Assert.Equal((long)amqp["auth_attempts"]!, (long)amqp["auth_attempts_succeeded"]! + (long)amqp["auth_attempts_failed"]!);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, "auth/attempts/rabbit@elsewhere")).Status);
    }

    [Fact]
    public async Task Diagnostics_OfTheNode_TellOfItsThreadsInterfacesAndNames()
    {
        var node = (string)(await broker.GetAsync("overview"))["node"]!;

        Assert.Contains((await broker.GetAsync($"nodes/{node}/network-interfaces")).AsArray(), static one => one!["addresses"]!.AsArray().Any(static address => (string)address! == "127.0.0.1/8"));
        Assert.Contains((await broker.GetAsync($"nodes/{node}/addresses/localhost"))["addresses"]!.AsArray(), static address => (string)address! == "127.0.0.1");
        Assert.Empty((await broker.GetAsync($"nodes/{node}/addresses/nowhere.invalid"))["addresses"]!.AsArray());
        Assert.NotEmpty((await broker.GetAsync($"nodes/{node}/threads?seconds=0.1"))["threads"]!.AsArray());
        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Get, $"nodes/{node}/threads?seconds=3600")).Status);
        Assert.Equal("[]", (await broker.GetAsync($"nodes/{node}/certificates")).ToJsonString());
    }

    [Theory]
    [InlineData("quorum_queue", HttpStatusCode.NoContent)]
    [InlineData("khepri_db", HttpStatusCode.BadRequest)]
    public async Task Enable_OfAFeatureFlag_IsDoneWhereThereIsTheFeature(string flag, HttpStatusCode expected) =>
        Assert.Equal(expected, (await broker.SendAsync(HttpMethod.Put, $"feature-flags/{flag}/enable", "{}")).Status);

    [Fact]
    public async Task Request_ForWhatThereIsNot_IsJsonToo()
    {
        var (status, body) = await broker.SendAsync(HttpMethod.Get, "no/such/thing");
        Assert.Equal((HttpStatusCode.NotFound, "Object Not Found", "Not Found"), (status, (string)body!["error"]!, (string)body["reason"]!));
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, "queues/nowhere")).Status);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await broker.SendAsync(HttpMethod.Patch, "queues")).Status);
        using var options = new HttpRequestMessage(HttpMethod.Options, "queues");
        using var allowed = await broker.Client.SendAsync(options);
        Assert.Equal((HttpStatusCode.OK, "GET, HEAD, OPTIONS"), (allowed.StatusCode, string.Join(", ", allowed.Content.Headers.Allow)));
        using var head = new HttpRequestMessage(HttpMethod.Head, "queues");
        using var headed = await broker.Client.SendAsync(head);
        Assert.Equal((HttpStatusCode.OK, 0), (headed.StatusCode, (await headed.Content.ReadAsByteArrayAsync()).Length));
    }

    [Fact]
    public async Task Connection_WithAChannelAndAConsumer_IsListedAndClosed()
    {
        var queue = await broker.DeclareQueueAsync();
        await using var client = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await client.CallAsync(1, WireMethods.BasicConsume(queue, "tag-1"), 60, 21);

        var consumer = Assert.Single(
            (await broker.WaitForAsync("consumers/%2F", all => all.AsArray().Any(item => (string)item!["queue"]!["name"]! == queue))).AsArray(),
            item => (string)item!["queue"]!["name"]! == queue)!;
        var connectionName = (string)consumer["channel_details"]!["connection_name"]!;
        Assert.Equal("tag-1", (string)consumer["consumer_tag"]!);
        Assert.Equal("tag-1", (string)(await broker.GetAsync($"queues/%2F/{queue}"))["consumer_details"]![0]!["consumer_tag"]!);

        var connection = await broker.GetAsync($"connections/{Uri.EscapeDataString(connectionName)}");
        Assert.Equal(("guest", "/", "AMQP 0-9-1", "running", "network", 1), (
            (string)connection["user"]!, (string)connection["vhost"]!, (string)connection["protocol"]!, (string)connection["state"]!, (string)connection["type"]!, (int)connection["channels"]!));
        Assert.True((long)connection["recv_oct"]! > 0 && (long)connection["send_oct"]! > 0);

        // The header, start-ok, tune-ok and open (which may come together), channel.open, basic.consume; each is answered on its own.
        Assert.InRange((long)connection["recv_cnt"]!, 5, 6);
        Assert.Equal(5, (long)connection["send_cnt"]!);
        var channel = await broker.GetAsync($"channels/{Uri.EscapeDataString($"{connectionName} (1)")}");
        Assert.Equal((1, 1), ((int)channel["number"]!, (int)channel["consumer_count"]!));

        using var request = new HttpRequestMessage(HttpMethod.Delete, $"connections/{Uri.EscapeDataString(connectionName)}") { Headers = { { "X-Reason", "enough" } } };
        using var closed = await broker.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.NoContent, closed.StatusCode);
        var close = await client.ExpectCloseAsync();
        Assert.Equal((320, "CONNECTION_FORCED - enough"), ((int)close.Code, close.Text));
    }
}
