using System.Net;
using Granary.Gateway.Amqp.Ends;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Amqp.Proxy;

/// <summary>
/// In front of a listener that is for proxies alone: who connects there says first, in a header of the PROXY protocol, whom it connects for. From then on that is the
/// connection's peer.
/// </summary>
/// <param name="networks">Where proxies are. Anybody else could say that he is whoever he likes.</param>
internal sealed partial class ProxyEntrance(ProxyNetworks networks, AmqpOptions options, ConnectionEnds ends, TimeProvider clock, ILogger log)
{
    /// <summary>How long nothing is said of strangers once it was: who looks for open ports comes often.</summary>
    public static readonly TimeSpan Pace = TimeSpan.FromMinutes(1);

    private long _quietUntil = long.MinValue;

    /// <summary>A connection's way in.</summary>
    public ConnectionDelegate Before(ConnectionDelegate next) => connection => RunAsync(connection, next);

    private async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var proxy = connection.RemoteEndPoint;
        if (proxy is not IPEndPoint { Address: var address } || !networks.Contains(address))
        {
            ends.Add(ConnectionEnd.NotAProxy, proxy);
            TellOfStrangers(proxy);
            return;
        }

        if (await ReadAsync(connection, proxy).ConfigureAwait(false) is { } header)
        {
            connection.RemoteEndPoint = header.Client ?? proxy;
            await next(connection).ConfigureAwait(false);
        }
    }

    // Null when none has come; what ends the connection is counted.
    private async ValueTask<ProxyHeader?> ReadAsync(ConnectionContext connection, EndPoint proxy)
    {
        var input = connection.Transport.Input;
        using var timeout = new CancellationTokenSource(options.HandshakeTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed, timeout.Token);
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(either.Token).ConfigureAwait(false);
                var header = ProxyHeaderReader.Read(read.Buffer);
                if (header.Length > 0)
                {
                    input.AdvanceTo(read.Buffer.GetPosition(header.Length));
                    return header;
                }

                input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                if (header.Fault is { } fault)
                {
                    ends.Add(ConnectionEnd.ProxyHeaderRefused, proxy, fault);
                    return null;
                }

                if (read.IsCompleted)
                {
                    ends.Add(ConnectionEnd.GoneBeforeOpen, proxy);
                    return null;
                }
            }
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            ends.Add(ConnectionEnd.HandshakeTimeout, proxy, $"{options.HandshakeTimeout}");
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            ends.Add(ConnectionEnd.GoneBeforeOpen, proxy);
        }

        return null;
    }

    private void TellOfStrangers(EndPoint? stranger)
    {
        var now = clock.GetTimestamp();
        var quietUntil = Volatile.Read(ref _quietUntil);
        var next = now + (long)(Pace.TotalSeconds * clock.TimestampFrequency);
        if (now >= quietUntil && Interlocked.CompareExchange(ref _quietUntil, next, quietUntil) == quietUntil)
        {
            LogStranger(log, stranger, networks, ends[ConnectionEnd.NotAProxy]);
        }
    }

    [LoggerMessage(1108, LogLevel.Warning, "{Peer} connected to the port for proxies and is none of {Networks}: closed, as were {Count} in all since the start")]
    private static partial void LogStranger(ILogger logger, EndPoint? peer, ProxyNetworks networks, long count);
}
