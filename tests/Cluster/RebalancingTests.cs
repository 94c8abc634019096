using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Granary.V1;
using Grpc.Core;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Xunit.Abstractions;

namespace Granary.Cluster.Tests;

/// <summary>Queues move between silos: when one joins, and when somebody asks for it.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class RebalancingTests(TwoSilos silos, ITestOutputHelper output) : IClassFixture<TwoSilos>
{
    internal const int Moving = 3601;
    private const int EvenedOut = 3603;
    private const int Queues = 60;
    private const string Transient = "moved.transient";
    private const int TransientMessages = 20;
    private const int OwnQueues = 12;

    /// <summary>By chance fewer of 60 queues belong to the third of three silos in one of a million cases.</summary>
    private const int LeastShare = 4;

    /// <summary>It is less than a second where nobody else works.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    [Fact]
    public async Task Silo_Joins_QueuesMoveToItWithTheirTransientMessagesAndConsumers()
    {
        var cluster = silos.Cluster;
        await using var connection = await cluster.ConnectAsync(1);
        await using var publisher = await connection.ConfirmedChannelAsync();
        await using var consumed = await connection.CreateChannelAsync();
        var received = new ConcurrentQueue<string>();
        var consumer = new AsyncEventingBasicConsumer(consumed);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            received.Enqueue($"{delivery.RoutingKey}{(delivery.Redelivered ? " again" : "")}");
            return Task.CompletedTask;
        };
        for (var i = 0; i < Queues; i++)
        {
            await publisher.QueueDeclareAsync(Name(i), durable: i % 2 == 0, exclusive: false, autoDelete: false);
            await PublishAsync(publisher, i);
            if (i % 4 == 0)
            {
                await consumed.BasicConsumeAsync(Name(i), autoAck: false, consumer);
            }
        }

        var once = Enumerable.Range(0, Queues / 4).Select(i => Name(i * 4)).Order(StringComparer.Ordinal).ToArray();
        await WhenReceivedAsync(once);

        // Members of other tests may have joined before.
        var moved = new[] { "silo-1", "silo-2" }.ToDictionary(static silo => silo, silo => cluster.LogOf(silo).Count(static line => line.Event == Moving));
        await using var joined = JoiningNode.Start("silo", cluster.Connection, logsDebug: true);
        await joined.WhenReadyAsync();
        foreach (var (silo, before) in moved)
        {
            await cluster.WhenLoggedAsync(silo, Moving, times: before + 1);
        }

        // A queue that nobody asks for waits in the store until somebody does.
        for (var began = Stopwatch.GetTimestamp(); TakenOver(joined) < LeastShare; await Task.Delay(Pause))
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < Patience, $"{TakenOver(joined)} queues have moved:\n{joined.Output}");
            for (var i = 0; i < Queues; i++)
            {
                Assert.Equal(i % 4 == 0 ? 0u : 1u, (await publisher.QueueDeclarePassiveAsync(Name(i))).MessageCount);
            }
        }

        // What is on its way to a consumer when its queue moves comes with "redelivered", as nobody knows whether it was seen.
        using var grpc = cluster.Grpc(1);
        var topology = new V1.Topology.TopologyClient(grpc);
        await Clients.UntilAsync(async () => (await topology.RebalanceQueuesAsync(new RebalanceQueuesRequest(), Clients.CallOptions)).QueuesMoved == 0);

        for (var i = 0; i < Queues; i++)
        {
            await PublishAsync(publisher, i);
        }

        await WhenReceivedAsync([.. once.Concat(once).Order(StringComparer.Ordinal)]);
        Assert.True(connection.IsOpen);
        for (var i = 0; i < Queues; i++)
        {
            await publisher.QueueDeleteAsync(Name(i));
        }

        await joined.EndAsync();

        async Task WhenReceivedAsync(string[] expected)
        {
            var began = Stopwatch.GetTimestamp();
            while (received.Count < expected.Length && Stopwatch.GetElapsedTime(began) < Patience)
            {
                await Task.Delay(Pause);
            }

            Assert.Equal(expected, received.Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task Queues_MovedUnderLoadAndEvenedOut_LoseNothingAndKeepTheirOrder()
    {
        var cluster = silos.Cluster;
        await using var load = await ClusterLoad.StartAsync(cluster.AmqpPort(1), cluster.AmqpPort(1), queues: 20);
        await using var connection = await cluster.ConnectAsync(1);
        await using var channel = await connection.ConfirmedChannelAsync();
        var held = await FillTransientAsync(channel);
        using var grpc = cluster.Grpc(1);
        var topology = new V1.Topology.TopologyClient(grpc);

        var publishing = load.PublishForAsync(TimeSpan.FromSeconds(3));
        foreach (var queue in load.Queues.Append(Transient))
        {
            var moved = await topology.MoveQueueAsync(new MoveQueueRequest { Queue = queue, Node = cluster.NodeName("silo-1") }, Clients.CallOptions);
            Assert.Equal(cluster.NodeName("silo-1"), moved.Node);
        }

        // Another test of this cluster may have had queues evened out before.
        var before = cluster.LogOf("gateway-1").Count();
        using var http = ApiOf(cluster);
        using var answer = await http.PostAsync(new Uri("rebalance/queues", UriKind.Relative), content: null);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        await Clients.UntilAsync(() => cluster.LogOf("gateway-1").Skip(before).Any(static line => line.Event == EvenedOut));
        await publishing;

        // Half of the 21 queues have left; after that nobody has too many.
        var told = cluster.LogOf("gateway-1").Skip(before).First(static line => line.Event == EvenedOut).Text;
        Assert.True(int.Parse(told.Split("for: ")[1].Split(' ')[0], CultureInfo.InvariantCulture) >= 9, told);
        await Clients.UntilAsync(async () => (await topology.RebalanceQueuesAsync(new RebalanceQueuesRequest(), Clients.CallOptions)).QueuesMoved == 0);
        await load.CheckAsync();
        output.WriteLine($"the longest confirm took {load.LongestConfirm.TotalMilliseconds:F0} ms");
        Assert.InRange(load.LongestConfirm, TimeSpan.Zero, LongestWait);

        await topology.MoveQueueAsync(new MoveQueueRequest { Queue = Transient, Node = cluster.NodeName("silo-2") }, Clients.CallOptions);
        await channel.BasicNackAsync(held, multiple: false, requeue: true);
        for (var number = 0; number < TransientMessages; number++)
        {
            var got = (await channel.BasicGetAsync(Transient, autoAck: true))!;
            Assert.Equal((number.ToString(CultureInfo.InvariantCulture), number == 0), (Encoding.ASCII.GetString(got.Body.Span), got.Redelivered));
        }
    }

    [Fact]
    public async Task Queues_ChosenByAPattern_AreEvenedOutAlone()
    {
        const int Each = 10;
        var cluster = silos.Cluster;
        await using var connection = await cluster.ConnectAsync(1);
        await using var channel = await connection.CreateChannelAsync();
        using var grpc = cluster.Grpc(1);
        var topology = new V1.Topology.TopologyClient(grpc);
        string[] queues = [.. Enumerable.Range(0, 2 * Each).Select(static i => $"chosen.{(i < Each ? 'a' : 'b')}{i}")];
        foreach (var queue in queues)
        {
            await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
            await topology.MoveQueueAsync(new MoveQueueRequest { Queue = queue, Node = cluster.NodeName("silo-1") }, Clients.CallOptions);
        }

        using var http = ApiOf(cluster);
        Assert.Equal((Each, Each), await CountAsync());
        using var answer = await http.PostAsync(new Uri("rebalance/queues?vhost_pattern=^/$&queue_pattern=^chosen[.]a", UriKind.Relative), content: null);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);

        await Clients.UntilAsync(async () => await CountAsync() == (Each / 2, Each));
        foreach (var queue in queues)
        {
            await channel.QueueDeleteAsync(queue);
        }

        // Of each kind, how many are together at most.
        async Task<(int Chosen, int Others)> CountAsync()
        {
            var all = JsonNode.Parse(await http.GetStringAsync(new Uri("queues/%2F?columns=name,node", UriKind.Relative)))!.AsArray();
            return (Most('a'), Most('b'));

            int Most(char kind) => all.Where(queue => ((string)queue!["name"]!).StartsWith($"chosen.{kind}", StringComparison.Ordinal))
                .GroupBy(static queue => (string)queue!["node"]!).Max(static node => node.Count());
        }
    }

    [Fact]
    public async Task ExclusiveQueues_OfMembersThatAreSiloAndGateway_AreWhereTheirConnectionIsAndStayThere()
    {
        var cluster = silos.Cluster;
        await using var one = JoiningNode.Start("both", cluster.Connection, "--cluster-id", "granary");
        await using var two = JoiningNode.Start("both", cluster.Connection, "--cluster-id", "granary");
        await Task.WhenAll(one.WhenReadyAsync(), two.WhenReadyAsync());
        using var grpc = cluster.Grpc(1);
        var topology = new V1.Topology.TopologyClient(grpc);
        foreach (var (here, there) in new[] { (one, two), (two, one) })
        {
            await using var connection = await Clients.ConnectAsync(here.Amqp);
            await using var channel = await connection.CreateChannelAsync();
            List<string> queues = [];
            for (var i = 0; i < OwnQueues; i++)
            {
                queues.Add(await channel.QueueDeclareAsync(i % 2 == 0 ? "" : $"own.{Guid.NewGuid():N}", durable: false, exclusive: true, autoDelete: false));
            }

            // It has more than the others.
            await topology.RebalanceQueuesAsync(new RebalanceQueuesRequest(), Clients.CallOptions);
            foreach (var queue in queues)
            {
                var refused = await Assert.ThrowsAsync<RpcException>(
                    () => topology.MoveQueueAsync(new MoveQueueRequest { Queue = queue, Node = there.NodeName }, Clients.CallOptions).ResponseAsync);
                Assert.Equal(
                    (StatusCode.FailedPrecondition, $"PRECONDITION_FAILED - queue '{queue}' in vhost '/' cannot be moved: it is exclusive to a connection of the silo that it is on"),
                    (refused.StatusCode, refused.Status.Detail));
            }
        }

        await Task.WhenAll(one.EndAsync(), two.EndAsync());
    }

    private static HttpClient ApiOf(LocalCluster cluster) => new()
    {
        BaseAddress = new Uri($"http://127.0.0.1:{cluster.HttpPort("gateway-1")}/api/"),
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String("guest:guest"u8)) },
    };

    /// <returns>The tag of the first message, which is held.</returns>
    private static async Task<ulong> FillTransientAsync(IChannel channel)
    {
        await channel.QueueDeclareAsync(Transient, durable: false, exclusive: false, autoDelete: false);
        for (var number = 0; number < TransientMessages; number++)
        {
            await channel.BasicPublishAsync("", Transient, mandatory: true, Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)));
        }

        return (await channel.BasicGetAsync(Transient, autoAck: false))!.DeliveryTag;
    }

    private static int TakenOver(JoiningNode silo) => silo.Output.Split("were taken over from the silo that had it").Length - 1;

    private static async Task PublishAsync(IChannel channel, int queue) =>
        await channel.BasicPublishAsync("", Name(queue), mandatory: true, Encoding.ASCII.GetBytes(Name(queue))).AsTask().WaitAsync(Patience);

    private static string Name(int queue) => string.Create(CultureInfo.InvariantCulture, $"moved.{queue}");
}
