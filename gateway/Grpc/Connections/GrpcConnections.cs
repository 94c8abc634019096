using System.Collections.Concurrent;
using Granary.Gateway.Counting;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Granary.Gateway.Grpc.Connections;

/// <summary>The HTTP/2 connections of this process' gRPC clients.</summary>
internal sealed class GrpcConnections(TimeProvider clock)
{
    private readonly ConcurrentDictionary<GrpcConnection, byte> _open = new();
    private volatile string? _turnedAwayFor;

    /// <summary>Those that there were, and those of them that are closed.</summary>
    public Turnover Connections { get; } = new();

    /// <summary>The same of streams.</summary>
    public Turnover Streams { get; } = new();

    /// <summary>Called with each that has ended.</summary>
    public Action<GrpcConnection>? Ended { get; set; }

    public ICollection<GrpcConnection> All => _open.Keys;

    /// <summary>Knows every connection of a listener.</summary>
    public void Watch(ListenOptions listener) => listener.Use(next => connection => RunAsync(connection, next));

    /// <summary>Closes all, and those that come until <see cref="Admit"/>.</summary>
    public Task TurnAwayAsync(string reason)
    {
        _turnedAwayFor = reason;
        return Task.WhenAll(_open.Keys.Select(connection => connection.CloseAsync(reason)));
    }

    /// <summary>Undoes <see cref="TurnAwayAsync"/>.</summary>
    public void Admit() => _turnedAwayFor = null;

    private async Task RunAsync(ConnectionContext context, ConnectionDelegate next)
    {
        var connection = new GrpcConnection(context, Streams, clock);
        context.Features.Set(connection);
        context.Features.Set(connection.Login);
        _open[connection] = 0;
        Connections.Begin();
        if (_turnedAwayFor is { } reason)
        {
            _ = connection.CloseAsync(reason);
        }

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
