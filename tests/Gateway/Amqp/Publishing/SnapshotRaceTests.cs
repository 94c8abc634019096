using Granary.Amqp.Methods;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp.Publishing;

/// <summary>Publishes of several connections to an exchange of which none has a snapshot yet.</summary>
public sealed class SnapshotRaceTests
{
    [Fact]
    public async Task Publish_AnotherConnectionGetsTheSnapshotMeanwhile_IsRoutedThoughTheClientSendsNothingMore()
    {
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        client.Exchange("x").Bind("q");
        var wasBetween = false;
        client.Clock.AtRead = () =>
        {
            // Between the look for the snapshot and the request for it, both under the gate.
            if (!wasBetween && client.Connection.Links.Gate.IsHeldByCurrentThread)
            {
                wasBetween = true;
                client.Router.RouteAsync("/", "x"u8.ToArray(), "k"u8.ToArray(), default, CancellationToken.None).AsTask().Wait();
            }
        };

        await client.SendAsync([.. Frames.Publish(1, "k", [1], exchange: "x"), .. Frames.Method(2, new ChannelOpen())]);

        await client.ExpectAsync(2, new ChannelOpenOk());
        await AmqpConnectionTests.WaitForPacketAsync(client, "q");
        Assert.True(wasBetween);
        Assert.Equal(1, client.Exchange("x").Watches);
    }
}
