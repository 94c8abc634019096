using Granary.Testing.Brokers;
using Granary.V1;
using Grpc.Net.Client;

namespace Granary.Gateway.Tests.Grpc;

/// <summary>gRPC in TLS.</summary>
public sealed class TlsTests
{
    [Fact]
    public async Task Call_InTls_IsAnsweredAndItsLoginHoldsForTheConnection()
    {
        await using var broker = await TlsBroker.StartAsync();
        using var channel = GrpcChannel.ForAddress($"https://{TlsBroker.Host}:{broker.GrpcPort}", new GrpcChannelOptions
        {
            HttpHandler = new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => broker.Believes(certificate) } },
            DisposeHttpClient = true,
        });
        var topology = new V1.Topology.TopologyClient(channel);
        var queue = (await topology.DeclareQueueAsync(new DeclareQueueRequest { Arguments = new FieldTable() }, GrpcBroker.With())).Queue;

        Assert.NotEmpty(queue);
        Assert.Equal(0ul, (await topology.DeclareQueueAsync(new DeclareQueueRequest { Queue = queue, Passive = true }, GrpcBroker.With())).MessageCount);
    }
}
