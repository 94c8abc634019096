using System.Net;

namespace Granary.Gateway.Figures;

/// <summary>What people know a connection by.</summary>
internal static class ConnectionNames
{
    /// <summary>As RabbitMQ has it: client, then the listener.</summary>
    public static string Of(EndPoint? peer, EndPoint? local) => $"{Of(peer)} -> {Of(local)}";

    /// <summary>The address alone, an IPv4 one as such.</summary>
    public static string HostOf(EndPoint? end) => end is IPEndPoint { Address: var address } ? (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString() : "unknown";

    public static int PortOf(EndPoint? end) => (end as IPEndPoint)?.Port ?? 0;

    private static string Of(EndPoint? end) => end is IPEndPoint ? $"{HostOf(end)}:{PortOf(end)}" : "unknown";
}
