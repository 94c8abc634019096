namespace Granary.Gateway.Amqp.Ends;

/// <summary>Why a connection ended. The first reason is the one: what follows from it is none of its own.</summary>
internal enum ConnectionEnd
{
    /// <summary>By connection.close, which was answered.</summary>
    ClosedByClient,

    /// <summary>The client ended the stream without a word.</summary>
    ClientGone,

    /// <summary>The socket failed: most often the client reset it.</summary>
    SocketFailed,

    /// <summary>Nothing came for two heartbeats.</summary>
    HeartbeatMissed,

    /// <summary>Nothing of what was sent got anywhere for the send timeout.</summary>
    NothingRead,

    /// <summary>Too many direct replies waited for a client that did not read them.</summary>
    RepliesUnread,

    /// <summary>The client did what ends a connection; it was told by connection.close.</summary>
    ClientError,

    /// <summary>A fault of the broker's own; the client was told 541.</summary>
    InternalError,

    /// <summary>The broker wanted it; the client was told 320.</summary>
    ClosedByBroker,

    /// <summary>Kestrel cut the socket, because the process ends.</summary>
    Aborted,

    /// <summary>Before it was open: another protocol than AMQP 0-9-1.</summary>
    OtherProtocol,

    /// <summary>Before it was open: the login was refused.</summary>
    LoginRefused,

    /// <summary>Before it was open: the client did what is not allowed, or asked for what there is not.</summary>
    HandshakeRefused,

    /// <summary>Before it was open: it took too long.</summary>
    HandshakeTimeout,

    /// <summary>Before it was open: the client went.</summary>
    GoneBeforeOpen,

    /// <summary>At the port for proxies: what it began with is no header of the PROXY protocol.</summary>
    ProxyHeaderRefused,

    /// <summary>At the port for proxies: it is none that was named.</summary>
    NotAProxy,

    /// <summary>At a port for TLS: the client speaks something else.</summary>
    NoTls,

    /// <summary>At a port for TLS: client and broker did not agree, or one did not take the other's certificate.</summary>
    TlsRefused,
}
