using System.Net;
using System.Net.Sockets;
using Granary.Gateway.Hosting;
using Granary.Node.Configuration;

namespace Granary.Node;

/// <summary>The ports that a node is to listen on, looked at before anything is started: what fails in the middle of a start is told by whoever was started before it, too.</summary>
internal static class Listeners
{
    /// <summary>Why it cannot listen, and which option says where, for the operator; null: nothing is wrong.</summary>
    public static string? Refusal(NodeOptions options)
    {
        var gateway = options.Gateway;
        List<(string Option, ListenPoints Points)> listeners =
        [
            ("--http-port", gateway.Http), ("--http-tls-port", gateway.HttpTls), ("--metrics-port", gateway.Metrics), ("--metrics-tls-port", gateway.MetricsTls),
        ];
        if (options.Role != NodeRole.Silo)
        {
            listeners.InsertRange(0, [("--amqp-port", gateway.Amqp), ("--amqp-tls-port", gateway.AmqpTls), ("--grpc-port", gateway.Grpc), ("--grpc-tls-port", gateway.GrpcTls)]);
            if (gateway.ProxyPort is { } proxyPort)
            {
                listeners.Add(("--proxy-port", ListenPoints.At(proxyPort)));
            }
        }

        if (options.Member is { } member)
        {
            listeners.Add(("--silo-port", ListenPoints.At(member.SiloPort)));
        }

        return listeners.SelectMany(listener => listener.Points.Select(point => Refusal(point.At(gateway.Bind), listener.Option))).FirstOrDefault(refusal => refusal is not null);
    }

    // Bound and not listened on: clients that come back meanwhile are refused as before, and nothing stays behind.
    private static string? Refusal(IPEndPoint end, string option)
    {
        var (address, port) = (end.Address, end.Port);
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(end);
            return null;
        }
        catch (SocketException exception)
        {
            var setting = $"{option} ({Settings.VariableOf(option)})";
            return exception.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => $"Port {port} on {address} is already in use, by another process: {setting} chooses another one.",
                SocketError.AccessDenied => $"This user may not listen on port {port}: {setting} chooses another one.",
                SocketError.AddressNotAvailable => $"This machine has no address {address} to listen on: --bind (GRANARY_BIND) chooses another one.",
                _ => $"Port {port} on {address} cannot be listened on: {exception.Message}. {setting} and --bind choose others.",
            };
        }
    }
}
