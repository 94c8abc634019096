using System.Net;
using Granary.Gateway.Amqp.Connections;
using Granary.Gateway.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Granary.Gateway.Amqp;

/// <summary>Takes sockets from Kestrel: handshake first, then a connection.</summary>
internal sealed class AmqpConnectionHandler(AmqpServer server) : ConnectionHandler
{
    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        var from = (connection.RemoteEndPoint as IPEndPoint)?.Address;
        var handshake = new Handshake(connection.Transport, from, server.Options, server.Users, server.Clock, server.Log);
        if (await handshake.RunAsync(connection.ConnectionClosed).ConfigureAwait(false) is { } terms)
        {
            var peer = connection.Features.Get<IPeerSigns>();
            await server.RunAsync(new AmqpConnection(connection.Transport, server, terms, connection.Abort, connection.ConnectionClosed, peer))
                .ConfigureAwait(false);
        }
    }
}
