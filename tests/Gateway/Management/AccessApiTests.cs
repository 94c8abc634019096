using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;

namespace Granary.Gateway.Tests.Management;

/// <summary>Users, vhosts and permissions over HTTP, and what tags allow.</summary>
[WatchedBroker]
public sealed class AccessApiTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    // As RabbitMQ 3.10 wrote it for the password "p".
    private const string HashOfP = "N/EIvRgDIQT7r/9E3lW6cpgdoIKZ8B7VYIpvgWz7cFZMS109";

    [Fact]
    public async Task HashedPassword_IsOneByWhichItsUserLogsIn()
    {
        var (hash, user) = ((string)(await broker.GetAsync("auth/hash_password/a%2Fb"))["ok"]!, ApiBroker.New("hashed"));
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", $$"""{"password_hash":"{{hash}}","tags":"management"}""");
        using var client = broker.ClientOf($"{user}:a/b");
        using var answer = await client.GetAsync(new Uri("whoami", UriKind.Relative));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        await broker.SendAsync(HttpMethod.Put, $"topic-permissions/%2F/{user}", """{"exchange":"amq.topic","write":"a","read":"b"}""");
        Assert.Equal("a", (string)Assert.Single((await broker.GetAsync($"topic-permissions/%2F/{user}/amq.topic")).AsArray())!["write"]!);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, $"topic-permissions/%2F/{user}/amq.fanout")).Status);
    }

    [Fact]
    public async Task BulkDelete_OfNobody_Is400()
    {
        var (status, body) = await broker.SendAsync(HttpMethod.Post, "users/bulk-delete", "{}");
        Assert.Equal((HttpStatusCode.BadRequest, "[{key_missing,users}]"), (status, (string)body!["reason"]!));
    }

    [Fact]
    public async Task User_OverItsLife_IsAsRabbitMqsIs()
    {
        var user = ApiBroker.New("u");
        var (status, refusal) = await broker.SendAsync(HttpMethod.Put, $"users/{user}", "{}");
        Assert.Equal((HttpStatusCode.BadRequest, "tags_not_present"), (status, (string)refusal!["reason"]!));
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"tags":"management, monitoring","password":"p"}""")).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Put, $"users/{user}", $$"""{"tags":["management"],"password_hash":"{{HashOfP}}"}""")).Status);
        var found = await broker.GetAsync($"users/{user}");
        Assert.Equal($$"""{"name":"{{user}}","password_hash":"{{HashOfP}}","hashing_algorithm":"rabbit_password_hashing_sha256","tags":["management"],"limits":{} }""".Replace("{} }", "{}}", StringComparison.Ordinal), found.ToJsonString().Replace("\\u002B", "+", StringComparison.Ordinal));
        Assert.Contains(user, (await broker.GetAsync("users/without-permissions")).AsArray().Select(item => (string)item!["name"]!));

        using var client = broker.ClientOf($"{user}:p");
        Assert.Equal($$"""{"name":"{{user}}","tags":["management"],"is_internal_user":true}""", await client.GetStringAsync(new Uri("whoami", UriKind.Relative)));
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Put, $"user-limits/{user}/max-channels", """{"value":5}""")).Status);
        Assert.Equal(5, (int)(await broker.GetAsync($"user-limits/{user}"))[0]!["value"]!["max-channels"]!);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"users/{user}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, await ApiBroker.DeleteMissingAsync(broker.Client, $"users/{user}"));
        using var gone = await client.GetAsync(new Uri("whoami", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Unauthorized, gone.StatusCode);
    }

    [Fact]
    public async Task WrongPasswords_ByTheHundred_WaitAndHinderNobodyElse()
    {
        const int Guesses = 500;
        using var guesser = broker.ClientOf("guest:wrong");
        var before = await FailedLoginsAsync();
        var guesses = Enumerable.Range(0, Guesses).Select(async _ =>
        {
            var since = Stopwatch.StartNew();
            using var response = await guesser.GetAsync(new Uri("whoami", UriKind.Relative));
            return (response.StatusCode, since.Elapsed);
        }).ToArray();

        // The same user logs in meanwhile, with the right password.
        for (var round = 0; round < 20; round++)
        {
            Assert.Equal("guest", (string)(await broker.GetAsync("whoami"))["name"]!);
        }

        Assert.All(await Task.WhenAll(guesses), static guess =>
        {
            Assert.Equal(HttpStatusCode.Unauthorized, guess.StatusCode);
            Assert.True(guess.Elapsed > TimeSpan.FromSeconds(0.9), $"It was answered after {guess.Elapsed}.");
        });
        Assert.True(await FailedLoginsAsync() >= before + Guesses);
    }

    private async Task<long> FailedLoginsAsync()
    {
        var line = (await broker.Client.GetStringAsync(broker.Metrics)).Split('\n').Single(static line =>
            line.StartsWith("rabbitmq_auth_attempts_failed_total{protocol=\"http\"}", StringComparison.Ordinal));
        return long.Parse(line[line.LastIndexOf(' ')..], CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task Vhost_OverItsLife_HasItsOwnQueuesAndWhoMadeItMayUseIt()
    {
        var vhost = ApiBroker.New("v");
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"vhosts/{vhost}", """{"description":"d","tags":"a,b"}""")).Status);
        var found = await broker.GetAsync($"vhosts/{vhost}");
        Assert.Equal(("d", "a", 0), ((string)found["description"]!, (string)found["metadata"]!["tags"]![0]!, (int)found["messages"]!));
        Assert.Equal("running", (string)found["cluster_state"]!.AsObject().First().Value!);

        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"queues/{vhost}/q", "{}")).Status);
        Assert.Equal("q", (string)Assert.Single((await broker.GetAsync($"queues/{vhost}")).AsArray())!["name"]!);
        Assert.Equal(7, (await broker.GetAsync($"exchanges/{vhost}")).AsArray().Count);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Put, $"vhost-limits/{vhost}/max-queues", """{"value":1}""")).Status);
        Assert.Equal(1, (int)(await broker.GetAsync($"vhost-limits/{vhost}"))[0]!["value"]!["max-queues"]!);

        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Post, $"vhosts/{vhost}/deletion/protection")).Status);
        Assert.Equal(HttpStatusCode.PreconditionFailed, (await broker.SendAsync(HttpMethod.Delete, $"vhosts/{vhost}")).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"vhosts/{vhost}/deletion/protection")).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"vhosts/{vhost}")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, $"queues/{vhost}")).Status);
    }

    [Fact]
    public async Task Vhost_ThatIsPutAgain_KeepsOfItsMetadataWhatIsNamed()
    {
        var path = $"vhosts/{ApiBroker.New("v")}";
        await broker.SendAsync(HttpMethod.Put, path, """{"description":"d","tags":"a,b","default_queue_type":"quorum","tracing":true,"protected_from_deletion":true}""");

        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Put, path, """{"tags":["a"],"defaultqueuetype":"stream"}""")).Status);
        var named = await broker.GetAsync(path);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Put, path, "{}")).Status);
        var emptied = await broker.GetAsync(path);

        Assert.Equal(("", """["a"]""", "stream"), ((string)named["description"]!, named["tags"]!.ToJsonString(), (string)named["default_queue_type"]!));
        Assert.Equal(("", "[]", "undefined"), ((string)emptied["description"]!, emptied["tags"]!.ToJsonString(), (string)emptied["default_queue_type"]!));
        Assert.Equal((true, true), ((bool)emptied["tracing"]!, (bool)emptied["protected_from_deletion"]!));
        await broker.SendAsync(HttpMethod.Delete, $"{path}/deletion/protection");
        await broker.SendAsync(HttpMethod.Delete, path);
    }

    [Fact]
    public async Task Permission_OverItsLife_IsAsRabbitMqsIs()
    {
        var user = ApiBroker.New("u");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"tags":"","password":"p"}""");
        var path = $"permissions/%2F/{user}";
        var (status, missing) = await broker.SendAsync(HttpMethod.Put, path, """{"configure":".*"}""");
        Assert.Equal((HttpStatusCode.BadRequest, "[{key_missing,write},{key_missing,read}]"), (status, (string)missing!["reason"]!));
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, path, """{"configure":"c","write":"w","read":"r"}""")).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Put, path, """{"configure":"c","write":"w","read":"r"}""")).Status);
        Assert.Equal($$"""{"user":"{{user}}","vhost":"/","configure":"c","write":"w","read":"r"}""", (await broker.GetAsync(path)).ToJsonString());
        Assert.Single((await broker.GetAsync($"users/{user}/permissions")).AsArray());
        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Put, $"permissions/%2F/{ApiBroker.New("none")}", """{"configure":"","write":"","read":""}""")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Put, path, """{"configure":"(","write":"","read":""}""")).Status);

        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"topic-permissions/%2F/{user}", """{"exchange":"amq.topic","write":"a","read":"b"}""")).Status);
        Assert.Equal("amq.topic", (string)Assert.Single((await broker.GetAsync($"topic-permissions/%2F/{user}")).AsArray())!["exchange"]!);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, $"topic-permissions/%2F/{user}")).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Delete, path)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, path)).Status);
    }

    [Theory]
    [InlineData("", "overview", HttpStatusCode.Unauthorized)]
    [InlineData("management", "overview", HttpStatusCode.OK)]
    [InlineData("management", "nodes", HttpStatusCode.Unauthorized)]
    [InlineData("management", "users", HttpStatusCode.Unauthorized)]
    [InlineData("management", "definitions", HttpStatusCode.Unauthorized)]
    [InlineData("management", "queues/%2F", HttpStatusCode.Unauthorized)]
    [InlineData("management", "vhost-limits", HttpStatusCode.OK)]
    [InlineData("management", "vhost-limits/%2F", HttpStatusCode.Unauthorized)]
    [InlineData("monitoring", "vhost-limits/%2F", HttpStatusCode.OK)]
    [InlineData("management", "user-limits", HttpStatusCode.Unauthorized)]
    [InlineData("management", "user-limits/guest", HttpStatusCode.Unauthorized)]
    [InlineData("management", "user-limits/SELF", HttpStatusCode.OK)]
    [InlineData("monitoring", "user-limits/guest", HttpStatusCode.OK)]
    [InlineData("monitoring", "user-limits/nobody", HttpStatusCode.NotFound)]
    [InlineData("management", "connections/username/guest", HttpStatusCode.Unauthorized)]
    [InlineData("management", "connections/username/SELF", HttpStatusCode.OK)]
    [InlineData("monitoring", "connections/username/guest", HttpStatusCode.OK)]
    [InlineData("management", "connections/none", HttpStatusCode.NotFound)]
    [InlineData("management", "connections/none/channels", HttpStatusCode.NotFound)]
    [InlineData("management", "connections/none/sessions", HttpStatusCode.NotFound)]
    [InlineData("monitoring", "nodes", HttpStatusCode.OK)]
    [InlineData("monitoring", "queues/%2F", HttpStatusCode.OK)]
    [InlineData("monitoring", "users", HttpStatusCode.Unauthorized)]
    [InlineData("policymaker", "parameters", HttpStatusCode.OK)]
    [InlineData("policymaker", "nodes", HttpStatusCode.Unauthorized)]
    [InlineData("administrator", "users", HttpStatusCode.OK)]
    [InlineData("administrator", "definitions", HttpStatusCode.OK)]
    public async Task Request_ByTag_IsAnsweredOrNot(string tag, string path, HttpStatusCode expected)
    {
        var user = ApiBroker.New("u");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", $$"""{"tags":"{{tag}}","password":"p"}""");
        using var client = broker.ClientOf($"{user}:p");
        using var response = await client.GetAsync(new Uri(path.Replace("SELF", user, StringComparison.Ordinal), UriKind.Relative));
        Assert.Equal(expected, response.StatusCode);
    }

    /// <summary>Monitors look at what is another's, administrators alone end it.</summary>
    [Theory]
    [InlineData("management", HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized)]
    [InlineData("monitoring", HttpStatusCode.OK, HttpStatusCode.Unauthorized)]
    [InlineData("administrator", HttpStatusCode.OK, HttpStatusCode.NoContent)]
    public async Task Connection_OfAnother_IsSeenAndClosedByTag(string tag, HttpStatusCode seen, HttpStatusCode closed)
    {
        var (user, queue) = (ApiBroker.New("u"), await broker.DeclareQueueAsync());
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", $$"""{"tags":"{{tag}}","password":"p"}""");
        await broker.SendAsync(HttpMethod.Put, $"permissions/%2F/{user}", """{"configure":"","write":"","read":""}""");
        await using var theirs = await WireConnection.OpenAsync(broker.Broker.AmqpPort);
        await theirs.CallAsync(1, WireMethods.BasicConsume(queue, "tag"), 60, 21);
        var all = await broker.WaitForAsync("consumers/%2F", all => all.AsArray().Any(item => (string)item!["queue"]!["name"]! == queue));
        var details = all.AsArray().Single(item => (string)item!["queue"]!["name"]! == queue)!["channel_details"]!;
        var (connection, channel) = (Uri.EscapeDataString((string)details["connection_name"]!), Uri.EscapeDataString((string)details["name"]!));
        using var client = broker.ClientOf($"{user}:p");

        foreach (var path in new[] { $"connections/{connection}", $"connections/{connection}/channels", $"channels/{channel}" })
        {
            using var told = await client.GetAsync(new Uri(path, UriKind.Relative));
            Assert.Equal((path, seen), (path, told.StatusCode));
        }

        Assert.Equal(seen == HttpStatusCode.OK, (await client.GetStringAsync(new Uri("consumers/%2F", UriKind.Relative))).Contains(queue, StringComparison.Ordinal));
        using var ended = await client.DeleteAsync(new Uri($"connections/{connection}", UriKind.Relative));
        Assert.Equal(closed, ended.StatusCode);
    }

    [Theory]
    [InlineData("queues")]
    [InlineData("exchanges")]
    [InlineData("bindings")]
    [InlineData("connections")]
    [InlineData("channels")]
    [InlineData("consumers")]
    [InlineData("policies")]
    [InlineData("operator-policies")]
    [InlineData("parameters")]
    [InlineData("parameters/shovel")]
    [InlineData("vhost-limits")]
    [InlineData("shovels")]
    public async Task List_WithTheHeaderOfAVhost_IsOfThatAlone(string path)
    {
        var vhost = ApiBroker.New("v");
        await broker.SendAsync(HttpMethod.Put, $"vhosts/{vhost}", "{}");
        await broker.SendAsync(HttpMethod.Put, $"queues/{vhost}/q", "{}");
        await broker.DeclareQueueAsync();
        await using var other = await WireConnection.OpenAsync(broker.Broker.AmqpPort);

        var (status, text) = await AskAsync(vhost);

        Assert.Equal(HttpStatusCode.OK, status);
        var list = JsonNode.Parse(text)!.AsArray();
        Assert.All(list, one => Assert.Equal(vhost, (string)one!["vhost"]!));
        Assert.Equal(path is "queues" or "exchanges" or "bindings", list.Count > 0);
        Assert.Equal(HttpStatusCode.NotFound, (await AskAsync("nowhere")).Status);

        async Task<(HttpStatusCode Status, string Text)> AskAsync(string of)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative)) { Headers = { { "x-vhost", of } } };
            using var answer = await broker.Client.SendAsync(request);
            return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
        }
    }

    [Theory]
    [InlineData("administrator", HttpStatusCode.NoContent)]
    [InlineData("monitoring", HttpStatusCode.Unauthorized)]
    public async Task Rebalance_ByWhoSaysWhoHeIs_IsForAdministrators(string tag, HttpStatusCode expected)
    {
        var user = ApiBroker.New("u");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", $$"""{"tags":"{{tag}}","password":"p"}""");
        using var client = broker.ClientOf($"{user}:p");
        using var response = await client.PostAsync(new Uri("rebalance/queues", UriKind.Relative), null);
        Assert.Equal(expected, response.StatusCode);
    }

    [Fact]
    public async Task Lists_OfWhoIsNoMonitor_HaveWhatIsInTheUsersVhostsAlone()
    {
        var (user, vhost) = (ApiBroker.New("u"), ApiBroker.New("v"));
        await broker.SendAsync(HttpMethod.Put, $"vhosts/{vhost}", "{}");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"tags":"management","password":"p"}""");
        await broker.SendAsync(HttpMethod.Put, $"permissions/{vhost}/{user}", """{"configure":"^mine","write":".*","read":".*"}""");
        await broker.DeclareQueueAsync();
        await broker.SendAsync(HttpMethod.Put, $"queues/{vhost}/theirs", "{}");
        await using var other = await WireConnection.OpenAsync(broker.Broker.AmqpPort);

        using var client = broker.ClientOf($"{user}:p");
        Assert.Equal("""[{"name":"theirs"}]""", await client.GetStringAsync(new Uri("queues?columns=name", UriKind.Relative)));
        Assert.Equal($$"""[{"name":"{{vhost}}"}]""", await client.GetStringAsync(new Uri("vhosts?columns=name", UriKind.Relative)));
        Assert.Equal("[]", await client.GetStringAsync(new Uri("connections", UriKind.Relative)));
        Assert.Equal("{\"object_totals\":{\"connections\":0,\"queues\":1}}", await client.GetStringAsync(new Uri("overview?columns=object_totals.queues,object_totals.connections", UriKind.Relative)));

        using var body = ApiBroker.Json("{}");
        using var refused = await client.PutAsync(new Uri($"queues/{vhost}/yours", UriKind.Relative), body);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Contains($"configure access to queue 'yours' in vhost '{vhost}' refused for user '{user}'", (await refused.Content.ReadAsStringAsync()).Replace("\\u0027", "'", StringComparison.Ordinal), StringComparison.Ordinal);
        using var again = ApiBroker.Json("{}");
        using var allowed = await client.PutAsync(new Uri($"queues/{vhost}/mine", UriKind.Relative), again);
        Assert.Equal(HttpStatusCode.Created, allowed.StatusCode);
    }

    [Fact]
    public async Task Definitions_OfRabbitMq_MakeUsersVhostsAndWhatIsInThem()
    {
        var (user, vhost) = (ApiBroker.New("u"), ApiBroker.New("v"));
        var file = $$"""
            {"rabbit_version":"3.10.8",
             "users":[{"name":"{{user}}","password_hash":"{{HashOfP}}","hashing_algorithm":"rabbit_password_hashing_sha256","tags":["monitoring"],"limits":[]}],
             "vhosts":[{"name":"{{vhost}}"}],
             "permissions":[{"user":"{{user}}","vhost":"{{vhost}}","configure":".*","write":".*","read":".*"}],
             "topic_permissions":[{"user":"{{user}}","vhost":"{{vhost}}","exchange":"amq.topic","write":"^a","read":".*"}],
             "parameters":[{"vhost":"{{vhost}}","component":"vhost-limits","name":"limits","value":{"max-connections":7} }],
             "global_parameters":[],"policies":[],
             "queues":[{"name":"q","vhost":"{{vhost}}","durable":true,"auto_delete":false,"arguments":{} }],
             "exchanges":[{"name":"x","vhost":"{{vhost}}","type":"topic","durable":true,"auto_delete":false,"internal":false,"arguments":{} }],
             "bindings":[{"source":"x","vhost":"{{vhost}}","destination":"q","destination_type":"queue","routing_key":"a.#","arguments":{} }]}
            """;
        Assert.Equal(HttpStatusCode.NoContent, (await broker.SendAsync(HttpMethod.Post, "definitions", file)).Status);

        using var client = broker.ClientOf($"{user}:p");
        Assert.Equal("""[{"source":"x","destination":"q","routing_key":"a.#"}]""", await client.GetStringAsync(
            new Uri($"exchanges/{vhost}/x/bindings/source?columns=source,destination,routing_key", UriKind.Relative)));
        var exported = await broker.GetAsync("definitions");
        Assert.Contains(exported["users"]!.AsArray(), item => (string)item!["name"]! == user && (string)item["password_hash"]! == HashOfP);
        Assert.Contains(exported["permissions"]!.AsArray(), item => (string)item!["user"]! == user && (string)item["vhost"]! == vhost);
        Assert.Contains(exported["topic_permissions"]!.AsArray(), item => (string)item!["user"]! == user && (string)item["write"]! == "^a");
        Assert.Contains(exported["parameters"]!.AsArray(), item => (string)item!["vhost"]! == vhost && (int)item["value"]!["max-connections"]! == 7);
        var ofVhost = await broker.GetAsync($"definitions/{vhost}");
        Assert.Equal(("single_virtual_host", "q"), ((string)ofVhost["rabbitmq_definition_format"]!, (string)Assert.Single(ofVhost["queues"]!.AsArray())!["name"]!));
        Assert.Null(ofVhost["users"]);

        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Post, "definitions", """{"queues":[{"name":"q","vhost":"nowhere"}]}""")).Status);
    }
}
