using Granary.Testing.Brokers;

namespace Granary.Compat.Tests.Clients;

/// <summary>RabbitMQ's Java client (Debian's librabbitmq-client-java), its programs run from their sources.</summary>
public sealed class JavaClientTests(SharedBroker shared) : IClassFixture<SharedBroker>
{
    private static readonly string[] Java = ["java", "-cp", "/usr/share/java/amqp-client.jar:/usr/share/java/slf4j-api.jar:/usr/share/java/slf4j-nop.jar"];

    [Fact]
    public Task JavaClient_ConfirmsReturnsAcksAndRpc_Pass() => Script.RunAsync(shared.Broker, Java, "Java/Messaging.java");

    [Fact]
    public Task JavaClient_ChannelLimitsThatChange_Hold() => Script.RunAsync(shared.Broker, Java, "Java/Limits.java");

    [Fact]
    public async Task JavaClient_BrokerKilledAndStarted_RecoversWithItsTopology()
    {
        await using var node = new KilledNode();
        await node.StartAsync();
        await Script.RunWithRestartAsync(node, Java, "Java/Recovery.java");
    }
}
