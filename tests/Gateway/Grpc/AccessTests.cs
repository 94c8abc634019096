using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.V1;
using Grpc.Core;
using static Granary.Gateway.Tests.Grpc.GrpcBroker;

namespace Granary.Gateway.Tests.Grpc;

[WatchedBroker]
[MayLog(1505)]
public sealed class AccessTests(GrpcBroker broker) : IClassFixture<GrpcBroker>
{
    public static TheoryData<string?> BadCredentials => new("Basic Z3Vlc3Q6d3Jvbmc=", "Basic bm9ib2R5Omd1ZXN0", "Basic ***", "Basic Z3Vlc3Q=", "Bearer x", null);

    [Theory]
    [MemberData(nameof(BadCredentials))]
    public async Task EveryRpc_WithoutValidCredentials_IsUnauthenticated(string? header)
    {
        var metadata = new Metadata();
        if (header is not null)
        {
            metadata.Add("authorization", header);
        }

        var options = new CallOptions(metadata, DateTime.UtcNow + Patience);
        Func<Task>[] calls =
        [
            () => broker.Topology.DeclareQueueAsync(new DeclareQueueRequest(), options).ResponseAsync,
            () => broker.Messaging.PublishAsync(new PublishRequest(), options).ResponseAsync,
            () => broker.Messaging.GetAsync(new GetRequest(), options).ResponseAsync,
            () => broker.Rpc.CallAsync(new CallRequest(), options).ResponseAsync,
            () => broker.Messaging.Consume(options).ResponseStream.MoveNext(CancellationToken.None),
            () => broker.Messaging.PublishStream(options).ResponseStream.MoveNext(CancellationToken.None),
            () => broker.Rpc.Serve(options).ResponseStream.MoveNext(CancellationToken.None),
        ];
        foreach (var call in calls)
        {
            await ExpectAsync(StatusCode.Unauthenticated, 403, call);
        }
    }

    [Fact]
    public async Task Vhost_DefaultByName_IsServed()
    {
        var metadata = Credentials;
        metadata.Add("granary-vhost", "/");
        await broker.Topology.DeclareExchangeAsync(new DeclareExchangeRequest { Exchange = "amq.direct", Passive = true }, metadata);
    }

    [Fact]
    public async Task Vhost_Missing_IsNotFound()
    {
        var metadata = Credentials;
        metadata.Add("granary-vhost", "elsewhere");
        var error = await ExpectAsync(
            StatusCode.NotFound, 530, () => broker.Topology.DeclareQueueAsync(new DeclareQueueRequest(), metadata).ResponseAsync);
        Assert.Equal("NOT_ALLOWED - vhost elsewhere not found", error.Status.Detail);
    }
}
