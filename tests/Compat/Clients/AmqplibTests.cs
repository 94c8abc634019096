using Granary.Testing.Brokers;

namespace Granary.Compat.Tests.Clients;

/// <summary>npm's amqplib: confirms, acks, returns and requeues.</summary>
[WatchedBroker]
public sealed class AmqplibTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    [Theory]
    [InlineData("confirms")]
    [InlineData("consume_with_acks")]
    [InlineData("mandatory_return")]
    [InlineData("nack_with_requeue")]
    public async Task Amqplib_Script_Passes(string script) =>
        await Script.RunAsync(shared.Broker, "node", $"Node/{script}.js", nodePath: await NodeModules.FolderAsync());
}
