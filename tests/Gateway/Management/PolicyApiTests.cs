using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Granary.Testing.Brokers;

namespace Granary.Gateway.Tests.Management;

/// <summary>Policies and parameters over HTTP, and what queues and exchanges say of them.</summary>
[WatchedBroker]
public sealed class PolicyApiTests(ApiBroker broker) : IClassFixture<ApiBroker>, IAsyncLifetime
{
    private readonly string _vhost = ApiBroker.New("policies");

    public async Task InitializeAsync() => Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"vhosts/{_vhost}", "{}")).Status);

    public async Task DisposeAsync() => await broker.SendAsync(HttpMethod.Delete, $"vhosts/{_vhost}");

    [Fact]
    public async Task Policy_OverItsLife_IsAsRabbitMqsIs()
    {
        var path = $"policies/{_vhost}/p";
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, path, """{"pattern":"^q","definition":{"max-length":5,"expires":60000},"priority":3,"apply-to":"queues"}""")).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Put, path, """{"pattern":"^q","definition":{"max-length":7}}""")).Status);
        var told = $$"""{"vhost":"{{_vhost}}","name":"p","pattern":"^q","apply-to":"all","definition":{"max-length":7},"priority":0}""";
        Assert.Equal(told, (await broker.GetAsync(path)).ToJsonString());
        Assert.Equal($"[{told}]", (await broker.GetAsync($"policies/{_vhost}")).ToJsonString());
        Assert.Contains(told, (await broker.GetAsync("policies")).AsArray().Select(policy => policy!.ToJsonString()));
        Assert.Equal("[]", (await broker.GetAsync($"operator-policies/{_vhost}")).ToJsonString());
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, path)).Status);
        Assert.Equal(HttpStatusCode.NotFound, await ApiBroker.DeleteMissingAsync(broker.Client, path));
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, path)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Put, $"policies/{ApiBroker.New("none")}/p", """{"pattern":"","definition":{"max-length":7}}""")).Status);
    }

    [Theory]
    [InlineData("""{"definition":{"max-length":1}}""", "[{key_missing,pattern}]")]
    [InlineData("{}", "[{key_missing,pattern},{key_missing,definition}]")]
    [InlineData("""{"pattern":"a","definition":{"nosuch":5}}""", "Validation failed\n\n[{<<\"nosuch\">>,5}] are not recognised policy settings\n")]
    [InlineData("""{"pattern":"a","definition":{}}""", "Validation failed\n\nno policy provided\n")]
    [InlineData("""{"pattern":"a","definition":{"max-length":"x"}}""", "Validation failed\n\n<<\"x\">> is not a valid maximum length\n")]
    [InlineData("""{"pattern":"a","definition":{"message-ttl":-1}}""", "Validation failed\n\n-1 is not a valid message TTL\n")]
    [InlineData("""{"pattern":"a","definition":{"ha-params":2}}""", "Validation failed\n\nha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown\n")]
    [InlineData("""{"pattern":"a","definition":{"max-length":1},"priority":"3"}""", "Validation failed\n\npriority should be a number, actually was <<\"3\">>\n")]
    public async Task Policy_ThatIsWrong_IsRefusedInRabbitMqsWords(string body, string reason)
    {
        var (status, refusal) = await broker.SendAsync(HttpMethod.Put, $"policies/{_vhost}/p", body);
        Assert.Equal((HttpStatusCode.BadRequest, "bad_request", reason), (status, (string)refusal!["error"]!, (string)refusal["reason"]!));
    }

    // A letter from U+0080 on is sent as the octet of its number, which alone is no UTF-8.
    [Theory]
    [InlineData("policies", """{"pattern":"~","definition":{"max-length":1}}""")]
    [InlineData("policies", """{"pattern":"a","apply-to":"~","definition":{"max-length":1}}""")]
    [InlineData("policies", """{"pattern":"a","definition":{"~":1}}""")]
    [InlineData("policies", """{"pattern":"a","definition":{"dead-letter-exchange":"~"}}""")]
    [InlineData("policies", """{"pattern":"a","definition":{"max-length":1},"unknown":{"~":[]}}""")]
    [InlineData("operator-policies", """{"pattern":"~","definition":{"max-length":1}}""")]
    [InlineData("parameters/shovel", """{"value":{"a":"~"}}""")]
    [InlineData("global-parameters", """{"value":"~"}""")]
    [InlineData("global-parameters", """{"value":{"~":1}}""")]
    public async Task Body_WithWhatIsNoText_IsRefused(string kind, string body)
    {
        var path = kind == "global-parameters" ? $"{kind}/{_vhost}" : $"{kind}/{_vhost}/p";
        foreach (var (noText, reason) in new[] { ("\u009c", "the body is not UTF-8"), (@"\ud800", "a text has half of a surrogate pair"), (@"\udc00\ud800", "a text has half of a surrogate pair") })
        {
            using var content = new ByteArrayContent(Encoding.Latin1.GetBytes(body.Replace("~", noText, StringComparison.Ordinal)));
            using var answer = await broker.Client.PutAsync(new Uri(path, UriKind.Relative), content);
            var refusal = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
            Assert.Equal((HttpStatusCode.BadRequest, "bad_request", $"not_json: {reason}, line 1"), (answer.StatusCode, (string)refusal["error"]!, (string)refusal["reason"]!));
            Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, path)).Status);
        }
    }

    [Theory]
    [InlineData(@"\ud83d\ude00")]
    [InlineData("😀")]
    [InlineData(@"\\ud800")]
    public async Task Parameter_WhoseTextIsText_IsToldAsItWasSent(string text)
    {
        var path = $"parameters/shovel/{_vhost}/s";
        var body = $$$"""{"value":{"{{{text}}}":"{{{text}}}"}}""";
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, path, body)).Status);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(body)!["value"], (await broker.GetAsync(path))["value"]));
    }

    [Theory]
    [InlineData("""{"ha-mode":"all"}""")]
    [InlineData("""{"ha-mode":"exactly","ha-params":2,"ha-sync-mode":"automatic"}""")]
    [InlineData("""{"ha-mode":"nodes","ha-params":["rabbit@a","rabbit@b"]}""")]
    [InlineData("""{"queue-mode":"lazy","queue-version":2,"queue-master-locator":"min-masters"}""")]
    [InlineData("""{"federation-upstream-set":"all"}""")]
    public async Task Policy_WithSettingsWithoutEffect_IsKeptAndShown(string definition)
    {
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"policies/{_vhost}/p", $$$"""{"pattern":".*","definition":{{{definition}}}}""")).Status);
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"queues/{_vhost}/q", "{}")).Status);
        var queue = await broker.GetAsync($"queues/{_vhost}/q");
        Assert.Equal("p", (string?)queue["policy"]);
        Assert.Equal(JsonNode.Parse(definition)!.AsObject().Count, queue["effective_policy_definition"]!.AsObject().Count);
    }

    [Fact]
    public async Task Queue_ThatPoliciesMatch_SaysWhichAndWhatTheyComeTo()
    {
        await broker.SendAsync(HttpMethod.Put, $"queues/{_vhost}/q", "{}");
        await PutPolicyAsync("low", "^q", """{"max-length":10,"overflow":"reject-publish"}""", priority: 1);
        await PutPolicyAsync("high", "q$", """{"max-length":20,"message-ttl":5}""", priority: 2);
        await PutPolicyAsync("other", "^x", """{"max-length":1}""", priority: 9);
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(
            HttpMethod.Put, $"operator-policies/{_vhost}/o", """{"pattern":".*","definition":{"max-length":15,"expires":60000}}""")).Status);
        var queue = await broker.GetAsync($"queues/{_vhost}/q");
        Assert.Equal(("high", "o"), ((string?)queue["policy"], (string?)queue["operator_policy"]));
        Assert.Equal("""{"expires":60000,"max-length":15,"message-ttl":5}""", queue["effective_policy_definition"]!.ToJsonString());

        await broker.SendAsync(HttpMethod.Delete, $"policies/{_vhost}/high");
        queue = Assert.Single((await broker.GetAsync($"queues/{_vhost}")).AsArray())!;
        Assert.Equal("low", (string?)queue["policy"]);
        await broker.SendAsync(HttpMethod.Delete, $"policies/{_vhost}/low");
        await broker.SendAsync(HttpMethod.Delete, $"operator-policies/{_vhost}/o");
        queue = await broker.GetAsync($"queues/{_vhost}/q");
        Assert.Equal((null, null, "{}"), ((string?)queue["policy"], (string?)queue["operator_policy"], queue["effective_policy_definition"]!.ToJsonString()));
    }

    [Fact]
    public async Task MaxLength_SetOnAQueueWithMessages_IsGoneByWhenItIsAnswered()
    {
        await broker.SendAsync(HttpMethod.Put, $"queues/{_vhost}/q", "{}");
        for (var i = 0; i < 5; i++)
        {
            await PublishAsync("amq.default", "q");
        }

        await PutPolicyAsync("p", "^q", """{"max-length":2}""");
        Assert.Equal(2, (int)(await broker.GetAsync($"queues/{_vhost}/q"))["messages"]!);
        await broker.SendAsync(HttpMethod.Delete, $"policies/{_vhost}/p");
        await PublishAsync("amq.default", "q");
        Assert.Equal(3, (int)(await broker.GetAsync($"queues/{_vhost}/q"))["messages"]!);
    }

    [Fact]
    public async Task AlternateExchange_OfAPolicy_IsGoneByAtOnce()
    {
        await broker.SendAsync(HttpMethod.Put, $"queues/{_vhost}/q", "{}");
        await broker.SendAsync(HttpMethod.Put, $"exchanges/{_vhost}/x", """{"type":"direct"}""");
        await broker.SendAsync(HttpMethod.Post, $"bindings/{_vhost}/e/amq.fanout/q/q", "{}");
        Assert.False(await PublishAsync("x", "nowhere"));
        await PutPolicyAsync("p", "^x$", """{"alternate-exchange":"amq.fanout"}""");
        Assert.True(await PublishAsync("x", "nowhere"));
        Assert.Equal("p", (string?)(await broker.GetAsync($"exchanges/{_vhost}/x"))["policy"]);
        await broker.SendAsync(HttpMethod.Delete, $"policies/{_vhost}/p");
        Assert.False(await PublishAsync("x", "nowhere"));
        Assert.Null((await broker.GetAsync($"exchanges/{_vhost}/x"))["policy"]);
    }

    [Fact]
    public async Task Parameters_AreWhatRabbitMqTellsAsThem()
    {
        await broker.SendAsync(HttpMethod.Put, $"vhost-limits/{_vhost}/max-queues", """{"value":5}""");
        await broker.SendAsync(HttpMethod.Put, $"operator-policies/{_vhost}/o", """{"pattern":"a","definition":{"max-length":15}}""");
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"parameters/shovel/{_vhost}/s", """{"value":{"src-queue":"a","dest-queue":"b"}}""")).Status);
        var all = (await broker.GetAsync("parameters")).AsArray().Where(parameter => (string)parameter!["vhost"]! == _vhost).ToArray();
        Assert.Equal(
            [
                $$$"""{"vhost":"{{{_vhost}}}","component":"operator_policy","name":"o","value":{"apply-to":"all","definition":{"max-length":15},"pattern":"a","priority":0}}""",
                $$$"""{"vhost":"{{{_vhost}}}","component":"shovel","name":"s","value":{"dest-queue":"b","src-queue":"a"}}""",
                $$$"""{"vhost":"{{{_vhost}}}","component":"vhost-limits","name":"limits","value":{"max-queues":5}}""",
            ],
            all.Select(parameter => parameter!.ToJsonString()));
        var (status, refusal) = await broker.SendAsync(HttpMethod.Put, $"parameters/nosuch/{_vhost}/s", """{"value":1}""");
        Assert.Equal((HttpStatusCode.BadRequest, "Validation failed\n\ncomponent nosuch not found\n"), (status, (string)refusal!["reason"]!));
        (status, refusal) = await broker.SendAsync(HttpMethod.Put, $"parameters/policy/{_vhost}/s", """{"value":{}}""");
        Assert.Equal((HttpStatusCode.BadRequest, "policies may not be set using this method"), (status, (string)refusal!["reason"]!));
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"parameters/vhost-limits/{_vhost}/limits")).Status);
        Assert.Equal("[]", (await broker.GetAsync($"vhost-limits/{_vhost}")).ToJsonString());
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"parameters/shovel/{_vhost}/s")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, $"parameters/shovel/{_vhost}/s")).Status);
    }

    [Fact]
    public async Task GlobalParameter_OverItsLife_IsAsRabbitMqsIs()
    {
        var name = ApiBroker.New("g");
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"global-parameters/{name}", """{"value":{"b":1,"a":[true]}}""")).Status);
        Assert.Equal($$$"""{"name":"{{{name}}}","value":{"a":[true],"b":1}}""", (await broker.GetAsync($"global-parameters/{name}")).ToJsonString());
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"global-parameters/{name}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, $"global-parameters/{name}")).Status);
    }

    [Fact]
    public async Task ClusterName_ThatIsSet_IsToldEverywhere()
    {
        var before = (string)(await broker.GetAsync("cluster-name"))["name"]!;
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Put, "cluster-name", """{"name":"fred"}""")).Status);
        Assert.Equal("fred", (string)(await broker.GetAsync("cluster-name"))["name"]!);
        Assert.Equal("fred", (string)(await broker.GetAsync("overview"))["cluster_name"]!);
        Assert.Equal("""{"name":"cluster_name","value":"fred"}""", (await broker.GetAsync("global-parameters/cluster_name")).ToJsonString());
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, "global-parameters/cluster_name")).Status);
        Assert.Equal(before, (string)(await broker.GetAsync("cluster-name"))["name"]!);
    }

    [Fact]
    public async Task Tags_SayWhoMayChangePolicies()
    {
        var user = ApiBroker.New("u");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"tags":"management","password":"p"}""");
        await broker.SendAsync(HttpMethod.Put, $"permissions/{_vhost}/{user}", """{"configure":"","write":"","read":""}""");
        using var client = broker.ClientOf($"{user}:p");
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri($"policies/{_vhost}", UriKind.Relative))).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, await PutAsync("policies"));
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"tags":"policymaker"}""");
        Assert.Equal(HttpStatusCode.Created, await PutAsync("policies"));
        Assert.Equal(HttpStatusCode.Unauthorized, await PutAsync("operator-policies"));

        async Task<HttpStatusCode> PutAsync(string kind)
        {
            using var body = ApiBroker.Json("""{"pattern":"","definition":{"max-length":1}}""");
            using var answer = await client.PutAsync(new Uri($"{kind}/{_vhost}/p", UriKind.Relative), body);
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task Vhost_ThatIsDeleted_TakesItsPoliciesAlong()
    {
        await PutPolicyAsync("p", "", """{"max-length":1}""");
        await broker.SendAsync(HttpMethod.Put, $"parameters/shovel/{_vhost}/s", """{"value":{}}""");
        await broker.SendAsync(HttpMethod.Delete, $"vhosts/{_vhost}");
        await broker.SendAsync(HttpMethod.Put, $"vhosts/{_vhost}", "{}");
        Assert.Equal("[]", (await broker.GetAsync($"policies/{_vhost}")).ToJsonString());
        Assert.DoesNotContain(_vhost, (await broker.GetAsync("parameters")).ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Definitions_OfAVhost_LoseNoPolicyAndNoParameter()
    {
        await PutPolicyAsync("p", "^q", """{"max-length":1}""", priority: 7);
        await broker.SendAsync(HttpMethod.Put, $"operator-policies/{_vhost}/o", """{"pattern":"a","definition":{"max-length":15}}""");
        await broker.SendAsync(HttpMethod.Put, $"parameters/shovel/{_vhost}/s", """{"value":{"a":1}}""");
        await broker.SendAsync(HttpMethod.Put, $"vhost-limits/{_vhost}/max-queues", """{"value":5}""");
        var file = await broker.GetAsync($"definitions/{_vhost}");
        Assert.Equal("""[{"name":"p","pattern":"^q","apply-to":"all","definition":{"max-length":1},"priority":7}]""", file["policies"]!.ToJsonString());

        var other = ApiBroker.New("v");
        await broker.SendAsync(HttpMethod.Put, $"vhosts/{other}", "{}");
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Post, $"definitions/{other}", file.ToJsonString())).Status);
        var again = await broker.GetAsync($"definitions/{other}");
        Assert.Equal(file["policies"]!.ToJsonString(), again["policies"]!.ToJsonString());
        Assert.Equal(file["parameters"]!.ToJsonString(), again["parameters"]!.ToJsonString());
        Assert.Equal(3, again["parameters"]!.AsArray().Count);
        await broker.SendAsync(HttpMethod.Delete, $"vhosts/{other}");
    }

    private async Task PutPolicyAsync(string name, string pattern, string definition, int priority = 0)
    {
        var (status, _) = await broker.SendAsync(HttpMethod.Put, $"policies/{_vhost}/{name}", $$$"""{"pattern":"{{{pattern}}}","definition":{{{definition}}},"priority":{{{priority}}}}""");
        Assert.Equal(HttpStatusCode.Created, status);
    }

    private async Task<bool> PublishAsync(string exchange, string key)
    {
        var (status, body) = await broker.SendAsync(
            HttpMethod.Post, $"exchanges/{_vhost}/{exchange}/publish", $$"""{"properties":{},"routing_key":"{{key}}","payload":"m","payload_encoding":"string"}""");
        Assert.Equal(HttpStatusCode.OK, status);
        return (bool)body!["routed"]!;
    }
}
