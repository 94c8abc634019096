using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Granary.Testing.Brokers;
using Granary.Testing.Unkind;

namespace Granary.Gateway.Tests.Management;

/// <summary>The broker of this run, and its management API as the user guest sees it.</summary>
public sealed class ApiBroker : BrokerFixture, IAsyncLifetime
{
    // One call in twelve is lost on its way there or back.
    private const int MostLosses = 6;

    private HttpClient? _client;

    public HttpClient Client => _client!;

    /// <summary>A client of the metrics' port.</summary>
    public Uri Metrics => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Broker.MetricsPort}/metrics"));

    async Task IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        _client = ClientOf("guest:guest");
    }

    async Task IAsyncLifetime.DisposeAsync()
    {
        _client?.Dispose();
        await DisposeAsync();
    }

    public static string New(string prefix) => $"{prefix}-{Guid.NewGuid():N}";

    public HttpClient ClientOf(string? userAndPassword) => new()
    {
        BaseAddress = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Broker.HttpPort}/api/")),
        DefaultRequestHeaders =
        {
            Authorization = userAndPassword is null ? null : new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(userAndPassword))),
        },
    };

    public static StringContent Json(string text) => new(text, Encoding.UTF8, "application/json");

    public async Task<JsonNode> GetAsync(string path) => JsonNode.Parse(await Client.GetStringAsync(new Uri(path, UriKind.Relative)))!;

    public async Task<(HttpStatusCode Status, JsonNode? Body)> SendAsync(HttpMethod method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative)) { Content = body is null ? null : Json(body) };
        using var response = await Client.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, text.Length == 0 ? null : JsonNode.Parse(text));
    }

    /// <summary>
    /// Deletes what is not there. In a run with a seed the call may get lost, and what is missing when it is made again counts as removed by the first one: then it is asked for again.
    /// </summary>
    public static async Task<HttpStatusCode> DeleteMissingAsync(HttpClient client, string path)
    {
        for (var tries = 1; ; tries++)
        {
            using var response = await client.DeleteAsync(new Uri(path, UriKind.Relative));
            if (!response.IsSuccessStatusCode || TestSeed.OfThisRun is null || tries == MostLosses)
            {
                return response.StatusCode;
            }
        }
    }

    /// <summary>Declares a queue with a name of its own.</summary>
    public async Task<string> DeclareQueueAsync(string body = "{}")
    {
        var queue = New("http");
        Assert.Equal(HttpStatusCode.Created, (await SendAsync(HttpMethod.Put, $"queues/%2F/{queue}", body)).Status);
        return queue;
    }

    public async Task PublishAsync(string queue, string payload)
    {
        var (status, body) = await SendAsync(
            HttpMethod.Post, "exchanges/%2F/amq.default/publish",
            $$"""{"properties":{"delivery_mode":2,"headers":{"n":7} },"routing_key":"{{queue}}","payload":"{{payload}}","payload_encoding":"string"}""");
        Assert.Equal((HttpStatusCode.OK, true), (status, (bool)body!["routed"]!));
    }

    /// <summary>Waits until what a path answers is as it is to be.</summary>
    public async Task<JsonNode> WaitForAsync(string path, Func<JsonNode, bool> isThere)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            var node = await GetAsync(path);
            if (isThere(node))
            {
                return node;
            }

            Assert.False(patience.IsCancellationRequested, $"{path} answers {node.ToJsonString()}");
            await Task.Delay(20);
        }
    }
}
