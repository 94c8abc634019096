using System.Collections.Concurrent;
using Granary.Gateway.Counting;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Granary.Gateway.Grpc.Connections;

/// <summary>The HTTP/2 connections of this process' gRPC clients.</summary>
internal sealed class GrpcConnections(TimeProvider clock)
{
    private readonly ConcurrentDictionary<GrpcConnection, byte> _open = new();

    /// <summary>Those that there were, and those of them that are closed.</summary>
    public Turnover Connections { get; } = new();

    /// <summary>The same of streams.</summary>
    public Turnover Streams { get; } = new();

    /// <summary>Called with each that has ended.</summary>
    public Action<GrpcConnection>? Ended { get; set; }

    public ICollection<GrpcConnection> All => _open.Keys;

    /// <summary>Knows every connection of a listener.</summary>
    public void Watch(ListenOptions listener) => listener.Use(next => connection => RunAsync(connection, next));

    private async Task RunAsync(ConnectionContext context, ConnectionDelegate next)
    {
        var connection = new GrpcConnection(context, Streams, clock);
        context.Features.Set(connection);
        context.Features.Set(connection.Login);
        _open[connection] = 0;
        Connections.Begin();
        try
        {
            await next(context).ConfigureAwait(false);
        }
        finally
        {
            _open.TryRemove(connection, out _);
            Connections.End(1);
            Ended?.Invoke(connection);
        }
    }
}
