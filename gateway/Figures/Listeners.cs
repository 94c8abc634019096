using Granary.Core.Figures;
using Granary.Gateway.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Granary.Gateway.Figures;

/// <summary>What the process listens on for clients, by the names that RabbitMQ's tools look for.</summary>
internal sealed class Listeners(GatewayOptions options, IServer server)
{
    /// <summary>Nothing before the server has started.</summary>
    public IReadOnlyList<ListenerFigure> All =>
        [.. Protocols().Zip(server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [], static (protocol, address) => Of(protocol, BindingAddressOf(address)))];

    // In the order in which they are set up (Listening). The server knows which ports were free where any was asked for.
    private IEnumerable<string> Protocols()
    {
        (string Protocol, int Count)[] all =
        [
            ("amqp", options.Amqp.Count), ("amqp/ssl", options.AmqpTls.Count), ("amqp/proxy", options.ProxyPort is null ? 0 : 1), ("grpc", options.Grpc.Count),
            ("grpc/ssl", options.GrpcTls.Count), ("http", options.Http.Count), ("http/prometheus", options.Metrics.Count), ("https", options.HttpTls.Count),
            ("https/prometheus", options.MetricsTls.Count),
        ];
        return all.SelectMany(listener => Enumerable.Repeat(listener.Protocol, listener.Count));
    }

    private static ListenerFigure Of(string protocol, Uri address) => new(protocol, address.Host.Trim('[', ']'), address.Port);

    private static Uri BindingAddressOf(string address) => new(address);
}
