using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Granary.Amqp;

/// <summary>Finds the frames in received bytes: a pure function, called three times per message.</summary>
public static class FrameReader
{
    // Bit n is set when n is a frame type.
    private const uint KnownTypes = (1u << (int)FrameType.Method) | (1u << (int)FrameType.Header) | (1u << (int)FrameType.Body)
        | (1u << (int)FrameType.Heartbeat);

    // No array holds more; with frame_max 0 (no limit) a frame must still be addressable.
    private const uint MaxPayload = 0x7FFF_FFC7 - Frame.Overhead;

    /// <summary>
    /// Takes one frame from the start of the buffer; false means that more bytes are needed. A frame that can never become acceptable is
    /// refused as soon as its header is there, before its payload is waited for.
    /// <code>
    /// octet     0      1       3             7                 7+size
    ///           +------+-------+-------------+-----------------+------+
    ///           | type |channel|    size     | payload ...     | 0xCE |
    ///           +------+-------+-------------+-----------------+------+
    /// one load: |       the first eight octets, big-endian     |
    /// </code>
    /// </summary>
    /// <param name="buffer">What was received and not consumed yet, from the start of a frame.</param>
    /// <param name="frameMax">
    /// The negotiated frame_max in octets, 0 for no limit. Frames should not exceed it as a whole, yet a payload of that size is taken: RabbitMQ
    /// allows these 8 octets because clients get it wrong (rabbit_reader, FRAME_SIZE_FUDGE).
    /// </param>
    /// <param name="type">The frame's type.</param>
    /// <param name="channel">The frame's channel.</param>
    /// <param name="payload">The payload, in place.</param>
    /// <param name="consumed">Octets of the whole frame, 0 when more are needed.</param>
    /// <exception cref="AmqpConnectionException">501: unknown type, payload too large, or wrong end octet.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead(
        ReadOnlySpan<byte> buffer, int frameMax, out FrameType type, out ushort channel, out ReadOnlySpan<byte> payload, out int consumed)
    {
        if (buffer.Length >= Frame.Overhead)
        {
            var head = BinaryPrimitives.ReadUInt64BigEndian(buffer);
            var first = (int)(head >> 56);
            var size = (uint)(head >> 8);

            // A shift count is taken modulo 32, hence the first test.
            if (first < 32 && ((KnownTypes >> first) & 1) != 0 && size <= (uint)frameMax)
            {
                if (size <= (uint)(buffer.Length - Frame.Overhead))
                {
                    payload = buffer.Slice(Frame.HeaderSize, (int)size);
                    if (buffer[Frame.HeaderSize + (int)size] == Frame.End)
                    {
                        type = (FrameType)first;
                        channel = (ushort)(head >> 40);
                        consumed = Frame.Overhead + (int)size;
                        return true;
                    }

                    RefuseEnd(buffer, (int)size);
                }

                goto More;
            }
        }

        if (buffer.Length >= Frame.HeaderSize)
        {
            return TryReadSlowly(buffer, frameMax, out type, out channel, out payload, out consumed);
        }

    More:
        type = default;
        channel = 0;
        payload = default;
        consumed = 0;
        return false;
    }

    /// <summary>
    /// How long the frame at the start of the buffer will be as a whole, in octets, or null before its seven header octets are there.
    /// Tells a caller that must join segments how much to join.
    /// </summary>
    /// <exception cref="AmqpConnectionException">501: unknown type or payload too large.</exception>
    public static int? FrameSize(ReadOnlySpan<byte> buffer, int frameMax) =>
        buffer.Length < Frame.HeaderSize ? null : Frame.Overhead + (int)CheckHeader(buffer, frameMax);

    /// <summary>Refuses a frame whose payload was taken in parts, unless it ends as it must.</summary>
    /// <param name="type">The frame's type.</param>
    /// <param name="first">The first octets of the payload, 16 or all.</param>
    /// <param name="length">The length of all of it.</param>
    /// <param name="end">The octet behind it.</param>
    /// <exception cref="AmqpConnectionException">501: wrong end octet.</exception>
    public static void CheckEnd(FrameType type, ReadOnlySpan<byte> first, int length, byte end)
    {
        if (end != Frame.End)
        {
            DecodeError.Frame((byte)type, first, length, $"{{invalid_frame_end_marker,{end}}}");
        }
    }

    // Only seven octets, no frame_max, or an error.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryReadSlowly(
        ReadOnlySpan<byte> buffer, int frameMax, out FrameType type, out ushort channel, out ReadOnlySpan<byte> payload, out int consumed)
    {
        type = default;
        channel = 0;
        payload = default;
        consumed = 0;
        var size = (int)CheckHeader(buffer, frameMax);
        if (size > buffer.Length - Frame.Overhead)
        {
            return false;
        }

        if (buffer[Frame.HeaderSize + size] != Frame.End)
        {
            RefuseEnd(buffer, size);
        }

        type = (FrameType)buffer[0];
        channel = BinaryPrimitives.ReadUInt16BigEndian(buffer[1..]);
        payload = buffer.Slice(Frame.HeaderSize, size);
        consumed = Frame.Overhead + size;
        return true;
    }

    private static uint CheckHeader(ReadOnlySpan<byte> buffer, int frameMax)
    {
        var size = BinaryPrimitives.ReadUInt32BigEndian(buffer[3..]);
        var limit = frameMax == 0 ? MaxPayload : Math.Min((uint)frameMax, MaxPayload);
        if (size > limit)
        {
            DecodeError.Frame(buffer[0], [], $"{{frame_too_large,{size},{limit - (frameMax == 0 ? 0 : Frame.Overhead)}}}");
        }

        if (buffer[0] >= 32 || ((KnownTypes >> buffer[0]) & 1) == 0)
        {
            var arrived = buffer[Frame.HeaderSize..];
            DecodeError.Frame(buffer[0], arrived[..(int)Math.Min(size, (uint)arrived.Length)], "unknown_frame");
        }

        return size;
    }

    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void RefuseEnd(ReadOnlySpan<byte> buffer, int size) =>
        DecodeError.Frame(buffer[0], buffer.Slice(Frame.HeaderSize, size), $"{{invalid_frame_end_marker,{buffer[Frame.HeaderSize + size]}}}");
}
