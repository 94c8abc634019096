using System.Diagnostics.CodeAnalysis;
using System.Net;

namespace Granary.Gateway.Access;

/// <summary>Clients on the machine of the process.</summary>
internal static class Loopback
{
    /// <summary>Whether the address is one of loopback, also where a listener for both kinds of addresses tells an IPv4 one as IPv6.</summary>
    public static bool Includes([NotNullWhen(true)] IPAddress? address) =>
        address is not null && IPAddress.IsLoopback(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address);
}
