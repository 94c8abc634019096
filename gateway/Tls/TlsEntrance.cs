using System.Net.Sockets;
using System.Security.Authentication;
using Granary.Core.Threads;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Ends;
using Microsoft.AspNetCore.Connections;

namespace Granary.Gateway.Tls;

/// <summary>In front of a listener of AMQP: TLS is agreed on first, and what is behind it sees a connection like any other.</summary>
internal sealed class TlsEntrance(RenewedTls tls, AmqpOptions options, ConnectionEnds ends, TimeProvider clock)
{
    /// <summary>A connection's way in.</summary>
    public ConnectionDelegate Before(ConnectionDelegate next) => connection => RunAsync(connection, next);

    private async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (await OpenAsync(connection).ConfigureAwait(false) is not { } transport)
        {
            return;
        }

        var encrypted = connection.Transport;
        connection.Transport = transport;
        try
        {
            if (await IsBelievedAsync(connection).ConfigureAwait(false))
            {
                await next(connection).ConfigureAwait(false);
            }
        }
        finally
        {
            connection.Transport = encrypted;
            await transport.CloseAsync().ConfigureAwait(false);
        }
    }

    // Null when it comes to nothing; what ends the connection is counted.
    private async ValueTask<TlsTransport?> OpenAsync(ConnectionContext connection)
    {
        var peer = connection.RemoteEndPoint;
        var handshake = new TlsHandshake(tls);
        using var timeout = new CancellationTokenSource(tls.Options.HandshakeTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed, timeout.Token);
        try
        {
            if (!await IsTlsAsync(connection, either.Token).ConfigureAwait(false))
            {
                return null;
            }

            // A signature is nothing for a thread that others' messages wait for.
            await OwnThread.Leave();
            var transport = await TlsTransport.OpenAsync(connection.Transport, handshake.Options, either.Token).ConfigureAwait(false);
            connection.Features.Set(transport.Session);
            return transport;
        }
        catch (AuthenticationException exception)
        {
            ends.Add(ConnectionEnd.TlsRefused, peer, handshake.Refusal ?? Reason(exception));
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            ends.Add(ConnectionEnd.HandshakeTimeout, peer, $"{tls.Options.HandshakeTimeout} (TLS)");
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            ends.Add(ConnectionEnd.GoneBeforeOpen, peer);
        }

        return null;
    }

    // With TLS 1.3 a client that does not take the certificate says so when the handshake is over here: instead of the first octets of AMQP.
    private async ValueTask<bool> IsBelievedAsync(ConnectionContext connection)
    {
        var (input, peer) = (connection.Transport.Input, connection.RemoteEndPoint);
        using var timeout = new CancellationTokenSource(options.HandshakeTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed, timeout.Token);
        try
        {
            var read = await input.ReadAsync(either.Token).ConfigureAwait(false);
            var isEmpty = read.Buffer.IsEmpty;
            input.AdvanceTo(read.Buffer.Start);
            if (isEmpty)
            {
                ends.Add(ConnectionEnd.GoneBeforeOpen, peer);
            }

            return !isEmpty;
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            ends.Add(ConnectionEnd.HandshakeTimeout, peer, $"{options.HandshakeTimeout}");
        }
        catch (IOException exception) when (exception.InnerException is not (null or SocketException or ObjectDisposedException))
        {
            ends.Add(ConnectionEnd.TlsRefused, peer, Reason(exception));
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            ends.Add(ConnectionEnd.GoneBeforeOpen, peer);
        }

        return false;
    }

    // Looked at before TLS looks: it would only say that it is none.
    private async ValueTask<bool> IsTlsAsync(ConnectionContext connection, CancellationToken cancellation)
    {
        var input = connection.Transport.Input;
        while (true)
        {
            var read = await input.ReadAsync(cancellation).ConfigureAwait(false);
            var (length, mayBe) = (read.Buffer.Length, TlsHello.MayBe(read.Buffer));
            var what = mayBe ? "" : TlsHello.Describe(read.Buffer);
            input.AdvanceTo(read.Buffer.Start, length > 1 ? read.Buffer.Start : read.Buffer.End);
            if (!mayBe)
            {
                ends.Add(ConnectionEnd.NoTls, connection.RemoteEndPoint, what);
                return false;
            }

            if (length > 1)
            {
                return true;
            }

            if (read.IsCompleted)
            {
                ends.Add(ConnectionEnd.GoneBeforeOpen, connection.RemoteEndPoint);
                return false;
            }
        }
    }

    // The innermost says what was wrong: an alert of the client's, a version that is not offered.
    private static string Reason(Exception exception)
    {
        while (exception.InnerException is { } inner)
        {
            exception = inner;
        }

        return exception.Message;
    }
}
