using System.Net;
using Granary.Core.Storage;
using Microsoft.AspNetCore.Connections;

namespace Granary.Gateway.Sockets;

/// <summary>
/// A transport of Kestrel's that reads and writes a socket on the thread that asks for it, and waits on loops of its own. Kestrel's puts a pipe and a
/// loop between: made for handlers that may block, at the price of two more thread switches on every message that travels alone. For Linux alone.
/// </summary>
/// <param name="store">Of this process, if it has one.</param>
internal sealed class DirectTransport(IStoreActivity? store = null) : IConnectionListenerFactory, IConnectionListenerFactorySelector, IDisposable
{
    private readonly Lazy<EventLoops> _loops = new(() => new EventLoops(store));

    public bool CanBind(EndPoint endpoint) => endpoint is DirectEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult<IConnectionListener>(new DirectListener((DirectEndPoint)endpoint, _loops.Value));

    public void Dispose()
    {
        if (_loops.IsValueCreated)
        {
            _loops.Value.Dispose();
        }
    }
}
