using System.Buffers;
using System.Buffers.Binary;

namespace Granary.Amqp;

/// <summary>
/// What all frames share (AMQP 0-9-1, section 4.2.3).
/// <code>
/// octet     0      1       3             7                 7+size
///           +------+-------+-------------+-----------------+------+
///           | type |channel|    size     | payload ...     | 0xCE |
///           +------+-------+-------------+-----------------+------+
/// </code>
/// </summary>
public static class Frame
{
    /// <summary>The last octet of every frame.</summary>
    public const byte End = 0xCE;

    /// <summary>Octets before the payload.</summary>
    public const int HeaderSize = 7;

    /// <summary>Octets of a frame without payload: the header and the end octet.</summary>
    public const int Overhead = 8;

    /// <summary>The smallest frame_max of the specification, in octets of a whole frame.</summary>
    public const int MinSize = 4096;

    /// <summary>A whole heartbeat frame.</summary>
    public static ReadOnlySpan<byte> Heartbeat => [8, 0, 0, 0, 0, 0, 0, End];

    /// <summary>The largest payload that may be sent where <paramref name="frameMax"/> was negotiated, 0 meaning without limit.</summary>
    public static int MaxPayload(int frameMax) => frameMax == 0 ? Array.MaxLength - Overhead : frameMax - Overhead;

    /// <summary>Writes the seven octets before a payload.</summary>
    public static void WriteHeader(Span<byte> destination, FrameType type, ushort channel, int payloadSize)
    {
        destination[HeaderSize - 1] = 0;
        destination[0] = (byte)type;
        BinaryPrimitives.WriteUInt16BigEndian(destination[1..], channel);
        BinaryPrimitives.WriteInt32BigEndian(destination[3..], payloadSize);
    }

    /// <summary>Writes a whole frame.</summary>
    public static void Write(IBufferWriter<byte> output, FrameType type, ushort channel, ReadOnlySpan<byte> payload)
    {
        ArgumentNullException.ThrowIfNull(output);
        var size = payload.Length + Overhead;
        var frame = output.GetSpan(size)[..size];
        WriteHeader(frame, type, channel, payload.Length);
        payload.CopyTo(frame[HeaderSize..]);
        frame[size - 1] = End;
        output.Advance(size);
    }

    /// <summary>Writes a body as as many body frames as <paramref name="frameMax"/> asks for, none for an empty body.</summary>
    public static void WriteBody(IBufferWriter<byte> output, ushort channel, ReadOnlySpan<byte> body, int frameMax)
    {
        var part = MaxPayload(frameMax);
        while (!body.IsEmpty)
        {
            var size = Math.Min(part, body.Length);
            Write(output, FrameType.Body, channel, body[..size]);
            body = body[size..];
        }
    }
}
