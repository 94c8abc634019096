using System.Collections.Concurrent;
using System.IO.Pipelines;
using Granary.Core.Threads;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Sockets;

/// <summary>
/// Cuts the HTTP connections of clients that read nothing any more. HTTP/2 pings find those that are gone, and those that do not answer, but not one
/// whose socket is full: the ping waits behind what it does not read.
/// </summary>
internal sealed partial class UnreadSockets(TimeSpan limit, TimeProvider clock, ILogger<UnreadSockets> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<ConnectionContext, (WatchedOutput Output, SendWatch Watch)> _open = new();

    /// <summary>Watches every connection of a listener.</summary>
    public void Watch(ListenOptions listener) => listener.Use(next => connection => RunAsync(connection, next));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.NextAsync(stoppingToken).ConfigureAwait(false))
        {
            Look();
        }
    }

    private void Look()
    {
        foreach (var (connection, (output, watch)) in _open)
        {
            if (watch.IsStuck(output.IsWaiting, output.Flushes))
            {
                LogCut(log, connection.RemoteEndPoint, limit);
                connection.Abort(new ConnectionAbortedException("The client reads nothing any more."));
            }
        }
    }

    private async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var transport = connection.Transport;
        var (input, output) = (new WatchedInput(transport.Input), new WatchedOutput(transport.Output));
        connection.Transport = new Watched(input, output);
        connection.Features.Set(new WatchedTraffic(input, output));
        _open[connection] = (output, new SendWatch(limit, clock));
        try
        {
            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            _open.TryRemove(connection, out _);
            connection.Transport = transport;
        }
    }

    [LoggerMessage(1411, LogLevel.Warning, "HTTP connection of {Peer} cut: the client has not read anything of what it is sent for {Timeout}")]
    private static partial void LogCut(ILogger logger, System.Net.EndPoint? peer, TimeSpan timeout);

    private sealed record Watched(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
