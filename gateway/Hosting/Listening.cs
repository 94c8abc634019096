using System.Net;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Proxy;
using Granary.Gateway.Figures;
using Granary.Gateway.Grpc.Connections;
using Granary.Gateway.Management.Control;
using Granary.Gateway.Sockets;
using Granary.Gateway.Tls;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Gateway.Hosting;

/// <summary>What is spoken at which port.</summary>
internal static class Listening
{
    /// <summary>All listeners of a gateway.</summary>
    public static void Listen(this KestrelServerOptions kestrel, GatewayOptions options)
    {
        kestrel.ListenForAmqp(options.Bind, options.Amqp, _ => { });
        kestrel.ListenForAmqp(options.Bind, options.AmqpTls, listen => listen.UseTls());
        if (options is { ProxyPort: { } proxyPort, ProxyNetworks: { } proxies })
        {
            kestrel.ListenForAmqp(options.Bind, ListenPoints.At(proxyPort), listen => listen.UseProxyHeader(proxies));
        }

        var unread = kestrel.ApplicationServices.GetRequiredService<UnreadSockets>();
        var clients = kestrel.ApplicationServices.GetRequiredService<GrpcConnections>();
        kestrel.ListenForGrpc(options.Bind, options.Grpc, listen =>
        {
            unread.Watch(listen);
            listen.UseGrpc(clients);
        });
        kestrel.ListenForGrpc(options.Bind, options.GrpcTls, listen =>
        {
            unread.Watch(listen);
            listen.UseTlsForHttp(shown => shown.Amqp);
            listen.UseGrpc(clients);
        });
        kestrel.ListenForHttp(options, unread.Watch);
        if (options.ControlSocket is { } path)
        {
            kestrel.ListenForControl(path);
        }
    }

    /// <summary>The listeners for management, health and metrics.</summary>
    /// <param name="before">What is in front of TLS and HTTP.</param>
    public static void ListenForHttp(this KestrelServerOptions kestrel, GatewayOptions options, Action<ListenOptions> before)
    {
        foreach (var (points, role) in new[] { (options.Http, PortRole.Management), (options.Metrics, PortRole.Metrics) })
        {
            kestrel.ListenAt(options.Bind, points, listen =>
            {
                before(listen);
                listen.Use(role);
            });
        }

        foreach (var (points, role) in new[] { (options.HttpTls, PortRole.Management), (options.MetricsTls, PortRole.Metrics) })
        {
            kestrel.ListenAt(options.Bind, points, listen =>
            {
                before(listen);
                listen.UseTlsForHttp(shown => shown.Https);
                listen.Use(role);
            });
        }
    }

    private static void ListenForAmqp(this KestrelServerOptions kestrel, IPAddress address, ListenPoints points, Action<ListenOptions> before)
    {
        foreach (var point in points)
        {
            var end = point.At(address);
            kestrel.Listen(OperatingSystem.IsLinux() ? new DirectEndPoint(end.Address, end.Port) : new ClientEndPoint(end.Address, end.Port), listen =>
            {
                before(listen);
                listen.UseConnectionHandler<AmqpConnectionHandler>();
            });
        }
    }

    private static void ListenForGrpc(this KestrelServerOptions kestrel, IPAddress address, ListenPoints points, Action<ListenOptions> use)
    {
        foreach (var point in points)
        {
            var end = point.At(address);
            kestrel.Listen(new ClientEndPoint(end.Address, end.Port), use);
        }
    }

    private static void ListenAt(this KestrelServerOptions kestrel, IPAddress address, ListenPoints points, Action<ListenOptions> use)
    {
        foreach (var point in points)
        {
            kestrel.Listen(point.At(address), use);
        }
    }

    // Connections know what their listener is for.
    private static void Use(this ListenOptions listen, PortRole role) => listen.Use(next => connection =>
    {
        connection.Features.Set(role);
        return next(connection);
    });

    private static void UseGrpc(this ListenOptions listen, GrpcConnections clients)
    {
        listen.Protocols = HttpProtocols.Http2;
        clients.Watch(listen);
    }
}
