using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Tls;

/// <summary>Around Kestrel's TLS, which keeps to itself whom it did not let in, and why.</summary>
internal sealed partial class HttpsWatch(ILogger<HttpsWatch> log)
{
    public ConnectionDelegate Before(ConnectionDelegate next) => connection => RunAsync(connection, next);

    /// <summary>The terms for a client that has said hello.</summary>
    public static TlsHandshake Begin(ConnectionContext connection, RenewedTls tls)
    {
        var handshake = new TlsHandshake(tls);
        connection.Features.Set(handshake);
        return handshake;
    }

    private async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        await next(connection).ConfigureAwait(false);
        if (connection.Features.Get<ITlsHandshakeFeature>() is not null)
        {
            return;
        }

        if (connection.Features.Get<TlsHandshake>() is { } handshake)
        {
            LogRefused(log, connection.RemoteEndPoint, handshake.Refusal ?? "client and broker did not agree");
        }
        else
        {
            LogNoHello(log, connection.RemoteEndPoint);
        }
    }

    [LoggerMessage(1715, LogLevel.Information, "TLS with {Peer} came to nothing: {Reason}")]
    private static partial void LogRefused(ILogger logger, EndPoint? peer, string reason);

    [LoggerMessage(1716, LogLevel.Debug, "{Peer} connected to a port for HTTPS and spoke no TLS, or left")]
    private static partial void LogNoHello(ILogger logger, EndPoint? peer);
}
