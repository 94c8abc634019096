using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>One connection of a <see cref="ChaosClient"/>, and what it has set up there.</summary>
/// <param name="Number">1, 2, 3 … of the client's connections.</param>
internal sealed record Life(int Number, int Gateway, IConnection Connection, IChannel Channel);

/// <summary>The end of a connection that its client has not closed.</summary>
internal sealed record Closing(int Gateway, ShutdownEventArgs Reason);

/// <summary>A client that recovers by itself: it has a gateway of its own, connects to the next one when its connection is closed, and goes home when it is told to.</summary>
/// <param name="setUp">What it does on each connection before it is used.</param>
/// <param name="tellClosed">Told of each connection that was closed, or failed, from the other side.</param>
internal sealed class ChaosClient(LocalCluster cluster, int home, int gateways, Func<IConnection, Task<IChannel>> setUp, Action<Closing> tellClosed) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    // How a gateway that says nothing at all is noticed.
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(8);

    private readonly CancellationTokenSource _stop = new();
    private volatile TaskCompletionSource<Life> _life = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile TaskCompletionSource<ShutdownEventArgs?> _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _running = Task.CompletedTask;

    public int Home => home;

    public async Task StartAsync()
    {
        _running = RunAsync();
        await CurrentAsync();
    }

    /// <summary>Its connection, when there is one.</summary>
    public Task<Life> CurrentAsync() => _life.Task;

    /// <summary>Completes when it is at its own gateway, whose absence is over.</summary>
    public async Task ReturnHomeAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        while ((await CurrentAsync().WaitAsync(limit.Token)).Gateway != home)
        {
            _over.TrySetResult(null);
            await Task.Delay(Again, limit.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _over.TrySetResult(null);
        await _running;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var gateway = home;
        for (var number = 1; !_stop.IsCancellationRequested; number++)
        {
            try
            {
                var (isClosed, reason) = await LiveAsync(number, gateway);
                if (isClosed && !_stop.IsCancellationRequested)
                {
                    tellClosed(new Closing(gateway, reason!));
                }

                gateway = isClosed ? Next(gateway) : home;
            }
            catch (Exception failure) when (failure is BrokerUnreachableException or OperationInterruptedException or TimeoutException or IOException or OperationCanceledException)
            {
                // It is not there, or went while everything was set up.
                gateway = Next(gateway);
                await Task.Delay(Again);
            }
        }
    }

    private async Task<(bool IsClosed, ShutdownEventArgs? Reason)> LiveAsync(int number, int gateway)
    {
        var factory = cluster.ClientOf(gateway);
        factory.ContinuationTimeout = Patience;
        factory.RequestedHeartbeat = Heartbeat;
        factory.RequestedConnectionTimeout = LastWords;
        factory.HandshakeContinuationTimeout = LastWords;
        var connection = await factory.CreateConnectionAsync(_stop.Token);
        var over = _over = new TaskCompletionSource<ShutdownEventArgs?>(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ConnectionShutdownAsync += (_, reason) =>
        {
            over.TrySetResult(reason);
            return Task.CompletedTask;
        };
        try
        {
            var life = new Life(number, gateway, connection, await setUp(connection));
            _life.SetResult(life);
            var reason = await over.Task;
            return (reason is not null, reason);
        }
        finally
        {
            if (_life.Task.IsCompleted)
            {
                _life = new TaskCompletionSource<Life>(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            await connection.AbortAsync(LastWords);
            await connection.DisposeAsync();
        }
    }

    private int Next(int gateway) => 1 + gateway % gateways;
}
