using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Text;

namespace Granary.Gateway.Tests.Amqp.Proxy;

/// <summary>Headers as proxies send them, and octets as they come: in pieces.</summary>
internal static class ProxyHeaders
{
    public const byte Local = 0x20, Proxied = 0x21, Tcp4 = 0x11, Tcp6 = 0x21, Unspecified = 0;

    public static byte[] Signature => [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A];

    public static byte[] Text(string line) => Encoding.Latin1.GetBytes($"PROXY {line}\r\n");

    public static byte[] Text(IPEndPoint client, IPEndPoint server) =>
        Text($"TCP{(client.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork ? 4 : 6)} {client.Address} {server.Address} {client.Port} {server.Port}");

    public static byte[] Binary(byte command, byte family, params byte[] rest)
    {
        var length = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)rest.Length);
        return [.. Signature, command, family, .. length, .. rest];
    }

    public static byte[] Binary(IPEndPoint client, IPEndPoint server, params byte[] more)
    {
        var ports = new byte[4];
        BinaryPrimitives.WriteUInt16BigEndian(ports, (ushort)client.Port);
        BinaryPrimitives.WriteUInt16BigEndian(ports.AsSpan(2), (ushort)server.Port);
        var addresses = client.Address.GetAddressBytes();
        return Binary(Proxied, addresses.Length == 4 ? Tcp4 : Tcp6, [.. addresses, .. server.Address.GetAddressBytes(), .. ports, .. more]);
    }

    /// <summary>The octets, cut at these places.</summary>
    public static ReadOnlySequence<byte> Cut(byte[] octets, params int[] places)
    {
        var first = new Piece(default, null);
        var last = first;
        var from = 0;
        foreach (var to in places.Append(octets.Length).Where(place => place <= octets.Length).Order())
        {
            last = new Piece(octets.AsMemory(from..to), last);
            from = to;
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> octets, Piece? before)
        {
            Memory = octets;
            if (before is not null)
            {
                RunningIndex = before.RunningIndex + before.Memory.Length;
                before.Next = this;
            }
        }
    }
}
