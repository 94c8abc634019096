using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Options;
using Orleans.Networking.Shared;

namespace Granary.Silo.Hosting.Cluster.Sockets;

/// <summary>Connects members, and listens for them: <see cref="MemberConnection"/> in place of Orleans' own connections.</summary>
internal sealed class MemberSockets(IOptions<SocketConnectionOptions> options) : IConnectionFactory, IConnectionListenerFactory
{
    /// <summary>
    /// What was sent and not received for this long ends the connection. TCP by itself sends it again after ever longer pauses: a link that was cut is of use only as long after it was mended as
    /// it was cut. A new connection is tried each second.
    /// </summary>
    internal const int UnansweredMilliseconds = 3000;

    internal const int IpProtocolTcp = 6, TcpUserTimeout = 18;

    public async ValueTask<ConnectionContext> ConnectAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(endpoint, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new SocketConnectionException($"Unable to connect to {endpoint}. Error: {exception.SocketErrorCode}");
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        return new MemberConnection(Set(socket, options.Value));
    }

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (endpoint is IPEndPoint { Address: var address } && address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(endpoint);
            socket.Listen();
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            if (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                throw new AddressInUseException(exception.Message, exception);
            }

            throw;
        }

        return new(new Listener(socket, options.Value));
    }

    internal static Socket Set(Socket socket, SocketConnectionOptions options)
    {
        socket.NoDelay = options.NoDelay;
        if (OperatingSystem.IsLinux())
        {
            socket.SetRawSocketOption(IpProtocolTcp, TcpUserTimeout, BitConverter.GetBytes(UnansweredMilliseconds));
        }

        // Whoever ends a connection does not wait for a peer that may be gone.
        socket.LingerState = new LingerOption(true, 0);
        if (options.KeepAlive)
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, options.KeepAliveTimeSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, options.KeepAliveIntervalSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, options.KeepAliveRetryCount);
        }

        return socket;
    }

    private sealed class Listener(Socket socket, SocketConnectionOptions options) : IConnectionListener
    {
        public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (true)
            {
                try
                {
                    return new MemberConnection(Set(await socket.AcceptAsync(cancellationToken).ConfigureAwait(false), options));
                }
                catch (Exception exception) when (exception is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
                {
                    // It no longer listens.
                    return null;
                }
                catch (SocketException)
                {
                    // Whoever came is gone again.
                }
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            socket.Dispose();
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => UnbindAsync(CancellationToken.None);
    }
}
