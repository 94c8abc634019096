using Grpc.Core;
using Grpc.Net.Client;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Granary.Cluster.Tests;

/// <summary>A silo and two gateways for all tests that leave them as they are, and each other's queues and users alone.</summary>
public sealed class TwoGateways : IAsyncLifetime
{
    /// <summary>The collection of these tests.</summary>
    public const string Shared = "two gateways";

    private LocalCluster? _cluster;

    internal LocalCluster Cluster => _cluster!;

    public async Task InitializeAsync() => _cluster = await LocalCluster.StartAsync(silos: 1, gateways: 2);

    public async Task DisposeAsync() => await Cluster.DisposeAsync();
}

/// <summary>Says who has it. They too are alone while they run.</summary>
[CollectionDefinition(TwoGateways.Shared, DisableParallelization = true)]
public sealed class SharedGateways : ICollectionFixture<TwoGateways>;

/// <summary>Two silos and a gateway for the tests of a class, which leave these as they are.</summary>
public sealed class TwoSilos : IAsyncLifetime
{
    private LocalCluster? _cluster;

    internal LocalCluster Cluster => _cluster!;

    public async Task InitializeAsync()
    {
        _cluster = await LocalCluster.StartAsync(silos: 2, gateways: 1);

        // Each has seen the other join, and moved what belongs to it: some seconds after the start.
        await _cluster.WhenLoggedAsync("silo-1", RebalancingTests.Moving);
        await _cluster.WhenLoggedAsync("silo-2", RebalancingTests.Moving);
    }

    public async Task DisposeAsync() => await Cluster.DisposeAsync();
}

/// <summary>Clients of a cluster's gateways.</summary>
internal static class Clients
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(50);

    public static Task<IConnection> ConnectAsync(this LocalCluster cluster, int gateway)
    {
        var client = cluster.ClientOf(gateway);
        client.ContinuationTimeout = Patience;
        return client.CreateConnectionAsync();
    }

    public static Task<IConnection> ConnectAsync(int port) => new ConnectionFactory
    {
        HostName = "127.0.0.1",
        Port = port,
        AutomaticRecoveryEnabled = false,
        ContinuationTimeout = Patience,
    }.CreateConnectionAsync();

    /// <summary>Asks again and again, since it is other processes that act.</summary>
    public static async Task UntilAsync(Func<bool> isSo)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!isSo())
        {
            await Task.Delay(AskAgainAfter, limit.Token);
        }
    }

    /// <inheritdoc cref="UntilAsync(Func{bool})"/>
    public static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!await isSo())
        {
            await Task.Delay(AskAgainAfter, limit.Token);
        }
    }

    /// <summary>Whether there is no such queue any more.</summary>
    public static async Task<bool> IsGoneAsync(IConnection connection, string queue)
    {
        await using var asking = await connection.CreateChannelAsync();
        try
        {
            await asking.QueueDeclarePassiveAsync(queue);
            return false;
        }
        catch (OperationInterruptedException refused)
        {
            // 405 while it is another connection's.
            return refused.ShutdownReason!.ReplyCode == 404;
        }
    }

    public static GrpcChannel Grpc(this LocalCluster cluster, int gateway) => GrpcChannel.ForAddress($"http://127.0.0.1:{cluster.GrpcPort(gateway)}");

    public static CallOptions CallOptions => new(new Metadata { { "authorization", "Basic Z3Vlc3Q6Z3Vlc3Q=" } }, DateTime.UtcNow + Patience);

    /// <summary>A channel whose publishes are confirmed.</summary>
    public static Task<IChannel> ConfirmedChannelAsync(this IConnection connection) => connection.CreateChannelAsync(new CreateChannelOptions(true, true));
}
