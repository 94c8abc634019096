namespace Granary.Amqp;

/// <summary>The eight octets that a client sends first (AMQP 0-9-1, section 4.2.2).</summary>
public static class ProtocolHeader
{
    public const int Size = 8;

    /// <summary><c>AMQP 0 0 9 1</c>, also the answer to a header that is not understood.</summary>
    public static ReadOnlySpan<byte> Amqp091 => "AMQP\0\0\x09\x01"u8;

    /// <summary><c>AMQP 1 1 0 9</c>, which RabbitMQ takes for the same protocol.</summary>
    public static ReadOnlySpan<byte> Amqp09 => "AMQP\x01\x01\0\x09"u8;

    /// <summary>Judges what has arrived; a wrong octet is refused at once, without waiting for the eight.</summary>
    public static ProtocolHeaderMatch Match(ReadOnlySpan<byte> received)
    {
        var seen = received[..Math.Min(received.Length, Size)];
        if (!Amqp091.StartsWith(seen) && !Amqp09.StartsWith(seen))
        {
            return ProtocolHeaderMatch.Other;
        }

        return seen.Length == Size ? ProtocolHeaderMatch.Accepted : ProtocolHeaderMatch.Incomplete;
    }
}
