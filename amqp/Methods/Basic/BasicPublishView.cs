namespace Granary.Amqp.Methods;

/// <summary>
/// basic.publish in place, for the path on which nothing may be allocated. Names are not checked to be UTF-8: who turns them into text does.
/// <code>
/// | ticket (2) | length (1) | exchange | length (1) | routing key | bits (1): mandatory, immediate |
/// </code>
/// </summary>
public readonly ref struct BasicPublishView
{
    private const int TicketSize = 2;
    private const int MinSize = TicketSize + 3;
    private const int MandatoryBit = 1;
    private const int ImmediateBit = 2;

    private readonly byte _bits;

    private BasicPublishView(ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, byte bits)
    {
        Exchange = exchange;
        RoutingKey = routingKey;
        _bits = bits;
    }

    public ReadOnlySpan<byte> Exchange { get; }

    public ReadOnlySpan<byte> RoutingKey { get; }

    public bool Mandatory => (_bits & MandatoryBit) != 0;

    public bool Immediate => (_bits & ImmediateBit) != 0;

    /// <summary>Reads the fields, which follow class and method number.</summary>
    /// <exception cref="AmqpConnectionException">501: the bytes are not exactly these fields.</exception>
    public static BasicPublishView Read(ReadOnlySpan<byte> fields)
    {
        if (fields.Length >= MinSize)
        {
            var keyLengthAt = TicketSize + 1 + fields[TicketSize];
            if (keyLengthAt < fields.Length - 1)
            {
                var bitsAt = keyLengthAt + 1 + fields[keyLengthAt];
                if (bitsAt == fields.Length - 1)
                {
                    return new BasicPublishView(fields[(TicketSize + 1)..keyLengthAt], fields[(keyLengthAt + 1)..bitsAt], fields[bitsAt]);
                }
            }
        }

        DecodeError.Undecodable(fields, MethodId.BasicPublish);
        return default;
    }

    /// <summary>Octets of a whole method frame.</summary>
    public static int FrameSize(int exchangeLength, int routingKeyLength) =>
        Frame.Overhead + MethodFrame.IdSize + MinSize + exchangeLength + routingKeyLength;

    /// <summary>Writes a whole method frame and returns its size, for clients.</summary>
    /// <exception cref="ArgumentException">A name has more than 255 bytes.</exception>
    public static int WriteFrame(
        Span<byte> destination, ushort channel, ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey, bool mandatory = false)
    {
        var size = FrameSize(exchange.Length, routingKey.Length);
        MethodFrame.WriteStart(destination, channel, MethodId.BasicPublish, size - Frame.Overhead);
        var writer = new AmqpWriter(destination[(Frame.HeaderSize + MethodFrame.IdSize)..size]);
        writer.WriteShort(0);
        writer.WriteShortString(exchange);
        writer.WriteShortString(routingKey);
        writer.WriteBits(mandatory, false);
        writer.WriteOctet(Frame.End);
        return size;
    }
}
