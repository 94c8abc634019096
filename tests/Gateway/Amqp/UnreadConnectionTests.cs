using Granary.Gateway.Amqp;
using Granary.Testing.Wire;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>A client that goes on sending and stops reading, on a socket.</summary>
public sealed class UnreadConnectionTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Client_ThatReadsNothing_IsResetAndOthersAreServed(bool isDirect)
    {
        await using var gateway = await ListeningGateway.StartAsync(isDirect, new AmqpOptions { SendTimeout = TimeSpan.FromSeconds(1) });
        await using var reader = await WireConnection.OpenAsync(gateway.Port);
        await using var client = await WireConnection.OpenAsync(gateway.Port);

        // Every message comes back, until neither side takes anything any more.
        var sending = SendUntilResetAsync(client);

        await sending.WaitAsync(Limit);
        await reader.CallAsync(1, WireMethods.BasicQos(0, 1), 60, 11);
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
