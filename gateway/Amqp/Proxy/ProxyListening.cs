using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Granary.Gateway.Amqp.Proxy;

/// <summary>Puts a <see cref="ProxyEntrance"/> in front of a listener.</summary>
internal static class ProxyListening
{
    public static IConnectionBuilder UseProxyHeader(this ListenOptions listener, ProxyNetworks networks)
    {
        var server = listener.ApplicationServices.GetRequiredService<AmqpServer>();
        return listener.Use(new ProxyEntrance(networks, server.Options, server.Ends, server.Clock, server.Log).Before);
    }
}
