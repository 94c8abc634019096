using Granary.Gateway.Amqp;
using Granary.Gateway.Grpc.Connections;
using Granary.Gateway.Sockets;

namespace Granary.Gateway.Management.Nodes;

/// <summary>
/// Whether this process serves clients of AMQP and gRPC at all. An operator can stop that (RabbitMQ's <c>stop_app</c>): listeners are suspended and connections closed,
/// while the process goes on with its queues, its management port and its membership. Safe for use by any thread.
/// </summary>
internal sealed class ClientService(ClientListeners listeners, AmqpServer amqp, GrpcConnections grpc) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile bool _isStopped;

    public bool IsStopped => _isStopped;

    /// <summary>Admits nobody, and closes the connections that there are; completes when they are closed.</summary>
    /// <returns>Whether it was not stopped before.</returns>
    public async Task<bool> StopAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            var isNew = !_isStopped;
            _isStopped = true;

            // First the listeners: who is closed comes again at once.
            await listeners.SuspendAsync().ConfigureAwait(false);
            await Task.WhenAll(amqp.TurnAwayAsync(AmqpServer.Shutdown), grpc.TurnAwayAsync(AmqpServer.Shutdown)).ConfigureAwait(false);
            return isNew;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Serves clients again, whether it was stopped or its listeners alone were suspended.</summary>
    /// <returns>Whether they were not admitted before.</returns>
    /// <exception cref="IOException">Something else listens at one of the ports now. At the others clients are admitted; it can be tried again.</exception>
    public async Task<bool> StartAsync() => await ResumeAsync(evenIfStopped: true).ConfigureAwait(false) is true;

    /// <summary>Admits clients again where the listeners alone were suspended.</summary>
    /// <returns>Whether they were not admitted before; null: it was stopped, and still is.</returns>
    /// <inheritdoc cref="StartAsync" path="/exception"/>
    public Task<bool?> ResumeAsync() => ResumeAsync(evenIfStopped: false);

    private async Task<bool?> ResumeAsync(bool evenIfStopped)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_isStopped && !evenIfStopped)
            {
                return null;
            }

            amqp.Admit();
            grpc.Admit();
            var isNew = await listeners.ResumeAsync().ConfigureAwait(false);
            _isStopped = false;
            return isNew;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();
}
