using System.Buffers;

namespace Granary.Gateway.Tls;

/// <summary>What a client begins with at a port for TLS.</summary>
internal static class TlsHello
{
    // A record of a handshake, version 3.x.
    private const byte Handshake = 0x16, Major = 3;

    // Of what is none: enough to see what it is.
    private const int Shown = 8;

    /// <summary>Whether it may be TLS so far.</summary>
    public static bool MayBe(in ReadOnlySequence<byte> octets)
    {
        Span<byte> start = stackalloc byte[(int)Math.Min(2, octets.Length)];
        octets.Slice(0, start.Length).CopyTo(start);
        return (start.IsEmpty || start[0] == Handshake) && (start.Length < 2 || start[1] == Major);
    }

    /// <summary>What it is instead, for operators.</summary>
    public static string Describe(in ReadOnlySequence<byte> octets)
    {
        Span<byte> start = stackalloc byte[(int)Math.Min(Shown, octets.Length)];
        octets.Slice(0, start.Length).CopyTo(start);
        return start.StartsWith("AMQP"u8) ? "AMQP without TLS"
            : start.StartsWith("PRI "u8) ? "HTTP/2 without TLS"
            : start.StartsWith("GET "u8) || start.StartsWith("POST "u8) || start.StartsWith("PUT "u8) || start.StartsWith("HEAD "u8) ? "HTTP without TLS"
            : Convert.ToHexString(start);
    }
}
