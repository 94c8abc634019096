using System.Net;
using Granary.Gateway.Amqp.Connections;
using Granary.Gateway.Sockets;
using Granary.Gateway.Tls;
using Microsoft.AspNetCore.Connections;

namespace Granary.Gateway.Amqp;

/// <summary>Takes sockets from Kestrel: handshake first, then a connection.</summary>
internal sealed class AmqpConnectionHandler(AmqpServer server) : ConnectionHandler
{
    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        var peer = connection.RemoteEndPoint as IPEndPoint;
        var tls = connection.Features.Get<TlsSession>();
        var handshake = new Handshake(connection.Transport, peer, server.OptionsNow, server.Logins, server.Clients, server.Clock, server.Ends, tls);
        if (await handshake.RunAsync(connection.ConnectionClosed).ConfigureAwait(false) is { } terms)
        {
            var signs = connection.Features.Get<IPeerSigns>();
            await server.RunAsync(new AmqpConnection(connection.Transport, peer, server, terms, connection.Abort, connection.ConnectionClosed, signs)
            {
                Local = connection.LocalEndPoint as IPEndPoint,
                Tls = tls,
            }).ConfigureAwait(false);
        }
    }
}
