using System.Buffers;
using System.Buffers.Binary;

namespace Granary.Amqp.Methods;

/// <summary>
/// Method frames, whose payload is (AMQP 0-9-1, section 4.2.4)
/// <code>
/// | class number (2) | method number (2) | fields ... |
/// </code>
/// </summary>
public static class MethodFrame
{
    /// <summary>Octets of class and method number.</summary>
    public const int IdSize = 4;

    /// <summary>Writes a whole method frame.</summary>
    /// <exception cref="ArgumentException">A short string has more than 255 bytes of UTF-8; nothing is written then.</exception>
    public static void Write<T>(IBufferWriter<byte> output, ushort channel, in T method)
        where T : struct, IMethod
    {
        ArgumentNullException.ThrowIfNull(output);
        var payloadSize = IdSize + method.Size;
        var size = payloadSize + Frame.Overhead;
        var frame = output.GetSpan(size)[..size];
        WriteStart(frame, channel, method.Id, payloadSize);
        var writer = new AmqpWriter(frame.Slice(Frame.HeaderSize + IdSize, payloadSize - IdSize));
        method.Write(ref writer);
        frame[size - 1] = Frame.End;
        output.Advance(size);
    }

    /// <summary>Splits the payload of a method frame into the method, as in <see cref="Amqp.MethodId"/>, and its fields.</summary>
    /// <exception cref="AmqpConnectionException">501: fewer than four octets.</exception>
    public static uint ReadId(ReadOnlySpan<byte> payload, out ReadOnlySpan<byte> fields)
    {
        if (payload.Length < IdSize)
        {
            DecodeError.Frame((byte)FrameType.Method, payload, "unknown_frame");
        }

        fields = payload[IdSize..];
        return BinaryPrimitives.ReadUInt32BigEndian(payload);
    }

    /// <summary>Reads the fields of a method whose number is known.</summary>
    /// <exception cref="AmqpConnectionException">501: the bytes are not exactly these fields.</exception>
    public static T Read<T>(ReadOnlySpan<byte> fields)
        where T : struct, IReadableMethod<T>
    {
        var reader = new AmqpReader(fields, default(T).Id);
        var method = T.Read(ref reader);
        reader.ExpectEnd();
        return method;
    }

    internal static void WriteStart(Span<byte> frame, ushort channel, uint methodId, int payloadSize)
    {
        Frame.WriteHeader(frame, FrameType.Method, channel, payloadSize);
        BinaryPrimitives.WriteUInt32BigEndian(frame[Frame.HeaderSize..], methodId);
    }
}
