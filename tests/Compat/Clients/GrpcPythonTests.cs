using Granary.Testing.Brokers;
using Granary.Testing.Logs;

namespace Granary.Compat.Tests.Clients;

/// <summary>Debian's python3-grpcio, with nothing but protos/granary.proto; pika on the other side where the two protocols meet.</summary>
[WatchedBroker]
public sealed class GrpcPythonTests(SharedBroker shared, PythonStubs stubs) : IClassFixture<SharedBroker>, IClassFixture<PythonStubs>
{
    [Theory]
    [MayLog(1505)]
    [InlineData("grpc_publish")]
    [InlineData("grpc_consume")]
    [InlineData("grpc_lease")]
    [InlineData("grpc_rpc")]
    [InlineData("grpc_amqp")]
    [InlineData("grpc_documentation")]
    [InlineData("grpc_streams")]
    public Task GrpcPython_Script_Passes(string script) =>
        Script.RunAsync(shared.Broker, Script.Python, $"Python/{script}.py", pythonPath: stubs.Folder);
}
