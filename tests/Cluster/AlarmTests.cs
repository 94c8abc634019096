using System.Text;
using Granary.Testing.Logs;
using Granary.Testing.Postgres;
using Granary.V1;
using Google.Protobuf;
using RabbitMQ.Client;
using BasicProperties = RabbitMQ.Client.BasicProperties;

namespace Granary.Cluster.Tests;

/// <summary>What one member is short of holds the publishers of all gateways.</summary>
[Collection(LocalCluster.OneAtATime)]
public sealed class AlarmTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private const int HeldForMember = 3501, NoLongerHeldForMember = 3502, NotTold = 3503;
    private const int MemoryAlarm = 1401, StoreOutOfReach = 3301, StoreBack = 3302;

    [Fact]
    public async Task Silo_LowOnMemory_HoldsPublishersOfAllGatewaysUntilItIsGone()
    {
        await using var cluster = await LocalCluster.StartAsync(silos: 2, gateways: 2, "--with", "silo-2=--memory-watermark 0.0001");
        cluster.Allow(MemoryAlarm);
        await using var first = await HeldPublisher.StartAsync(cluster, 1);
        await using var second = await HeldPublisher.StartAsync(cluster, 2);
        Assert.Equal("low on memory", await first.BlockedAsync());
        Assert.Equal("low on memory", await second.BlockedAsync());
        using var grpc = cluster.Grpc(1);
        using var published = new Messaging.MessagingClient(grpc).PublishAsync(
            new PublishRequest { Message = new Message { RoutingKey = first.Queue, Body = ByteString.CopyFromUtf8("held") } }, Clients.CallOptions);
        await Assert.ThrowsAsync<TimeoutException>(() => published.ResponseAsync.WaitAsync(TimeSpan.FromMilliseconds(500)));

        await cluster.SignalAsync("silo-2", "KILL");
        await first.UnblockedAsync();
        await second.UnblockedAsync();
        await published.ResponseAsync;
    }

    [Fact]
    public async Task Store_OutOfReach_HoldsPublishersOfAllGatewaysUntilItIsBack()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var cluster = await LocalCluster.StartAsync(silos: 1, gateways: 2, "--connection", postgres.ConnectionString, "--with", "silo-1=--log-level debug");
        Array.ForEach(StoreOutage.Events, cluster.Allow);
        await using var first = await HeldPublisher.StartAsync(cluster, 1);
        await using var second = await HeldPublisher.StartAsync(cluster, 2);

        await postgres.StopAsync();
        Assert.Equal("the store is out of reach", await first.BlockedAsync());
        Assert.Equal("the store is out of reach", await second.BlockedAsync());

        await postgres.StartAgainAsync();
        await first.UnblockedAsync();
        await second.UnblockedAsync();
        foreach (var (there, here) in new[] { (StoreOutOfReach, HeldForMember), (StoreBack, NoLongerHeldForMember) })
        {
            foreach (var gateway in new[] { "gateway-1", "gateway-2" })
            {
                await cluster.WhenLoggedAsync(gateway, here);
                var (noticed, known) = (cluster.LogOf("silo-1").First(line => line.Event == there).Time, cluster.LogOf(gateway).First(line => line.Event == here).Time);
                output.WriteLine($"{gateway} knew of {there} after {(known - noticed).TotalMilliseconds} ms");

                // It was told at once. On a machine that is so busy that this takes a second, the first time that it was told was enough.
                var toldAgain = cluster.LogOf("silo-1")
                    .Where(line => line.Event == NotTold && line.Time >= noticed && line.Time <= known && line.Text.Contains($"{cluster.NodeName(gateway)}@", StringComparison.Ordinal));
                Assert.True(known - noticed < TimeSpan.FromSeconds(1) || !toldAgain.Any(), $"{gateway} knew of {there} after {known - noticed}");
            }
        }
    }

    /// <summary>Publishes until it is held, and when it is no longer.</summary>
    private sealed class HeldPublisher : IAsyncDisposable
    {
        private readonly TaskCompletionSource<string> _blocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _unblocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly CancellationTokenSource _ended = new();
        private readonly IConnection _connection;
        private readonly Task _publishing;

        private HeldPublisher(IConnection connection, IChannel channel, string queue)
        {
            (_connection, Queue) = (connection, queue);
            connection.ConnectionBlockedAsync += (_, blocked) =>
            {
                _blocked.TrySetResult(blocked.Reason);
                return Task.CompletedTask;
            };
            connection.ConnectionUnblockedAsync += (_, _) =>
            {
                _unblocked.TrySetResult();
                return Task.CompletedTask;
            };
            _publishing = PublishAsync(channel);
        }

        public string Queue { get; }

        public static async Task<HeldPublisher> StartAsync(LocalCluster cluster, int gateway)
        {
            var connection = await cluster.ConnectAsync(gateway);
            var channel = await connection.CreateChannelAsync();
            var queue = $"held-{gateway}";
            await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
            return new HeldPublisher(connection, channel, queue);
        }

        public async Task<string> BlockedAsync() => await _blocked.Task.WaitAsync(Clients.Patience);

        public async Task UnblockedAsync() => await _unblocked.Task.WaitAsync(Clients.Patience);

        public async ValueTask DisposeAsync()
        {
            await _ended.CancelAsync();
            await _publishing;
            await _connection.DisposeAsync();
            _ended.Dispose();
        }

        // RabbitMQ.Client publishes nothing more while it is blocked.
        private async Task PublishAsync(IChannel channel)
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            try
            {
                while (await timer.WaitForNextTickAsync(_ended.Token))
                {
                    await channel.BasicPublishAsync("", Queue, mandatory: false, new BasicProperties { Persistent = true }, Encoding.ASCII.GetBytes("x"), _ended.Token);
                }
            }
            catch (OperationCanceledException) when (_ended.IsCancellationRequested)
            {
                // It is the end of the test.
            }
        }
    }
}
