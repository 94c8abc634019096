using Granary.Testing.Brokers;

namespace Granary.Compat.Tests.Clients;

/// <summary>Bunny (Debian's ruby-bunny): confirms, acks, returns and requeues.</summary>
[WatchedBroker]
public sealed class BunnyTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    [Theory]
    [InlineData("confirms")]
    [InlineData("consume_with_acks")]
    [InlineData("mandatory_return")]
    [InlineData("nack_with_requeue")]
    public Task Bunny_Script_Passes(string script) => Script.RunAsync(shared.Broker, "ruby", $"Ruby/{script}.rb");
}
