using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace Granary.Cluster.Tests;

/// <summary>A gateway that an operator stops for clients (<c>rabbitmqctl stop_app</c>) beside one that goes on.</summary>
[Collection(TwoGateways.Shared)]
public sealed class ApplicationTests(TwoGateways gateways) : IDisposable
{
    private const int Stopped = 1410;

    private readonly HttpClient _api = new()
    {
        BaseAddress = new Uri($"http://127.0.0.1:{gateways.Cluster.HttpPort("gateway-1")}/api/"),
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("guest:guest"u8)) },
    };

    public void Dispose() => _api.Dispose();

    [Fact]
    public async Task Gateway_ThatIsStoppedForClients_ClosesItsOwnAndNoOthers()
    {
        gateways.Cluster.Allow(Stopped, "stop_app");
        await using var first = await gateways.Cluster.ConnectAsync(1);
        var closed = new TaskCompletionSource<ushort>(TaskCreationOptions.RunContinuationsAsynchronously);
        first.ConnectionShutdownAsync += (_, reason) => Task.FromResult(closed.TrySetResult(reason.ReplyCode));
        await using var second = await gateways.Cluster.ConnectAsync(2);
        var own = (string)JsonNode.Parse(await _api.GetStringAsync(Relative("overview")))!["node"]!;

        try
        {
            Assert.Equal(HttpStatusCode.NoContent, await SetAsync(own, isRunning: false));

            // The client answers before it takes note of the end itself.
            Assert.Equal(320, await closed.Task.WaitAsync(Clients.Patience));
            Assert.True(second.IsOpen);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, await gateways.Cluster.ReadinessAsync("gateway-1"));
            Assert.Equal(HttpStatusCode.OK, await gateways.Cluster.ReadinessAsync("gateway-2"));

            // Only the node itself can be asked.
            Assert.Equal(HttpStatusCode.NotFound, await SetAsync("rabbit@elsewhere", isRunning: false));
        }
        finally
        {
            Assert.Equal(HttpStatusCode.NoContent, await SetAsync(own, isRunning: true));
        }

        await using var again = await gateways.Cluster.ConnectAsync(1);
        Assert.Equal(HttpStatusCode.OK, await gateways.Cluster.ReadinessAsync("gateway-1"));
    }

    private static Uri Relative(string path) => new(path, UriKind.Relative);

    private async Task<HttpStatusCode> SetAsync(string node, bool isRunning)
    {
        using var body = new StringContent($$"""{"running":{{(isRunning ? "true" : "false")}}}""", Encoding.UTF8, "application/json");
        using var answer = await _api.PutAsync(Relative($"nodes/{Uri.EscapeDataString(node)}/application"), body);
        return answer.StatusCode;
    }
}
