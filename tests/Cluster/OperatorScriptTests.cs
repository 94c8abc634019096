using System.Globalization;
using Granary.Testing.Processes;
using RabbitMQ.Client;

namespace Granary.Cluster.Tests;

/// <summary>What scripts made for a cluster of RabbitMQ's do to one of three members: users and vhosts, mirroring, a member that leaves and joins, one that is forgotten.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class OperatorScriptTests
{
    private const int Stopped = 1410, Messages = 10;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(150);

    [Fact]
    public async Task Script_OfAnOperator_FindsWhatItLooksForAndKeepsTheMessages()
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 1, gateways: 2);
        cluster.Allow(Stopped, "stop_app");
        await RunAsync("access");
        // As clients declare them that were made before policies for mirrors: again with the same arguments, too.
        await DeclareAsync(isFirst: true);
        await RunAsync("queues");
        await DeclareAsync(isFirst: false);
        var two = (await RunAsync("member")).Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        await cluster.SignalAsync("gateway-2", "TERM");
        await cluster.WhenEndedAsync("gateway-2");
        await RunAsync("forgotten", two);
        await RunAsync("end");

        Task<string> RunAsync(params string[] part) => ChildProcess.RunAsync(RepositoryPath.Of("tests", "Cluster", "operator.sh"), part, Limit, new Dictionary<string, string>
        {
            ["URL1"] = Url("gateway-1"),
            ["URL2"] = Url("gateway-2"),
        });

        string Url(string member) => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{cluster.HttpPort(member)}");

        async Task DeclareAsync(bool isFirst)
        {
            var factory = cluster.ClientOf(2);
            factory.VirtualHost = "shop";
            await using var connection = await factory.CreateConnectionAsync();
            await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
            foreach (var (queue, arguments) in new[]
            {
                ("ha.one", new Dictionary<string, object?> { ["x-ha-policy"] = "all" }),
                ("two.one", new Dictionary<string, object?> { ["x-ha-policy"] = "nodes", ["x-ha-policy-params"] = new List<object> { "rabbit@a", "rabbit@b" } }),
                ("plain", null),
            })
            {
                await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, arguments);
                for (var sent = 0; isFirst && sent < Messages; sent++)
                {
                    await channel.BasicPublishAsync("", queue, mandatory: true, new BasicProperties { DeliveryMode = DeliveryModes.Persistent }, new byte[3]);
                }
            }
        }
    }
}
