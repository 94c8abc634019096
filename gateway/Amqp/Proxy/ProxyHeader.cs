using System.Net;

namespace Granary.Gateway.Amqp.Proxy;

/// <summary>What a look at the first octets of a connection has found.</summary>
/// <param name="Length">Of the header in octets; 0 while it is not there as a whole, and when there is none.</param>
/// <param name="Client">Who is at the proxy's other end; null when that is the proxy itself, or when it does not say.</param>
/// <param name="Fault">What is wrong with it; null when nothing is.</param>
internal readonly record struct ProxyHeader(int Length, IPEndPoint? Client, string? Fault)
{
    /// <summary>More has to come.</summary>
    public static ProxyHeader Unfinished => default;

    public static ProxyHeader Faulty(string fault) => new(0, null, fault);
}
