using System.Net;
using System.Net.Sockets;

namespace Granary.Gateway.Amqp.Proxy;

/// <summary>
/// Addresses as they are usually written. <see cref="IPAddress.TryParse(string, out IPAddress)"/> takes more: fewer than four parts, hexadecimal and octal ones, ports, scopes.
/// </summary>
internal static class AddressText
{
    public static bool TryRead(string text, AddressFamily family, out IPAddress address) => TryRead(text, out address) && address.AddressFamily == family;

    public static bool TryRead(string text, out IPAddress address)
    {
        address = IPAddress.None;
        if (!text.All(letter => char.IsAsciiHexDigit(letter) || letter is '.' or ':') || !IPAddress.TryParse(text, out var read))
        {
            return false;
        }

        address = read;
        return read.AddressFamily == AddressFamily.InterNetworkV6 || read.ToString() == text;
    }
}
