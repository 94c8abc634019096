using Granary.Amqp.Methods;
using Granary.Core.Routing;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp.Publishing;

/// <summary>Remembered paths and the lease of the snapshot that they lead over.</summary>
public sealed class RoutingLeaseTests
{
    [Fact]
    public async Task Publish_AfterTheProcessWasStoppedForLongerThanTheLease_IsRoutedAnew()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        client.Exchange("x").Bind("before");
        await PublishAsync(client);
        await AmqpConnectionTests.WaitForPacketAsync(client, "before");
        await PublishAsync(client);
        await client.SendAsync(1, new BasicQos(0, 1, Global: false));
        await client.ExpectAsync(1, new BasicQosOk());
        Assert.Equal(1, client.Exchange("x").Watches);

        // Whoever bound meanwhile has waited for this holder no longer than its lease.
        client.Exchange("x").Bind("after");
        client.Clock.Skip(SnapshotLease.HolderLimit);
        await PublishAsync(client);

        await AmqpConnectionTests.WaitForPacketAsync(client, "after");
        Assert.Equal(2, client.Exchange("x").Watches);
    }

    private static Task PublishAsync(ConnectionUnderTest client) => client.SendAsync(Frames.Publish(1, "k", [1], exchange: "x"));
}
