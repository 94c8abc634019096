using System.Net;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Amqp.Ends;

/// <summary>
/// Where the ends of all connections are counted, and logged in one line each. What a client does in good order, or can do ten thousand times a minute
/// without harm, is no warning: the counts show it.
/// </summary>
internal sealed partial class ConnectionEnds(ILogger log)
{
    private readonly long[] _counts = new long[Enum.GetValues<ConnectionEnd>().Length];

    /// <summary>How many connections ended for that reason.</summary>
    public long this[ConnectionEnd end] => Volatile.Read(ref _counts[(int)end]);

    /// <param name="detail">What else is to be said: a reply text, a time.</param>
    public void Add(ConnectionEnd end, EndPoint? peer, string detail = "", Exception? exception = null)
    {
        Interlocked.Increment(ref _counts[(int)end]);
        switch (end)
        {
            case ConnectionEnd.ClosedByClient:
                LogClosedByClient(log, peer);
                break;
            case ConnectionEnd.ClientGone:
                LogClientGone(log, peer);
                break;
            case ConnectionEnd.SocketFailed:
                LogSocketFailed(log, exception, peer);
                break;
            case ConnectionEnd.HeartbeatMissed:
                LogHeartbeatMissed(log, peer, detail);
                break;
            case ConnectionEnd.NothingRead:
                LogNothingRead(log, peer, detail);
                break;
            case ConnectionEnd.RepliesUnread:
                LogRepliesUnread(log, peer, detail);
                break;
            case ConnectionEnd.ClientError:
                LogClientError(log, peer, detail);
                break;
            case ConnectionEnd.InternalError:
                LogInternalError(log, exception, peer, detail);
                break;
            case ConnectionEnd.ClosedByBroker:
                LogClosedByBroker(log, peer, detail);
                break;
            case ConnectionEnd.Aborted:
                LogAborted(log, peer);
                break;
            case ConnectionEnd.OtherProtocol:
                LogOtherProtocol(log, peer, detail);
                break;
            case ConnectionEnd.LoginRefused:
                LogLoginRefused(log, peer, detail);
                break;
            case ConnectionEnd.HandshakeRefused:
                LogHandshakeRefused(log, peer, detail);
                break;
            case ConnectionEnd.HandshakeTimeout:
                LogHandshakeTimeout(log, peer, detail);
                break;
            case ConnectionEnd.GoneBeforeOpen:
                LogGoneBeforeOpen(log, peer);
                break;
            case ConnectionEnd.ProxyHeaderRefused:
                LogProxyHeaderRefused(log, peer, detail);
                break;
            case ConnectionEnd.NotAProxy:
                LogNotAProxy(log, peer);
                break;
            case ConnectionEnd.NoTls:
                LogNoTls(log, peer, detail);
                break;
            case ConnectionEnd.TlsRefused:
                LogTlsRefused(log, peer, detail);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(end), end, "Not the end of a connection.");
        }
    }

    [LoggerMessage(1101, LogLevel.Information, "Handshake of {Peer} refused: {Reason}")]
    private static partial void LogHandshakeRefused(ILogger logger, EndPoint? peer, string reason);

    [LoggerMessage(1102, LogLevel.Information, "Handshake of {Peer} not finished within {Timeout}")]
    private static partial void LogHandshakeTimeout(ILogger logger, EndPoint? peer, string timeout);

    [LoggerMessage(1103, LogLevel.Debug, "Client {Peer} went away during the handshake")]
    private static partial void LogGoneBeforeOpen(ILogger logger, EndPoint? peer);

    [LoggerMessage(1104, LogLevel.Information, "{Peer} does not speak AMQP 0-9-1 but {What}; answered with the supported version")]
    private static partial void LogOtherProtocol(ILogger logger, EndPoint? peer, string what);

    [LoggerMessage(1105, LogLevel.Warning, "Login of {Peer} refused: {Who}")]
    private static partial void LogLoginRefused(ILogger logger, EndPoint? peer, string who);

    [LoggerMessage(1106, LogLevel.Information, "Connection of {Peer} closed, for it does not begin with a header of the PROXY protocol: {Reason}")]
    private static partial void LogProxyHeaderRefused(ILogger logger, EndPoint? peer, string reason);

    [LoggerMessage(1107, LogLevel.Debug, "Connection of {Peer} to the port for proxies closed unread: it is none that was named")]
    private static partial void LogNotAProxy(ILogger logger, EndPoint? peer);

    [LoggerMessage(1109, LogLevel.Information, "{Peer} does not speak TLS at a port for it, but {What}: closed")]
    private static partial void LogNoTls(ILogger logger, EndPoint? peer, string what);

    [LoggerMessage(1110, LogLevel.Information, "TLS with {Peer} came to nothing: {Reason}")]
    private static partial void LogTlsRefused(ILogger logger, EndPoint? peer, string reason);

    [LoggerMessage(1201, LogLevel.Debug, "Connection of {Peer} aborted: the process ends")]
    private static partial void LogAborted(ILogger logger, EndPoint? peer);

    [LoggerMessage(1202, LogLevel.Information, "Connection of {Peer} lost: its socket failed")]
    private static partial void LogSocketFailed(ILogger logger, Exception? exception, EndPoint? peer);

    [LoggerMessage(1203, LogLevel.Warning, "Connection of {Peer} cut: no data from the client for twice its heartbeat of {Heartbeat}")]
    private static partial void LogHeartbeatMissed(ILogger logger, EndPoint? peer, string heartbeat);

    [LoggerMessage(1204, LogLevel.Error, "Closing the connection of {Peer}, for a method failed in the broker: {Reason}")]
    private static partial void LogInternalError(ILogger logger, Exception? exception, EndPoint? peer, string reason);

    [LoggerMessage(1205, LogLevel.Warning, "Closing the connection of {Peer}: {Reason}")]
    private static partial void LogClientError(ILogger logger, EndPoint? peer, string reason);

    [LoggerMessage(1209, LogLevel.Warning, "Connection of {Peer} cut: the client has not read anything of what it is sent for {Timeout}")]
    private static partial void LogNothingRead(ILogger logger, EndPoint? peer, string timeout);

    [LoggerMessage(1215, LogLevel.Warning, "Connection of {Peer} cut: more than {Octets} octets of direct replies wait for a client that does not read them")]
    private static partial void LogRepliesUnread(ILogger logger, EndPoint? peer, string octets);

    [LoggerMessage(1210, LogLevel.Debug, "Connection of {Peer} closed by its client")]
    private static partial void LogClosedByClient(ILogger logger, EndPoint? peer);

    [LoggerMessage(1211, LogLevel.Information, "Connection of {Peer} lost: the client went without closing it")]
    private static partial void LogClientGone(ILogger logger, EndPoint? peer);

    [LoggerMessage(1212, LogLevel.Debug, "Closing the connection of {Peer}: {Reason}")]
    private static partial void LogClosedByBroker(ILogger logger, EndPoint? peer, string reason);
}
