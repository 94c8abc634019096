using Granary.Testing.Brokers;

namespace Granary.Compat.Tests.Clients;

/// <summary>npm's amqp-connection-manager, which opens amqplib's connections anew when they are lost.</summary>
public sealed class AmqpConnectionManagerTests
{
    [Fact]
    public async Task ConnectionManager_BrokerKilledAndStarted_LosesNoMessage()
    {
        await using var node = new KilledNode();
        await node.StartAsync();
        await Script.RunWithRestartAsync(node, ["node"], "Node/reconnect.js", await NodeModules.FolderAsync());
    }
}
