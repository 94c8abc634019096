using System.Globalization;
using System.Net;

namespace Granary.Gateway.Amqp.Proxy;

/// <summary>Where proxies are, whose word is taken for who a client is.</summary>
public sealed class ProxyNetworks
{
    private readonly IPNetwork[] _networks;

    private ProxyNetworks(IPNetwork[] networks) => _networks = networks;

    /// <summary>Reads networks such as 10.0.0.0/8, and addresses, with commas between them.</summary>
    /// <exception cref="FormatException">One of them is neither.</exception>
    public static ProxyNetworks Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new ProxyNetworks([.. text.Split(',', StringSplitOptions.TrimEntries).Select(ParseOne)]);
    }

    public bool Contains(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);

        // A socket for both families shows addresses of the older one like that.
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return Array.Exists(_networks, network => network.Contains(plain));
    }

    public override string ToString() => string.Join(',', _networks);

    private static IPNetwork ParseOne(string text)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (!AddressText.TryRead(slash < 0 ? text : text[..slash], out var address))
        {
            throw new FormatException($"'{text}' is neither a network such as 10.0.0.0/8 nor an address");
        }

        var bits = address.GetAddressBytes().Length * 8;
        var prefix = bits;
        if (slash >= 0 && !(int.TryParse(text[(slash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out prefix) && prefix <= bits))
        {
            throw new FormatException($"'{text}' is no network: behind the slash is the number of bits that count, 0 to {bits}");
        }

        return HasBitsBeyond(address, prefix) ? throw new FormatException($"'{text}' is no network: {address} has bits beyond the first {prefix}") : new IPNetwork(address, prefix);
    }

    private static bool HasBitsBeyond(IPAddress address, int prefix)
    {
        var octets = address.GetAddressBytes();
        for (var bit = prefix; bit < octets.Length * 8; bit++)
        {
            if ((octets[bit / 8] & (0x80 >> (bit % 8))) != 0)
            {
                return true;
            }
        }

        return false;
    }
}
