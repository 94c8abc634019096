namespace Granary.Compat.Tests.Clients;

/// <summary>php-amqplib (Debian's): confirms, acks, returns and requeues.</summary>
public sealed class PhpAmqplibTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    [Theory]
    [InlineData("confirms")]
    [InlineData("consume_with_acks")]
    [InlineData("mandatory_return")]
    [InlineData("nack_with_requeue")]
    public Task PhpAmqplib_Script_Passes(string script) => Script.RunAsync(shared.Broker, "php", $"Php/{script}.php");
}
