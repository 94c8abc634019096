using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Granary.Gateway.Amqp.Proxy;

/// <summary>
/// Reads the header of the PROXY protocol, versions 1 (a line of text) and 2 (binary), as <c>proxy-protocol.txt</c> of HAProxy's documentation has it. Faults are looked
/// for from the first octet on, so that what is found does not depend on how much has come.
/// </summary>
internal static class ProxyHeaderReader
{
    /// <summary>The longest line of version 1, with its end.</summary>
    public const int LongestText = 107;

    /// <summary>The longest header of version 2: what proxies add behind the addresses (names, what TLS was agreed on) has room in it many times.</summary>
    public const int LongestBinary = 4096;

    // Behind it: version and command, family and protocol, and two octets for the length of the rest.
    private const int SignatureSize = 12, FixedSize = 16;

    private const byte Local = 0x20, Proxied = 0x21;
    private const byte Unspecified = 0x00, Tcp4 = 0x11, Tcp6 = 0x21;

    // Two addresses and two ports.
    private const int Tcp4Size = 12, Tcp6Size = 36;

    private static ReadOnlySpan<byte> TextSignature => "PROXY "u8;

    private static ReadOnlySpan<byte> BinarySignature => [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A];

    public static ProxyHeader Read(in ReadOnlySequence<byte> octets)
    {
        if (octets.IsEmpty)
        {
            return ProxyHeader.Unfinished;
        }

        // All that is looked at; the rest of a binary header is skipped.
        Span<byte> copy = stackalloc byte[LongestText];
        var start = copy[..(int)Math.Min(copy.Length, octets.Length)];
        octets.Slice(0, start.Length).CopyTo(start);
        return start[0] switch
        {
            (byte)'P' => ReadText(start),
            0x0D => ReadBinary(start, octets.Length),
            var other => ProxyHeader.Faulty($"it begins with 0x{other:X2}"),
        };
    }

    private static ProxyHeader ReadText(ReadOnlySpan<byte> start)
    {
        if (!MayBegin(start, TextSignature))
        {
            return ProxyHeader.Faulty("it begins with P, and goes on as no header does");
        }

        var end = start.IndexOf((byte)'\n');
        if (end < 0)
        {
            return start.Length < LongestText ? ProxyHeader.Unfinished : ProxyHeader.Faulty($"its line does not end within {LongestText} octets");
        }

        if (start[end - 1] != '\r')
        {
            return ProxyHeader.Faulty("its line does not end with CR LF");
        }

        var length = end + 1;
        var fields = Encoding.Latin1.GetString(start[TextSignature.Length..(end - 1)]).Split(' ');
        return fields switch
        {
            ["UNKNOWN", ..] => new ProxyHeader(length, null, null),
            ["TCP4", var from, var to, var fromPort, var toPort] => FromText(length, AddressFamily.InterNetwork, from, to, fromPort, toPort),
            ["TCP6", var from, var to, var fromPort, var toPort] => FromText(length, AddressFamily.InterNetworkV6, from, to, fromPort, toPort),
            _ => ProxyHeader.Faulty("its line is none of TCP4, TCP6 (with two addresses and two ports) and UNKNOWN"),
        };
    }

    private static ProxyHeader FromText(int length, AddressFamily family, string from, string to, string fromPort, string toPort) =>
        AddressText.TryRead(from, family, out var client) && AddressText.TryRead(to, family, out _)
        && TryReadPort(fromPort, out var port) && TryReadPort(toPort, out _)
            ? new ProxyHeader(length, new IPEndPoint(client, port), null)
            : ProxyHeader.Faulty("its line has an address or a port that is none");

    private static bool TryReadPort(string text, out ushort port) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && (text.Length == 1 || text[0] != '0');

    private static ProxyHeader ReadBinary(ReadOnlySpan<byte> start, long available)
    {
        if (!MayBegin(start, BinarySignature))
        {
            return ProxyHeader.Faulty("it begins with CR, and goes on as no header does");
        }

        if (start.Length > SignatureSize && start[SignatureSize] is var command && command is not (Local or Proxied))
        {
            return ProxyHeader.Faulty($"its version and command are 0x{command:X2}");
        }

        // Of a proxy that speaks for itself nothing else counts.
        var isProxied = start.Length > SignatureSize && start[SignatureSize] == Proxied;
        if (isProxied && start.Length > SignatureSize + 1 && start[SignatureSize + 1] is var family && family is not (Unspecified or Tcp4 or Tcp6))
        {
            return ProxyHeader.Faulty($"its address family and protocol are 0x{family:X2}, and not those of TCP");
        }

        if (start.Length < FixedSize)
        {
            return ProxyHeader.Unfinished;
        }

        var kind = isProxied ? start[SignatureSize + 1] : Unspecified;
        var rest = BinaryPrimitives.ReadUInt16BigEndian(start[(SignatureSize + 2)..]);
        if (rest < SizeOf(kind) || rest > LongestBinary - FixedSize)
        {
            return ProxyHeader.Faulty($"its length is {rest}");
        }

        var length = FixedSize + rest;
        return available < length ? ProxyHeader.Unfinished : new ProxyHeader(length, ClientOf(kind, start[FixedSize..]), null);
    }

    private static int SizeOf(byte kind) => kind switch
    {
        Tcp4 => Tcp4Size,
        Tcp6 => Tcp6Size,
        _ => 0,
    };

    private static IPEndPoint? ClientOf(byte kind, ReadOnlySpan<byte> addresses) => kind switch
    {
        Tcp4 => new IPEndPoint(new IPAddress(addresses[..4]), BinaryPrimitives.ReadUInt16BigEndian(addresses[8..])),
        Tcp6 => new IPEndPoint(new IPAddress(addresses[..16]), BinaryPrimitives.ReadUInt16BigEndian(addresses[32..])),
        _ => null,
    };

    private static bool MayBegin(ReadOnlySpan<byte> start, ReadOnlySpan<byte> signature) =>
        start.Length < signature.Length ? signature.StartsWith(start) : start.StartsWith(signature);
}
