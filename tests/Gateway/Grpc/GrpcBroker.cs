using System.Globalization;
using System.Text;
using Granary.Testing.Brokers;
using Granary.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace Granary.Gateway.Tests.Grpc;

/// <summary>The broker of this run, and its gRPC services as the user guest sees them.</summary>
public sealed class GrpcBroker : BrokerFixture, IAsyncLifetime
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private GrpcChannel? _channel;

    public static Metadata Credentials => CredentialsOf("guest:guest");

    public GrpcChannel Channel => _channel!;

    public V1.Topology.TopologyClient Topology => new(Channel);

    public Messaging.MessagingClient Messaging => new(Channel);

    public Rpc.RpcClient Rpc => new(Channel);

    async Task IAsyncLifetime.InitializeAsync()
    {
        await InitializeAsync();
        var address = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Broker.GrpcPort}");
        _channel = GrpcChannel.ForAddress(address, new GrpcChannelOptions { MaxReceiveMessageSize = 64 * 1024 * 1024 });
    }

    async Task IAsyncLifetime.DisposeAsync()
    {
        _channel?.Dispose();
        await DisposeAsync();
    }

    public static Metadata CredentialsOf(string userAndPassword) =>
        new() { { "authorization", $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes(userAndPassword))}" } };

    public static CallOptions With(TimeSpan? timeout = null) => new(Credentials, DateTime.UtcNow + (timeout ?? Patience));

    public static Message MessageOf(string key, string body, string exchange = "") =>
        new() { Exchange = exchange, RoutingKey = key, Body = Google.Protobuf.ByteString.CopyFromUtf8(body) };

    /// <summary>Waits for the status and, unless null, the AMQP reply code in the trailers.</summary>
    public static async Task<RpcException> ExpectAsync(StatusCode status, int? replyCode, Func<Task> call)
    {
        var error = await Assert.ThrowsAsync<RpcException>(() => call().WaitAsync(Patience));
        Assert.Equal((status, replyCode?.ToString(CultureInfo.InvariantCulture)), (error.StatusCode, error.Trailers.GetValue("granary-reply-code")));
        return error;
    }

    /// <summary>Declares a queue with a name of its own.</summary>
    public async Task<string> DeclareQueueAsync(params (string Name, FieldValue Value)[] arguments)
    {
        var request = new DeclareQueueRequest { Arguments = new FieldTable() };
        request.Arguments.Entries.AddRange(arguments.Select(argument => new FieldEntry { Name = argument.Name, Value = argument.Value }));
        return (await Topology.DeclareQueueAsync(request, With())).Queue;
    }

    public async Task PublishAsync(string queue, params string[] bodies)
    {
        foreach (var body in bodies)
        {
            var response = await Messaging.PublishAsync(new PublishRequest { Message = MessageOf(queue, body) }, With());
            Assert.True(response.Routed);
        }
    }

    public async Task<ulong> CountReadyAsync(string queue) =>
        (await Topology.DeclareQueueAsync(new DeclareQueueRequest { Queue = queue, Passive = true }, With())).MessageCount;

    public async Task<Delivery[]> GetAsync(string queue, uint limit = 100) =>
        [.. (await Messaging.GetAsync(new GetRequest { Queue = queue, AutoAck = true, Limit = limit }, With())).Deliveries];

    /// <summary>Waits until a queue has so many ready messages.</summary>
    public async Task WaitForReadyAsync(string queue, ulong count)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (await CountReadyAsync(queue) != count)
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
