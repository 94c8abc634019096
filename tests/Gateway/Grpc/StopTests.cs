using System.Diagnostics;
using System.Globalization;
using Granary.Testing.Brokers;
using Granary.V1;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Grpc.Reflection.V1;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace Granary.Gateway.Tests.Grpc;

/// <summary>What open calls are told when the broker stops, and that none of them holds it up.</summary>
public sealed class StopTests
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task Stop_OpenStreams_EndAndTheProcessEnds()
    {
        await using var broker = await BrokerProcess.StartAsync();
        using var channel = GrpcChannel.ForAddress(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{broker.GrpcPort}"));
        var messaging = new Messaging.MessagingClient(channel);
        using var watch = new Health.HealthClient(channel).Watch(new HealthCheckRequest { Service = "granary.v1.Messaging" });
        Assert.Equal(ServingStatus.Serving, (await NextAsync(watch.ResponseStream)).Status);
        using var reflection = new ServerReflection.ServerReflectionClient(channel).ServerReflectionInfo();
        await reflection.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" });
        await NextAsync(reflection.ResponseStream);
        var queue = (await new V1.Topology.TopologyClient(channel).DeclareQueueAsync(new DeclareQueueRequest(), GrpcBroker.With())).Queue;
        using var consumer = messaging.Consume(GrpcBroker.With());
        await consumer.RequestStream.WriteAsync(new ConsumeRequest { Subscribe = new Subscribe { Queue = queue } });
        await NextAsync(consumer.ResponseStream);
        using var publisher = messaging.PublishStream(GrpcBroker.With());
        await publisher.RequestStream.WriteAsync(new PublishStreamRequest { Messages = { GrpcBroker.MessageOf(queue, "kept") } });
        await NextAsync(publisher.ResponseStream);
        Assert.Single((await NextAsync(consumer.ResponseStream)).Deliveries);

        using var process = Process.GetProcessById(broker.ProcessId!.Value);
        using (Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]))
        {
            await UntilNotServingAsync(watch.ResponseStream);
            Assert.False(await watch.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(GrpcBroker.Patience));

            // The socket closes behind their last words; HttpClient loses those when it sees that first.
            await Assert.ThrowsAsync<RpcException>(() => NextAsync(reflection.ResponseStream));
            await Assert.ThrowsAsync<RpcException>(() => NextAsync(consumer.ResponseStream));
            await Assert.ThrowsAsync<RpcException>(() => NextAsync(publisher.ResponseStream));
        }

        await process.WaitForExitAsync().WaitAsync(StopLimit);
    }

    // What is served may be said again before: the checks are run every few seconds.
    private static async Task UntilNotServingAsync(IAsyncStreamReader<HealthCheckResponse> watch)
    {
        while ((await NextAsync(watch)).Status is var status && status != ServingStatus.NotServing)
        {
            Assert.Equal(ServingStatus.Serving, status);
        }
    }

    private static async Task<T> NextAsync<T>(IAsyncStreamReader<T> responses)
    {
        Assert.True(await responses.MoveNext(CancellationToken.None).WaitAsync(GrpcBroker.Patience));
        return responses.Current;
    }
}
