using System.Net;
using System.Text.Json.Nodes;
using Granary.Testing.Brokers;

namespace Granary.Gateway.Tests.Management;

/// <summary>Messages that are looked for in a queue, and stay there.</summary>
[WatchedBroker]
public sealed class SearchTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    [Fact]
    public async Task Messages_AreListedPageByPage()
    {
        var queue = await FillAsync(5);
        var first = await LookAsync(queue, "?count=3");
        Assert.Equal(["0", "1", "2"], Payloads(first));
        Assert.Equal((3, "string", false), ((int)first["examined"]!, (string)first["messages"]![0]!["payload_encoding"]!, (bool)first["messages"]![0]!["redelivered"]!));
        var rest = await LookAsync(queue, $"?count=3&after={first["next"]}");
        Assert.Equal((2, true), (Payloads(rest).Length, rest["next"] is null));
        Assert.Equal(["3", "4"], Payloads(rest));
        await broker.WaitForAsync($"queues/%2F/{queue}", found => (int)found["messages_ready"]! == 5);
    }

    [Fact]
    public async Task Search_FindsTextInPayloadsAndHeaders_AndGoesOnWhereItsBudgetEnded()
    {
        var queue = await FillAsync(30);
        await broker.PublishAsync(queue, "a needle here");
        var all = await LookAsync(queue, "?search=needle");
        Assert.Equal((1, 31, true), (Payloads(all).Length, (int)all["examined"]!, all["next"] is null));

        // Each request looks at one page at least.
        var found = await LookAsync(queue, "?search=needle&bytes=1&time=1");
        Assert.Equal(["a needle here"], Payloads(found));
        Assert.Empty(Payloads(await LookAsync(queue, "?search=haystack")));
        Assert.Equal(["YQ=="], Payloads(await LookAsync(queue, "?search=needle&encoding=base64&truncate=1")));
    }

    [Theory]
    [InlineData("?count=0", HttpStatusCode.BadRequest)]
    [InlineData("?count=1001", HttpStatusCode.BadRequest)]
    [InlineData("?time=x", HttpStatusCode.BadRequest)]
    [InlineData("?after=nowhere", HttpStatusCode.BadRequest)]
    public async Task Look_ThatCannotBe_IsRefused(string query, HttpStatusCode status)
    {
        var queue = await broker.DeclareQueueAsync();
        Assert.Equal(status, (await broker.SendAsync(HttpMethod.Get, $"queues/%2F/{queue}/messages{query}", null)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await broker.SendAsync(HttpMethod.Get, $"queues/%2F/{queue}-not/messages", null)).Status);
    }

    [Fact]
    public async Task Look_WithoutTheRightToRead_IsRefused()
    {
        var (queue, user) = (await FillAsync(1), ApiBroker.New("looker"));
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"password":"p","tags":"management"}""");
        await broker.SendAsync(HttpMethod.Put, $"permissions/%2F/{user}", """{"configure":".*","write":".*","read":""}""");
        using var client = broker.ClientOf($"{user}:p");
        using var response = await client.GetAsync(new Uri($"queues/%2F/{queue}/messages", UriKind.Relative));
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    private static string[] Payloads(JsonNode found) => [.. found["messages"]!.AsArray().Select(static message => (string)message!["payload"]!)];

    private Task<JsonNode> LookAsync(string queue, string query) => broker.GetAsync($"queues/%2F/{queue}/messages{query}");

    private async Task<string> FillAsync(int count)
    {
        var queue = await broker.DeclareQueueAsync();
        for (var i = 0; i < count; i++)
        {
            await broker.PublishAsync(queue, $"{i}");
        }

        return queue;
    }
}
