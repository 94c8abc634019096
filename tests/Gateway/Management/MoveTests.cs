using System.Net;
using System.Text.Json.Nodes;
using Granary.Testing.Brokers;

namespace Granary.Gateway.Tests.Management;

/// <summary>Messages that are looked at, moved, and sent back to where they died.</summary>
[WatchedBroker]
public sealed class MoveTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    [Fact]
    public async Task Message_ThatIsBrowsed_IsAsIfNobodyHadLooked()
    {
        var queue = await broker.DeclareQueueAsync();
        await broker.PublishAsync(queue, "one");
        await broker.PublishAsync(queue, "two");
        for (var i = 0; i < 2; i++)
        {
            var got = await GetAsync(queue, "browse");
            Assert.Equal(["one", "two"], got.Select(message => (string)message!["payload"]!));
            Assert.All(got, message => Assert.False((bool)message!["redelivered"]!));
        }

        var taken = await GetAsync(queue, "ack_requeue_false");
        Assert.Equal(["one", "two"], taken.Select(message => (string)message!["payload"]!));
        Assert.All(taken, message => Assert.False((bool)message!["redelivered"]!));
    }

    [Fact]
    public async Task Messages_ThatAreMoved_AreInTheOtherQueueInOrder()
    {
        var (from, to) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync());
        for (var i = 0; i < 130; i++)
        {
            await broker.PublishAsync(from, $"{i}");
        }

        Assert.Equal(100, (int)(await MoveAsync(from, $$"""{"queue":"{{to}}","count":100}"""))["moved"]!);
        Assert.Equal(30, (int)(await MoveAsync(from, $$"""{"queue":"{{to}}"}"""))["moved"]!);
        Assert.Empty(await GetAsync(from, "browse"));
        var got = await GetAsync(to, "ack_requeue_false");
        Assert.Equal(Enumerable.Range(0, 130).Select(i => $"{i}"), got.Select(message => (string)message!["payload"]!));
        Assert.Equal((7, 2), ((int)got[0]!["properties"]!["headers"]!["n"]!, (int)got[0]!["properties"]!["delivery_mode"]!));
    }

    [Fact]
    public async Task Messages_ForAQueueThatIsNotThere_StayWhereTheyAre()
    {
        var from = await broker.DeclareQueueAsync();
        await broker.PublishAsync(from, "one");
        var answer = await MoveAsync(from, """{"queue":"nowhere-at-all"}""");
        Assert.Equal((0, "There is no queue 'nowhere-at-all'."), ((int)answer["moved"]!, (string)answer["refusal"]!));
        Assert.Equal("one", (string)Assert.Single(await GetAsync(from, "browse"))!["payload"]!);
    }

    [Fact]
    public async Task DeadLetter_ThatIsRedriven_IsInTheQueueThatItDiedIn()
    {
        var dead = await broker.DeclareQueueAsync();
        var queue = await broker.DeclareQueueAsync($$"""{"arguments":{"x-dead-letter-exchange":"","x-dead-letter-routing-key":"{{dead}}"} }""");
        await broker.PublishAsync(queue, "one");
        await GetAsync(queue, "reject_requeue_false");
        await broker.WaitForAsync($"queues/%2F/{dead}", found => (int)found["messages_ready"]! == 1);
        Assert.Equal(1, (int)(await MoveAsync(dead, "{}"))["moved"]!);
        var back = Assert.Single(await GetAsync(queue, "browse"))!;
        Assert.Equal(("one", queue), ((string)back["payload"]!, (string)back["properties"]!["headers"]!["x-death"]![0]!["queue"]!));
        Assert.Empty(await GetAsync(dead, "browse"));
    }

    /// <summary>One that died where it waited, after it had died where it came from.</summary>
    [Theory]
    [InlineData("first")]
    [InlineData("last")]
    public async Task DeadLetter_ThatDiedTwice_IsRedrivenToTheFirstQueueOrTheLast(string death)
    {
        var end = await broker.DeclareQueueAsync();
        var middle = await broker.DeclareQueueAsync($$"""{"arguments":{"x-dead-letter-exchange":"","x-dead-letter-routing-key":"{{end}}"} }""");
        var queue = await broker.DeclareQueueAsync($$"""{"arguments":{"x-dead-letter-exchange":"","x-dead-letter-routing-key":"{{middle}}"} }""");
        await broker.PublishAsync(queue, "one");
        foreach (var (from, to) in new[] { (queue, middle), (middle, end) })
        {
            await GetAsync(from, "reject_requeue_false");
            await broker.WaitForAsync($"queues/%2F/{to}", found => (int)found["messages_ready"]! == 1);
        }

        Assert.Equal(1, (int)(await MoveAsync(end, $$"""{"death":"{{death}}"}"""))["moved"]!);
        Assert.Single(await GetAsync(death == "first" ? queue : middle, "browse"));
    }

    /// <summary>It would go round: from the head of the queue to its end.</summary>
    [Theory]
    [InlineData("first")]
    [InlineData("last")]
    public async Task Messages_ThatDiedInTheQueueThatTheyAreIn_StayThere(string death)
    {
        var queue = ApiBroker.New("loop");
        var waits = await broker.DeclareQueueAsync(DeadLettersTo(queue, ""","x-message-ttl":0"""));
        await broker.SendAsync(HttpMethod.Put, $"queues/%2F/{queue}", DeadLettersTo(waits));
        foreach (var body in new[] { "one", "two" })
        {
            await broker.PublishAsync(queue, body);
        }

        Assert.Equal(["one", "two"], Bodies(await GetAsync(queue, "reject_requeue_false")));
        await broker.WaitForAsync($"queues/%2F/{queue}", static found => (int)found["messages_ready"]! == 2);

        // It died in the queue first, and last where it waited, for no time at all: what is sent there is back before the request has ended, and stays.
        var answer = await MoveAsync(queue, $$"""{"death":"{{death}}"}""");
        Assert.Equal(death == "first" ? (0, "A message died in the queue that it is in.") : (2, null), ((int)answer["moved"]!, (string?)answer["refusal"]));
        await broker.WaitForAsync($"queues/%2F/{queue}", static found => (int)found["messages_ready"]! == 2);
    }

    [Fact]
    public async Task Messages_BehindOneThatDidNotDie_StayWhereTheyAre()
    {
        var dead = await broker.DeclareQueueAsync();
        var queue = await broker.DeclareQueueAsync(DeadLettersTo(dead));
        foreach (var (body, dies) in new[] { ("one", true), ("two", true), ("alive", false), ("three", true) })
        {
            await broker.PublishAsync(dies ? queue : dead, body);
            await GetAsync(queue, "reject_requeue_false");
            await broker.WaitForAsync($"queues/%2F/{dead}/messages", found => found["messages"]!.AsArray().Any(message => (string)message!["payload"]! == body));
        }

        var answer = await MoveAsync(dead, "{}");
        Assert.Equal((2, "A message does not say in which queue it died."), ((int)answer["moved"]!, (string)answer["refusal"]!));
        Assert.Equal(["one", "two"], Bodies(await GetAsync(queue, "browse")));
        Assert.Equal(["alive", "three"], Bodies(await GetAsync(dead, "ack_requeue_false")));
    }

    [Fact]
    public async Task Messages_ThatDoNotFit_StayWhereTheyAreInOrder()
    {
        var (from, to) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync("""{"arguments":{"x-max-length":3,"x-overflow":"reject-publish"} }"""));
        for (var i = 0; i < 10; i++)
        {
            await broker.PublishAsync(from, $"{i}");
        }

        var answer = await MoveAsync(from, $$"""{"queue":"{{to}}"}""");
        Assert.Equal((3, $"Queue '{to}' does not take the message."), ((int)answer["moved"]!, (string)answer["refusal"]!));
        Assert.Equal(["0", "1", "2"], Bodies(await GetAsync(to, "browse")));
        Assert.Equal(["3", "4", "5", "6", "7", "8", "9"], Bodies(await GetAsync(from, "browse")));
    }

    /// <summary>What comes back is the message that the queue has taken, and no duplicate of it; another one of its id is.</summary>
    [Theory]
    [InlineData("{}")]
    [InlineData("""{"queue":"QUEUE"}""")]
    public async Task DeadLetter_IntoAQueueThatDeduplicates_IsThereAgain(string move)
    {
        var dead = await broker.DeclareQueueAsync();
        var queue = await broker.DeclareQueueAsync(DeadLettersTo(dead, ""","x-message-deduplication":true"""));
        await PublishAsync(queue, "one", """{"message_id":"m1"}""");
        await GetAsync(queue, "reject_requeue_false");
        await broker.WaitForAsync($"queues/%2F/{dead}", found => (int)found["messages_ready"]! == 1);
        Assert.Equal(1, (int)(await MoveAsync(dead, move.Replace("QUEUE", queue, StringComparison.Ordinal)))["moved"]!);
        await PublishAsync(queue, "another", """{"message_id":"m1","headers":{"x-death":[{"queue":"q","reason":"rejected","count":1}]} }""");
        Assert.Equal(["one"], Bodies(await GetAsync(queue, "ack_requeue_false")));
        Assert.Empty(await GetAsync(dead, "browse"));
    }

    [Fact]
    public async Task Retry_OverAQueueThatWaits_ComesBackToAQueueThatDeduplicates()
    {
        var queue = ApiBroker.New("work");
        var waits = await broker.DeclareQueueAsync(DeadLettersTo(queue, ""","x-message-ttl":1"""));
        Assert.Equal(HttpStatusCode.Created, (await broker.SendAsync(HttpMethod.Put, $"queues/%2F/{queue}", DeadLettersTo(waits, ""","x-message-deduplication":true"""))).Status);
        await PublishAsync(queue, "one", """{"message_id":"m1"}""");
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(["one"], Bodies(await GetAsync(queue, "reject_requeue_false")));
            await broker.WaitForAsync($"queues/%2F/{queue}", found => (int)found["messages_ready"]! == 1);
        }
    }

    [Fact]
    public async Task Message_WithFurtherKeys_IsMovedToItsQueueAlone()
    {
        var (audit, from, to) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync());
        await PublishAsync(from, "one", $$$"""{"headers":{"CC":["{{{audit}}}"]} }""");
        Assert.Single(await GetAsync(audit, "ack_requeue_false"));
        var answer = await MoveAsync(from, """{"queue":"gone-for-good"}""");
        Assert.Equal((0, "There is no queue 'gone-for-good'."), ((int)answer["moved"]!, (string)answer["refusal"]!));
        Assert.Equal(1, (int)(await MoveAsync(from, $$"""{"queue":"{{to}}"}"""))["moved"]!);
        Assert.Equal(audit, (string)Assert.Single(await GetAsync(to, "browse"))!["properties"]!["headers"]!["CC"]![0]!);
        Assert.Empty(await GetAsync(audit, "browse"));
    }

    [Fact]
    public async Task Message_OfAnotherUser_IsMovedAsItIs()
    {
        var (from, to, user) = (await broker.DeclareQueueAsync(), await broker.DeclareQueueAsync(), ApiBroker.New("mover"));
        await PublishAsync(from, "one", """{"user_id":"guest"}""");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"password":"p","tags":"administrator"}""");
        await broker.SendAsync(HttpMethod.Put, $"permissions/%2F/{user}", """{"configure":"","write":".*","read":".*"}""");
        using var client = broker.ClientOf($"{user}:p");
        using var response = await client.PostAsync(new Uri($"queues/%2F/{from}/move", UriKind.Relative), ApiBroker.Json($$"""{"queue":"{{to}}"}"""));
        Assert.Equal(1, (int)JsonNode.Parse(await response.Content.ReadAsStringAsync())!["moved"]!);
        Assert.Equal("guest", (string)Assert.Single(await GetAsync(to, "browse"))!["properties"]!["user_id"]!);
    }

    /// <summary>An answer ends with the message that makes it more than 32 MiB.</summary>
    [Fact]
    public async Task Messages_ThatAreLarge_AreNotTakenAllAtOnce()
    {
        var queue = await broker.DeclareQueueAsync();
        for (var i = 0; i < 4; i++)
        {
            await broker.PublishAsync(queue, new string((char)('a' + i), 12 << 20));
        }

        foreach (var expected in new[] { "abc", "d" })
        {
            var (_, got) = await broker.SendAsync(HttpMethod.Post, $"queues/%2F/{queue}/get", """{"count":200,"ackmode":"ack_requeue_false","encoding":"auto","truncate":1}""");
            Assert.Equal(expected, string.Concat(Bodies(got!.AsArray())));
        }
    }

    [Theory]
    [InlineData("""{"queue":"SELF"}""")]
    [InlineData("""{"death":"never"}""")]
    [InlineData("""{"queue":"other","count":0}""")]
    [InlineData("""{"queue":"other","count":10001}""")]
    public async Task Move_ThatCannotBe_IsRefused(string body)
    {
        var queue = await broker.DeclareQueueAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await broker.SendAsync(HttpMethod.Post, $"queues/%2F/{queue}/move", body.Replace("SELF", queue, StringComparison.Ordinal))).Status);
    }

    [Fact]
    public async Task Move_WithoutTheRightToRead_IsRefused()
    {
        var (queue, user) = (await broker.DeclareQueueAsync(), ApiBroker.New("mover"));
        await broker.PublishAsync(queue, "one");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"password":"p","tags":"management"}""");
        await broker.SendAsync(HttpMethod.Put, $"permissions/%2F/{user}", """{"configure":".*","write":".*","read":""}""");
        using var client = broker.ClientOf($"{user}:p");
        using var response = await client.PostAsync(new Uri($"queues/%2F/{queue}/move", UriKind.Relative), ApiBroker.Json("""{"queue":"elsewhere"}"""));
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Single(await GetAsync(queue, "browse"));
    }

    private static string DeadLettersTo(string queue, string more = "") => $$$"""{"arguments":{"x-dead-letter-exchange":"","x-dead-letter-routing-key":"{{{queue}}}"{{{more}}}} }""";

    private static IEnumerable<string> Bodies(JsonArray messages) => messages.Select(static message => (string)message!["payload"]!);

    private async Task PublishAsync(string queue, string payload, string properties)
    {
        var (status, body) = await broker.SendAsync(
            HttpMethod.Post, "exchanges/%2F/amq.default/publish",
            $$"""{"properties":{{properties}},"routing_key":"{{queue}}","payload":"{{payload}}","payload_encoding":"string"}""");
        Assert.Equal((HttpStatusCode.OK, true), (status, (bool)body!["routed"]!));
    }

    private async Task<JsonNode> MoveAsync(string queue, string body)
    {
        var (status, answer) = await broker.SendAsync(HttpMethod.Post, $"queues/%2F/{queue}/move", body);
        Assert.Equal(HttpStatusCode.OK, status);
        return answer!;
    }

    private async Task<JsonArray> GetAsync(string queue, string mode)
    {
        var (status, got) = await broker.SendAsync(HttpMethod.Post, $"queues/%2F/{queue}/get", $$"""{"count":200,"ackmode":"{{mode}}","encoding":"auto"}""");
        Assert.Equal(HttpStatusCode.OK, status);
        return got!.AsArray();
    }
}
