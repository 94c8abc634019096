using System.Diagnostics;
using System.Text;
using RabbitMQ.Client;

namespace Granary.Cluster.Tests;

/// <summary>All members are lost at once, and come again elsewhere: the list has nobody who could tell them so.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class StaleMembershipTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    [Fact]
    public async Task Members_AllKilledAndStartedOnOtherPorts_ServeWithinTenSeconds()
    {
        await using var lost = await LocalCluster.StartAsync(silos: 2, gateways: 1);
        await PublishAsync(lost.AmqpPort(1));
        foreach (var member in new[] { "silo-1", "silo-2", "gateway-1" })
        {
            await lost.SignalAsync(member, "KILL");
        }

        var began = Stopwatch.GetTimestamp();
        await using var one = JoiningNode.Start("silo", lost.Connection);
        await using var two = JoiningNode.Start("silo", lost.Connection);
        await using var gateway = JoiningNode.Start("gateway", lost.Connection);
        await Task.WhenAll(one.WhenReadyAsync(), two.WhenReadyAsync(), gateway.WhenReadyAsync());
        var ready = Stopwatch.GetElapsedTime(began);
        await using (var connection = await ConnectAsync(gateway.Amqp))
        {
            await using var channel = await connection.CreateChannelAsync();
            for (var i = 0; i < 20; i++)
            {
                Assert.Equal($"{i}", Encoding.ASCII.GetString((await channel.BasicGetAsync($"kept.{i}", autoAck: true))!.Body.Span));
            }
        }

        var took = Stopwatch.GetElapsedTime(began);
        output.WriteLine($"ready after {ready.TotalSeconds:F1} s, all served after {took.TotalSeconds:F1} s");
        Assert.InRange(took, TimeSpan.Zero, Limit);
    }

    private static async Task PublishAsync(int port)
    {
        await using var connection = await ConnectAsync(port);
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        for (var i = 0; i < 20; i++)
        {
            await channel.QueueDeclareAsync($"kept.{i}", durable: true, exclusive: false, autoDelete: false);
            await channel.BasicPublishAsync("", $"kept.{i}", mandatory: true, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes($"{i}"));
        }
    }

    private static Task<IConnection> ConnectAsync(int port) => new ConnectionFactory { HostName = "127.0.0.1", Port = port, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
}
