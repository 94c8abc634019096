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
