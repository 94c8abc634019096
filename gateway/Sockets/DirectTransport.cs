using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Granary.Gateway.Sockets;

/// <summary>
/// A transport of Kestrel's that reads and writes a socket on the thread that asks for it. Kestrel's own puts a pipe and a loop of its own between:
/// made for handlers that may block, at the price of two more thread switches on every message that travels alone.
/// </summary>
internal sealed class DirectTransport : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => endpoint is DirectEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult<IConnectionListener>(new DirectListener((DirectEndPoint)endpoint));
}
