using System.Buffers;
using System.Buffers.Binary;

namespace Granary.Amqp;

/// <summary>
/// The payload of a header frame (AMQP 0-9-1, section 4.2.6.1).
/// <code>
/// octet 0       2        4           12      14
///       +-------+--------+-----------+-------+-----------------+
///       | class | weight | body size | flags | properties ...  |
///       +-------+--------+-----------+-------+-----------------+
///                                    |  what Properties holds  |
/// </code>
/// </summary>
public readonly ref struct ContentHeader
{
    /// <summary>Octets before the properties.</summary>
    public const int FixedSize = 12;

    private const int FlagsSize = 2;
    private const int BodySizeAt = 4;

    private ContentHeader(ushort classId, ulong bodySize, ReadOnlySpan<byte> properties)
    {
        ClassId = classId;
        BodySize = bodySize;
        Properties = properties;
    }

    public ushort ClassId { get; }

    /// <summary>Octets of the body, in all its frames together; whatever the peer claims.</summary>
    public ulong BodySize { get; }

    /// <summary>Flags and values as on the wire, at least two octets, not checked further: see <see cref="BasicPropertiesView"/>.</summary>
    public ReadOnlySpan<byte> Properties { get; }

    /// <summary>Reads the payload of a header frame; the weight is unused and ignored.</summary>
    /// <exception cref="AmqpConnectionException">501: too short.</exception>
    public static ContentHeader Read(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < FixedSize + FlagsSize)
        {
            DecodeError.Frame((byte)FrameType.Header, payload, "unknown_frame");
        }

        return new ContentHeader(
            BinaryPrimitives.ReadUInt16BigEndian(payload), BinaryPrimitives.ReadUInt64BigEndian(payload[BodySizeAt..]), payload[FixedSize..]);
    }

    /// <summary>Octets of a whole header frame.</summary>
    public static int FrameSize(int propertiesLength) => Frame.Overhead + FixedSize + propertiesLength;

    /// <summary>Writes a whole header frame of class basic and returns its size.</summary>
    public static int WriteFrame(Span<byte> destination, ushort channel, ulong bodySize, ReadOnlySpan<byte> properties)
    {
        var size = FrameSize(properties.Length);
        destination[size - 1] = Frame.End;
        Frame.WriteHeader(destination, FrameType.Header, channel, size - Frame.Overhead);
        var payload = destination[Frame.HeaderSize..];
        BinaryPrimitives.WriteUInt32BigEndian(payload, (uint)MethodId.BasicClass << 16);
        BinaryPrimitives.WriteUInt64BigEndian(payload[BodySizeAt..], bodySize);
        properties.CopyTo(payload[FixedSize..]);
        return size;
    }

    /// <summary>Writes a whole header frame of class basic.</summary>
    public static void WriteFrame(IBufferWriter<byte> output, ushort channel, ulong bodySize, ReadOnlySpan<byte> properties)
    {
        ArgumentNullException.ThrowIfNull(output);
        output.Advance(WriteFrame(output.GetSpan(FrameSize(properties.Length)), channel, bodySize, properties));
    }
}
