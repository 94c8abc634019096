using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Granary.Gateway.Management.Page;
using Granary.Testing.Brokers;

namespace Granary.Gateway.Tests.Management;

/// <summary>Server-sent events: what the management page follows.</summary>
[WatchedBroker]
public sealed class LiveTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    private Uri Root => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{broker.Broker.HttpPort}/"));

    [Fact]
    public async Task Stream_OfAQueue_TellsWhatChanges()
    {
        var queue = await broker.DeclareQueueAsync();
        await using var stream = await OpenAsync($"of=queues%2F%252F%2F{queue}&of=overview%3Fcolumns%3Dcluster_name&every=1");
        var told = new Dictionary<string, JsonNode>();
        while (told.Count < 2)
        {
            var (kind, id, data) = await stream.NextAsync();
            Assert.Equal("data", kind);
            told[id] = data;
        }

        Assert.Equal((queue, 0), ((string)told["0"]["name"]!, (int)told["0"]["messages"]!));
        Assert.Equal(["cluster_name"], told["1"].AsObject().Select(field => field.Key));
        await broker.PublishAsync(queue, "one");
        while (true)
        {
            var (_, id, data) = await stream.NextAsync();
            Assert.Equal("0", id);
            if ((int)data["messages"]! == 1)
            {
                break;
            }
        }
    }

    [Fact]
    public async Task Stream_OfTheLog_HasItsLines()
    {
        await using var stream = await OpenAsync("of=log%3Flines%3D5&every=1");

        var (kind, _, log) = await stream.NextAsync();

        Assert.Equal(("data", true), (kind, log["lines"]!.AsArray().Count <= 5));
    }

    [Fact]
    public async Task Stream_OfWhatIsNotThere_SaysSoAndGoesOn()
    {
        var queue = ApiBroker.New("page");
        await using var stream = await OpenAsync($"of=queues%2F%252F%2F{queue}&every=1");
        var (kind, _, refusal) = await stream.NextAsync();
        Assert.Equal(("refused", "Not Found"), (kind, (string)refusal["reason"]!));
        await broker.SendAsync(HttpMethod.Put, $"queues/%2F/{queue}", "{}");
        while ((await stream.NextAsync()).Kind != "data")
        {
        }
    }

    [Fact]
    public async Task Stream_OfAUserWhosePasswordChanges_IsOver()
    {
        var user = ApiBroker.New("page");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"password":"old","tags":"monitoring"}""");
        using var page = new PageClient(Root);
        using var _ = await page.LogInAsync(user, "old");
        await using var stream = await EventReader.OpenAsync(page.Http, page.Request(HttpMethod.Get, "api/events?of=overview&every=1"));
        Assert.Equal("data", (await stream.NextAsync()).Kind);
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"password":"new","tags":"monitoring"}""");
        while ((await stream.NextAsync()).Kind != "over")
        {
        }

        Assert.True(await stream.IsOverAsync());
    }

    [Theory]
    [InlineData("")]
    [InlineData("of=definitions")]
    [InlineData("of=users")]
    [InlineData("of=events%3Fof%3Doverview")]
    [InlineData("of=queues%2F..%2F..%2Fusers")]
    [InlineData("of=no%2Fsuch%2Fthing")]
    [InlineData("of=overview&every=0")]
    [InlineData("of=overview&every=60")]
    [InlineData("of=a&of=a&of=a&of=a&of=a&of=a&of=a&of=a&of=a")]
    public async Task Stream_OfWhatCannotBeFollowed_IsRefused(string query)
    {
        using var response = await broker.Client.GetAsync(new Uri($"events?{query}", UriKind.Relative));
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task Stream_OfAPartThatTheUserMayNotSee_IsRefusedThere()
    {
        var user = ApiBroker.New("page");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"password":"p","tags":"management"}""");
        using var client = broker.ClientOf($"{user}:p");
        await using var stream = await EventReader.OpenAsync(client, new HttpRequestMessage(HttpMethod.Get, new Uri("events?of=nodes&of=overview&every=1", UriKind.Relative)));
        var (kind, id, data) = await stream.NextAsync();
        Assert.Equal(("refused", "0", "Not monitor user"), (kind, id, (string)data["reason"]!));
        Assert.Equal("data", (await stream.NextAsync()).Kind);
    }

    [Fact]
    public async Task Streams_OfOneUser_AreBounded()
    {
        var user = ApiBroker.New("page");
        await broker.SendAsync(HttpMethod.Put, $"users/{user}", """{"password":"p","tags":"management"}""");
        using var client = broker.ClientOf($"{user}:p");
        var open = new List<HttpResponseMessage>();
        try
        {
            for (var i = 0; i < LiveResource.MostStreams; i++)
            {
                open.Add(await AskAsync(client));
                Assert.Equal(HttpStatusCode.OK, open[^1].StatusCode);
            }

            using var refused = await AskAsync(client);
            Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
            open[0].Dispose();
            await UntilAsync(async () =>
            {
                var next = await AskAsync(client);
                open.Add(next);
                return next.StatusCode == HttpStatusCode.OK;
            });
        }
        finally
        {
            open.ForEach(response => response.Dispose());
        }
    }

    private static Task<HttpResponseMessage> AskAsync(HttpClient client) =>
        client.GetAsync(new Uri("events?of=overview&every=1", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!await isSo())
        {
            await Task.Delay(50, patience.Token);
        }
    }

    private Task<EventReader> OpenAsync(string query) => EventReader.OpenAsync(broker.Client, new HttpRequestMessage(HttpMethod.Get, new Uri($"events?{query}", UriKind.Relative)));
}
