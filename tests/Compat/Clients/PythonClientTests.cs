namespace Granary.Compat.Tests.Clients;

/// <summary>What Python's other users of AMQP see: kombu over py-amqp, and aio-pika (Debian's).</summary>
public sealed class PythonClientTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    [Theory]
    [InlineData("kombu_messaging")]
    [InlineData("aio_pika_messaging")]
    public Task PythonClient_Script_Passes(string script) => Script.RunAsync(shared.Broker, Script.Python, $"Python/{script}.py");
}
