using System.Net;
using System.Security.Cryptography.X509Certificates;
using Granary.Core.Figures;
using Granary.Gateway.Counting;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Granary.Gateway.Grpc.Connections;

/// <summary>An HTTP/2 connection of a gRPC client; a feature of itself.</summary>
internal sealed class GrpcConnection(ConnectionContext context, Turnover streams, TimeProvider clock)
{
    // For the ends of its streams to be sent.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly SortedDictionary<int, IClientStream> _streams = [];
    private volatile string? _closedFor;
    private volatile object? _caller;

    public Guid Id { get; } = Guid.NewGuid();

    public DateTimeOffset ConnectedAt { get; } = clock.GetUtcNow();

    public CountHistory History { get; } = new(clock.GetUtcNow().ToUnixTimeMilliseconds());

    public ConnectionLogin Login { get; } = new();

    public PageTurns Pages { get; } = new();

    /// <summary>Of the last call; null: there was none.</summary>
    public Caller? Caller
    {
        get => (Caller?)_caller;
        set => _caller = value;
    }

    public string UserAgent { get; set; } = "";

    public EndPoint? Peer => context.RemoteEndPoint;

    public EndPoint? Local => context.LocalEndPoint;

    /// <summary>What was received and sent, as it is on the wire.</summary>
    public (SocketTraffic Received, SocketTraffic Sent) Traffic => context.Features.Get<WatchedTraffic>() is { } watched ? (watched.Received, watched.Sent) : default;

    /// <summary>Null: nothing is encrypted.</summary>
    public ITlsHandshakeFeature? Tls => context.Features.Get<ITlsHandshakeFeature>();

    /// <summary>The client's; null: it has shown none.</summary>
    public X509Certificate2? Certificate => context.Features.Get<ITlsConnectionFeature>()?.ClientCertificate;

    /// <summary>Why it is being closed; null: it is not.</summary>
    public string? ClosedFor => _closedFor;

    public KeyValuePair<int, IClientStream>[] Streams
    {
        get
        {
            lock (_gate)
            {
                return [.. _streams];
            }
        }
    }

    /// <summary>A stream begins; it has the lowest number that is free, from 1 on.</summary>
    public int Enter(IClientStream stream)
    {
        int number;
        lock (_gate)
        {
            number = 1;
            while (_streams.ContainsKey(number))
            {
                number++;
            }

            _streams.Add(number, stream);
        }

        streams.Begin();

        if (_closedFor is { } reason)
        {
            stream.End(reason);
        }

        return number;
    }

    public void Leave(int number)
    {
        lock (_gate)
        {
            _streams.Remove(number);
        }

        streams.End(1);
    }

    /// <summary>Ends its streams, tells the client to go, and closes the socket when that was said.</summary>
    public async Task CloseAsync(string reason)
    {
        _closedFor = reason;
        foreach (var (_, stream) in Streams)
        {
            stream.End(reason);
        }

        context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        await Task.Delay(LastWords, clock, context.ConnectionClosed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        context.Abort(new ConnectionAbortedException(reason));
    }
}
