using System.Net;
using System.Net.Sockets;

namespace Granary.Node;

/// <summary>The ports that a node is to listen on, looked at before anything is started: what fails in the middle of a start is told by whoever was started before it, too.</summary>
internal static class Listeners
{
    /// <summary>Why it cannot listen, and which option says where, for the operator; null: nothing is wrong.</summary>
    public static string? Refusal(NodeOptions options)
    {
        var gateway = options.Gateway;
        List<(string Option, int Port)> ports = [("--http-port", gateway.HttpPort), ("--metrics-port", gateway.MetricsPort)];
        if (options.Role != NodeRole.Silo)
        {
            ports.InsertRange(0, [("--amqp-port", gateway.AmqpPort), ("--grpc-port", gateway.GrpcPort)]);
            if (gateway.ProxyPort is { } proxyPort)
            {
                ports.Add(("--proxy-port", proxyPort));
            }
        }

        if (options.Member is { } member)
        {
            ports.Add(("--silo-port", member.SiloPort));
        }

        return ports.Select(port => Refusal(gateway.Bind, port.Port, port.Option)).FirstOrDefault(refusal => refusal is not null);
    }

    // Bound and not listened on: clients that come back meanwhile are refused as before, and nothing stays behind.
    private static string? Refusal(IPAddress address, int port, string option)
    {
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(address, port));
            return null;
        }
        catch (SocketException exception)
        {
            var setting = $"{option} ({NodeCommand.VariableOf(option)})";
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
