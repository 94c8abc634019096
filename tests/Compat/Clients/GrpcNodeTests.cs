using Granary.Testing.Brokers;

namespace Granary.Compat.Tests.Clients;

/// <summary>npm's @grpc/grpc-js, with nothing but protos/granary.proto; amqplib on the other side where the two protocols meet.</summary>
[WatchedBroker]
public sealed class GrpcNodeTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    [Theory]
    [InlineData("grpc_publish")]
    [InlineData("grpc_consume")]
    [InlineData("grpc_rpc")]
    [InlineData("grpc_amqp")]
    public async Task GrpcJs_Script_Passes(string script) =>
        await Script.RunAsync(shared.Broker, "node", $"Node/{script}.js", nodePath: await NodeModules.FolderAsync());
}
