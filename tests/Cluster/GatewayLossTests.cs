using System.Globalization;
using System.Text;
using RabbitMQ.Client;

namespace Granary.Cluster.Tests;

/// <summary>A gateway goes: what queues on silos have in memory stays.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class GatewayLossTests
{
    private const int Queues = 300, MessagesOfEach = 2;

    [Theory]
    [InlineData("KILL")]
    [InlineData("TERM")]
    [InlineData("STOP")]
    public async Task Gateway_Goes_LeavesTransientMessagesWhereTheyAre(string signal)
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 2);
        await using (var connection = await ConnectAsync(cluster.AmqpPort(1)))
        {
            await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
            for (var i = 0; i < Queues; i++)
            {
                await channel.QueueDeclareAsync(Name(i), durable: false, exclusive: false, autoDelete: false);
                for (var k = 0; k < MessagesOfEach; k++)
                {
                    await channel.BasicPublishAsync("", Name(i), mandatory: true, Encoding.ASCII.GetBytes($"{i}"));
                }
            }
        }

        await cluster.SignalAsync("gateway-1", signal);

        await using var other = await ConnectAsync(cluster.AmqpPort(2));
        await using var taker = await other.CreateChannelAsync();

        // Before the others have declared it dead, and after.
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < Queues; i++)
            {
                var described = await taker.QueueDeclarePassiveAsync(Name(i));
                Assert.Equal((uint)(MessagesOfEach - round), described.MessageCount);
                Assert.NotNull(await taker.BasicGetAsync(Name(i), autoAck: true));
            }

            await cluster.WhenDeclaredDeadAsync("gateway-1");
        }
    }

    private static string Name(int number) => string.Create(CultureInfo.InvariantCulture, $"kept.{number}");

    private static Task<IConnection> ConnectAsync(int port) =>
        new ConnectionFactory { HostName = "127.0.0.1", Port = port, AutomaticRecoveryEnabled = false, ContinuationTimeout = TimeSpan.FromSeconds(30) }.CreateConnectionAsync();
}
