using System.Diagnostics;
using System.Text;
using Granary.Testing.Postgres;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.Cluster.Tests;

/// <summary>All members are lost at once, and come again elsewhere: the list has nobody who could tell them so.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class StaleMembershipTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private const string Transient = "of the first run";

    // Of ten seconds in which such a cluster is to serve again: what is left when its processes have started, which takes what it takes on a machine that others use, too.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(7);

    [Fact]
    public async Task Members_AllKilledAndStartedOnOtherPorts_ServeWithinSeconds()
    {
        await using var server = await PostgresServer.StartAsync();
        var first = await StartAsync(server);
        await PublishAsync(first.Gateway.Amqp);
        foreach (var member in first.Members)
        {
            member.Kill();
        }

        var again = await StartAsync(server);
        await using (var connection = await ConnectAsync(again.Gateway.Amqp))
        {
            await using var channel = await connection.CreateChannelAsync();
            for (var i = 0; i < 20; i++)
            {
                Assert.Equal($"{i}", Encoding.ASCII.GetString((await channel.BasicGetAsync($"kept.{i}", autoAck: true))!.Body.Span));
            }

            await AssertRunIsOverAsync(connection);
        }

        output.WriteLine($"ready after {first.Took.TotalSeconds:F1} s, and with a list of lost members after {again.Took.TotalSeconds:F1} s");
        Assert.InRange(again.Took - first.Took, TimeSpan.MinValue, LongestWait);
        foreach (var member in (JoiningNode[])[.. first.Members, .. again.Members])
        {
            await member.DisposeAsync();
        }
    }

    /// <summary>Two silos and a gateway at once.</summary>
    private static async Task<(JoiningNode[] Members, JoiningNode Gateway, TimeSpan Took)> StartAsync(PostgresServer server)
    {
        var began = Stopwatch.GetTimestamp();
        JoiningNode[] members = [.. new[] { "silo", "silo", "gateway" }.Select(role => JoiningNode.Start(role, server.ConnectionString))];
        await Task.WhenAll(members.Select(member => member.WhenReadyAsync()));
        return (members, members[^1], Stopwatch.GetElapsedTime(began));
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

        await channel.ExchangeDeclareAsync(Transient, ExchangeType.Direct, durable: false, autoDelete: false);
        await channel.QueueDeclareAsync(Transient, durable: false, exclusive: false, autoDelete: false);
        await channel.QueueBindAsync(Transient, "amq.direct", Transient);
        await channel.QueueBindAsync(Transient, Transient, Transient);
    }

    /// <summary>What was not durable, and nobody's own, went with the first members; so did its bindings.</summary>
    private static async Task AssertRunIsOverAsync(IConnection connection)
    {
        Func<IChannel, Task>[] asks =
        [
            channel => channel.QueueDeclarePassiveAsync(Transient),
            channel => channel.ExchangeDeclarePassiveAsync(Transient),
        ];
        foreach (var ask in asks)
        {
            await using var channel = await connection.CreateChannelAsync();
            var refused = await Assert.ThrowsAsync<OperationInterruptedException>(() => ask(channel));
            Assert.Equal((ushort?)404, refused.ShutdownReason?.ReplyCode);
        }

        await using var publisher = await connection.ConfirmedChannelAsync();
        await Assert.ThrowsAsync<PublishReturnException>(async () => await publisher.BasicPublishAsync("amq.direct", Transient, mandatory: true, ReadOnlyMemory<byte>.Empty));
    }

    private static Task<IConnection> ConnectAsync(int port) => new ConnectionFactory { HostName = "127.0.0.1", Port = port, AutomaticRecoveryEnabled = false }.CreateConnectionAsync();
}
