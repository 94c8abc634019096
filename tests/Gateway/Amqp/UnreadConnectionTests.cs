using Granary.Amqp;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Ends;
using Granary.Testing.Unkind;
using Granary.Testing.Wire;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>A client that goes on sending and stops reading, on a socket.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class UnreadConnectionTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Client_ThatReadsNothing_IsResetAndOthersAreServed(bool isDirect)
    {
        await using var gateway = await ListeningGateway.StartAsync(isDirect, new AmqpOptions { SendTimeout = TimeSpan.FromSeconds(1) });
        gateway.Watched.Expect(1209);
        await using var reader = await WireConnection.OpenAsync(gateway.Port);
        await using var client = await WireConnection.OpenAsync(gateway.Port);

        // Every message comes back, until neither side takes anything any more.
        var sending = SendUntilResetAsync(client);

        await sending.WaitAsync(Limit);
        await reader.CallAsync(1, WireMethods.BasicQos(0, 1), 60, 11);
    }

    [Fact]
    public async Task Client_ThatDoesNotReadItsReplies_IsCutOff()
    {
        const ushort HasReplyTo = 1 << 9;
        await using var gateway = await ListeningGateway.StartAsync(isDirect: true, new AmqpOptions { SendTimeout = TimeSpan.Zero });

        // Its queue never answers, not even when the node stops.
        gateway.Watched.Expect(1208, 1215);
        await using var requester = await WireConnection.OpenAsync(gateway.Port);
        await requester.CallAsync(1, WireMethods.BasicConsume("amq.rabbitmq.reply-to", "r", noAck: true), 60, 21);
        await requester.PublishAsync(
            1, WireMethods.BasicPublish("", "q"), [1], HasReplyTo, new WireWriter().ShortString("amq.rabbitmq.reply-to").ToArray());
        await ConnectionUnderTest.WaitUntilAsync(() => gateway.Queue.Sent.Count > 0, "the request has come");
        var address = AddressIn(gateway.Queue.Sent[0].Up.Items.OfType<PublishItem>().Single());

        await using var replier = await WireConnection.OpenAsync(gateway.Port);
        var body = new byte[100_000];
        for (var sent = 0; gateway.Server.Ends[ConnectionEnd.RepliesUnread] == 0; sent++)
        {
            Assert.InRange(sent, 0, 2000);
            await replier.PublishAsync(1, WireMethods.BasicPublish("", address), body);
        }

        await replier.CallAsync(1, WireMethods.BasicQos(0, 1), 60, 11);
    }

    private static string AddressIn(PublishItem published)
    {
        var properties = BasicPropertiesView.Read(new MessageRecord(published.Batch.Records.Span).Properties);
        Assert.True(properties.TryGetReplyTo(out var address));
        return System.Text.Encoding.UTF8.GetString(address);
    }

    private static async Task SendUntilResetAsync(WireConnection client)
    {
        var body = new byte[100_000];
        try
        {
            while (true)
            {
                await client.PublishAsync(1, WireMethods.BasicPublish("", "", mandatory: true), body);
            }
        }
        catch (IOException)
        {
            // The reset.
        }
    }
}
