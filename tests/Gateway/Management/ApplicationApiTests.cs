using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Granary.Gateway.Tests.Grpc;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;
using Granary.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.Gateway.Tests.Management;

/// <summary>What <c>rabbitmqctl stop_app</c> and <c>start_app</c> do over HTTP.</summary>
public sealed class ApplicationApiTests
{
    private const string Shutdown = "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'";

    [Fact]
    public async Task Application_ThatIsStopped_ClosesClientsOfBothProtocolsAndThoseThatWereConnecting()
    {
        await using var broker = await BrokerProcess.StartAsync();
        broker.Watched.Expect(1410);
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{broker.HttpPort}/api/") };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("guest:guest"u8));
        var node = $"nodes/{Uri.EscapeDataString(await NodeAsync(http))}/application";
        await using var open = await WireConnection.OpenAsync(broker.AmqpPort);
        await open.CallAsync(1, WireMethods.QueueDeclare("q"), 50, 11);
        await using var connecting = await WireConnection.ConnectAsync(broker.AmqpPort);
        await connecting.SendAsync(WireConnection.ProtocolHeader);
        await connecting.ExpectAsync(10, 10);
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{broker.GrpcPort}");
        using var consuming = new Messaging.MessagingClient(channel).Consume(GrpcBroker.With());
        await consuming.RequestStream.WriteAsync(new ConsumeRequest { Subscribe = new Subscribe { Queue = "q", Credit = 1 } });
        Assert.True(await consuming.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(GrpcBroker.Patience));

        var stopping = SetAsync(http, node, isRunning: false);

        var close = await open.ExpectCloseAsync();
        Assert.Equal((320, Shutdown), ((int)close.Code, close.Text));
        var error = await GrpcBroker.ExpectAsync(StatusCode.Unavailable, 320, () => consuming.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(Shutdown, error.Status.Detail);
        Assert.Equal(HttpStatusCode.NoContent, await stopping);
        Assert.Equal("""{"running":false}""", await http.GetStringAsync(new Uri(node, UriKind.Relative)));
        await connecting.LogInAsync();
        Assert.Equal((320, Shutdown), await connecting.ExpectCloseAsync() is var late ? ((int)late.Code, late.Text) : default);
        foreach (var port in new[] { broker.AmqpPort, broker.GrpcPort })
        {
            using var refused = new TcpClient();
            await Assert.ThrowsAsync<SocketException>(() => refused.ConnectAsync("127.0.0.1", port));
        }

        using var ready = await http.GetAsync(new Uri("/health/ready", UriKind.Relative));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);

        // Listeners that are resumed serve nobody: that is what start_app is for.
        using var accepting = ApiBroker.Json("""{"accepting":true}""");
        using var resumed = await http.PutAsync(new Uri(node.Replace("/application", "/client-listeners", StringComparison.Ordinal), UriKind.Relative), accepting);
        Assert.Equal(HttpStatusCode.Conflict, resumed.StatusCode);
        Assert.Equal("""{"running":false}""", await http.GetStringAsync(new Uri(node, UriKind.Relative)));

        Assert.Equal(HttpStatusCode.NoContent, await SetAsync(http, node, isRunning: true));

        Assert.Equal("""{"running":true}""", await http.GetStringAsync(new Uri(node, UriKind.Relative)));
        await using var again = await WireConnection.OpenAsync(broker.AmqpPort);
        await new Messaging.MessagingClient(channel).GetAsync(new GetRequest { Queue = "q", AutoAck = true, Limit = 1 }, GrpcBroker.With());
    }

    private static async Task<string> NodeAsync(HttpClient http) =>
        (string)System.Text.Json.Nodes.JsonNode.Parse(await http.GetStringAsync(new Uri("overview", UriKind.Relative)))!["node"]!;

    private static async Task<HttpStatusCode> SetAsync(HttpClient http, string node, bool isRunning)
    {
        using var body = new StringContent($$"""{"running":{{(isRunning ? "true" : "false")}}}""", Encoding.UTF8, "application/json");
        using var answer = await http.PutAsync(new Uri(node, UriKind.Relative), body);
        return answer.StatusCode;
    }
}
