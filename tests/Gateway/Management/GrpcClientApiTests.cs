using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Granary.Gateway.Tests.Grpc;
using Granary.Testing.Brokers;
using Granary.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.Gateway.Tests.Management;

/// <summary>Clients of gRPC, among those of AMQP.</summary>
[WatchedBroker]
public sealed class GrpcClientApiTests(ApiBroker broker) : IClassFixture<ApiBroker>
{
    [Fact]
    public async Task Connection_OfGrpc_IsListedWithItsStreamsAndConsumers()
    {
        using var channel = NewChannel();
        var queue = await broker.DeclareQueueAsync();
        using var consuming = await ConsumeAsync(channel, queue, "grpc-tag");
        await broker.PublishAsync(queue, "one");
        Assert.True(await consuming.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(GrpcBroker.Patience));

        var consumer = await broker.WaitForAsync("consumers/%2F", all => Of(all, queue) is not null);
        var details = Of(consumer, queue)!["channel_details"]!;
        Assert.Equal(("grpc-tag", 7), ((string)Of(consumer, queue)!["consumer_tag"]!, (int)Of(consumer, queue)!["prefetch_count"]!));
        var connection = await broker.GetAsync($"connections/{Uri.EscapeDataString((string)details["connection_name"]!)}");
        Assert.Equal(("guest", "/", "gRPC", "running", "PLAIN", 1), (
            (string)connection["user"]!, (string)connection["vhost"]!, (string)connection["protocol"]!, (string)connection["state"]!, (string)connection["auth_mechanism"]!,
            (int)connection["channels"]!));
        Assert.True((long)connection["recv_oct"]! > 0 && (long)connection["send_oct"]! > 0);
        Assert.True((long)connection["recv_cnt"]! > 0 && (long)connection["send_cnt"]! > 0);
        Assert.Equal(broker.Broker.GrpcPort, (int)connection["port"]!);
        Assert.StartsWith("grpc-dotnet", (string)connection["client_properties"]!["product"]!, StringComparison.Ordinal);

        var stream = await broker.GetAsync($"channels/{Uri.EscapeDataString((string)details["name"]!)}");
        Assert.Equal((1, 1, 1), ((int)stream["consumer_count"]!, (int)stream["messages_unacknowledged"]!, (int)stream["message_stats"]!["deliver"]!));
        Assert.Equal("grpc-tag", (string)stream["consumer_details"]![0]!["consumer_tag"]!);
        Assert.Equal("grpc-tag", (string)(await broker.GetAsync($"queues/%2F/{queue}"))["consumer_details"]![0]!["consumer_tag"]!);
    }

    [Fact]
    public async Task Connection_OfGrpc_ThatIsClosed_EndsItsStreamsWithTheReason()
    {
        using var channel = NewChannel();
        var queue = await broker.DeclareQueueAsync();
        using var consuming = await ConsumeAsync(channel, queue, "to-be-closed");
        var consumers = await broker.WaitForAsync("consumers/%2F", all => Of(all, queue) is not null);
        var name = (string)Of(consumers, queue)!["channel_details"]!["connection_name"]!;

        using var request = new HttpRequestMessage(HttpMethod.Delete, $"connections/{Uri.EscapeDataString(name)}") { Headers = { { "X-Reason", "enough" } } };
        using var closed = await broker.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.NoContent, closed.StatusCode);
        var error = await GrpcBroker.ExpectAsync(StatusCode.Unavailable, 320, () => consuming.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal("CONNECTION_FORCED - enough", error.Status.Detail);
        await broker.WaitForAsync("connections", all => all.AsArray().All(connection => (string)connection!["name"]! != name));

        // Over another connection the client may come again.
        await new Messaging.MessagingClient(channel).GetAsync(new GetRequest { Queue = queue, AutoAck = true, Limit = 1 }, GrpcBroker.With());
    }

    private static JsonNode? Of(JsonNode consumers, string queue) => consumers.AsArray().FirstOrDefault(item => (string)item!["queue"]!["name"]! == queue);

    private static async Task<AsyncDuplexStreamingCall<ConsumeRequest, ConsumeResponse>> ConsumeAsync(GrpcChannel channel, string queue, string tag)
    {
        var call = new Messaging.MessagingClient(channel).Consume(GrpcBroker.With());
        await call.RequestStream.WriteAsync(new ConsumeRequest { Subscribe = new Subscribe { Queue = queue, ConsumerTag = tag, Credit = 7 } });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(GrpcBroker.Patience));
        return call;
    }

    private GrpcChannel NewChannel() => GrpcChannel.ForAddress(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{broker.Broker.GrpcPort}"));
}
