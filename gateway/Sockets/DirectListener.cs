using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace Granary.Gateway.Sockets;

/// <summary>Accepts TCP connections on one address.</summary>
internal sealed class DirectListener : IConnectionListener
{
    private const int Backlog = 512;

    private static readonly TimeSpan AfterExhaustion = TimeSpan.FromMilliseconds(100);

    private readonly Socket _socket;
    private readonly EventLoops _loops;

    /// <exception cref="AddressInUseException">Another process listens there.</exception>
    public DirectListener(IPEndPoint endPoint, EventLoops loops)
    {
        _loops = loops;
        _socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (endPoint.Address.Equals(IPAddress.IPv6Any))
            {
                _socket.DualMode = true;
            }

            _socket.Bind(new IPEndPoint(endPoint.Address, endPoint.Port));
            _socket.Listen(Backlog);
        }
        catch (SocketException exception)
        {
            _socket.Dispose();
            if (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                throw new AddressInUseException(exception.Message, exception);
            }

            throw;
        }

        EndPoint = _socket.LocalEndPoint!;
    }

    public EndPoint EndPoint { get; }

    /// <summary>The next connection, or null when the listener was unbound.</summary>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            try
            {
                var socket = await _socket.AcceptAsync(cancellationToken).ConfigureAwait(false);
                return Open(socket);
            }
            catch (Exception exception) when (exception is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
            {
                return null;
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
            {
                // Clients wait in the backlog until others have gone.
                await Task.Delay(AfterExhaustion, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is SocketException or IOException)
            {
                // The client went while it was being accepted: the next one counts.
            }
        }
    }

    public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => DisposeAsync();

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private DirectConnection Open(Socket socket)
    {
        try
        {
            socket.NoDelay = true;
            socket.Blocking = false;
            return new DirectConnection(socket, _loops.Next());
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
