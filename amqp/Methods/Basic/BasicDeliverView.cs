using System.Buffers.Binary;

namespace Granary.Amqp.Methods;

/// <summary>
/// basic.deliver in place, for the path on which nothing may be allocated.
/// <code>
/// | length (1) | consumer tag | delivery tag (8) | redelivered (1) | length (1) | exchange | length (1) | routing key |
/// </code>
/// </summary>
public readonly ref struct BasicDeliverView
{
    private const int FixedSize = 12;

    private BasicDeliverView(
        ReadOnlySpan<byte> consumerTag, ulong deliveryTag, bool redelivered, ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> routingKey)
    {
        ConsumerTag = consumerTag;
        DeliveryTag = deliveryTag;
        Redelivered = redelivered;
        Exchange = exchange;
        RoutingKey = routingKey;
    }

    public ReadOnlySpan<byte> ConsumerTag { get; }

    public ulong DeliveryTag { get; }

    public bool Redelivered { get; }

    public ReadOnlySpan<byte> Exchange { get; }

    public ReadOnlySpan<byte> RoutingKey { get; }

    /// <summary>Reads the fields, which follow class and method number.</summary>
    /// <exception cref="AmqpConnectionException">501: the bytes are not exactly these fields.</exception>
    public static BasicDeliverView Read(ReadOnlySpan<byte> fields)
    {
        var reader = new AmqpReader(fields, MethodId.BasicDeliver);
        var consumerTag = reader.ReadShortString();
        var deliveryTag = reader.ReadLongLong();
        var redelivered = reader.ReadBit();
        var exchange = reader.ReadShortString();
        var routingKey = reader.ReadShortString();
        reader.ExpectEnd();
        return new BasicDeliverView(consumerTag, deliveryTag, redelivered, exchange, routingKey);
    }

    /// <summary>Octets of a whole method frame.</summary>
    public static int FrameSize(int consumerTagLength, int exchangeLength, int routingKeyLength) =>
        Frame.Overhead + MethodFrame.IdSize + FixedSize + consumerTagLength + exchangeLength + routingKeyLength;

    /// <summary>Writes a whole method frame and returns its size.</summary>
    /// <exception cref="ArgumentException">A name has more than 255 bytes.</exception>
    public static int WriteFrame(
        Span<byte> destination,
        ushort channel,
        ReadOnlySpan<byte> consumerTag,
        ulong deliveryTag,
        bool redelivered,
        ReadOnlySpan<byte> exchange,
        ReadOnlySpan<byte> routingKey)
    {
        var size = FrameSize(consumerTag.Length, exchange.Length, routingKey.Length);
        MethodFrame.WriteStart(destination, channel, MethodId.BasicDeliver, size - Frame.Overhead);
        var writer = new AmqpWriter(destination[(Frame.HeaderSize + MethodFrame.IdSize)..size]);
        writer.WriteShortString(consumerTag);
        writer.WriteLongLong(deliveryTag);
        writer.WriteBit(redelivered);
        writer.WriteShortString(exchange);
        writer.WriteShortString(routingKey);
        writer.WriteOctet(Frame.End);
        return size;
    }

    /// <summary>
    /// Makes a copy of a frame that <see cref="WriteFrame"/> wrote the frame of another delivery to the same consumer, from the same exchange and
    /// with the same key: cheaper than writing it again.
    /// </summary>
    /// <param name="frame">The frame from its first octet.</param>
    /// <param name="consumerTagLength">Octets of the consumer tag in it.</param>
    /// <param name="deliveryTag">The tag of this delivery.</param>
    /// <param name="redelivered">Whether it may have been delivered before.</param>
    public static void Renumber(Span<byte> frame, int consumerTagLength, ulong deliveryTag, bool redelivered)
    {
        var changing = frame.Slice(Frame.HeaderSize + MethodFrame.IdSize + 1 + consumerTagLength, sizeof(ulong) + 1);
        BinaryPrimitives.WriteUInt64BigEndian(changing, deliveryTag);
        changing[sizeof(ulong)] = redelivered ? (byte)1 : (byte)0;
    }
}
