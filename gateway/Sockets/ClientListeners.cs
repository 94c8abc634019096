using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Granary.Gateway.Sockets;

/// <summary>
/// The listeners for clients of AMQP and gRPC. An operator can suspend them (RabbitMQ's <c>suspend_listeners</c>): new connections are refused then, those that there
/// are go on, and the process says that it is not ready. Those for management and metrics are not among them: over one of those it is resumed. Safe for use by any thread.
/// </summary>
/// <param name="direct">For <see cref="DirectEndPoint"/>.</param>
/// <param name="sockets">For <see cref="ClientEndPoint"/>.</param>
internal sealed class ClientListeners(DirectTransport direct, SocketTransportFactory sockets) : IConnectionListenerFactory, IConnectionListenerFactorySelector, IHealthCheck, IDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly List<SuspendableListener> _listeners = [];
    private volatile bool _areSuspended;

    public bool AreSuspended => _areSuspended;

    public bool CanBind(EndPoint endpoint) => endpoint is DirectEndPoint or ClientEndPoint;

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var listener = await SuspendableListener.BindAsync(endpoint is DirectEndPoint ? direct : sockets, (IPEndPoint)endpoint, cancellationToken).ConfigureAwait(false);
        lock (_listeners)
        {
            _listeners.Add(listener);
        }

        return listener;
    }

    /// <summary>No client is admitted any more.</summary>
    /// <returns>Whether any was before.</returns>
    public async Task<bool> SuspendAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            var isNew = !_areSuspended;
            _areSuspended = true;
            foreach (var listener in All())
            {
                await listener.SuspendAsync().ConfigureAwait(false);
            }

            return isNew;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Clients are admitted again.</summary>
    /// <returns>Whether they were not before.</returns>
    /// <exception cref="IOException">Something else listens at one of the ports now. At the others clients are admitted; it can be tried again.</exception>
    public async Task<bool> ResumeAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            IOException? taken = null;
            foreach (var listener in All())
            {
                try
                {
                    await listener.ResumeAsync().ConfigureAwait(false);
                }
                catch (IOException exception)
                {
                    taken = exception;
                }
            }

            if (taken is not null)
            {
                throw taken;
            }

            var isNew = _areSuspended;
            _areSuspended = false;
            return isNew;
        }
        finally
        {
            _turn.Release();
        }
    }

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_areSuspended ? HealthCheckResult.Unhealthy("the listeners for clients are suspended (rabbitmqctl suspend_listeners or stop_app)") : HealthCheckResult.Healthy());

    public void Dispose() => _turn.Dispose();

    private SuspendableListener[] All()
    {
        lock (_listeners)
        {
            return [.. _listeners];
        }
    }
}
