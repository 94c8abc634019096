using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Gateway.Sockets;

namespace Granary.Gateway.Amqp.Delivering;

/// <summary>Writes a method frame that carries content, its header frame and its body frames.</summary>
internal static class ContentWriter
{
    // Class, weight and body size before the properties (4.2.6.1).
    private const int ContentHeaderSize = 2 + 2 + 8;

    // Copying less than this costs no more than one more part of a send.
    private const int LentFrom = 8 * 1024;

    /// <summary>The octets that <see cref="Write(Span{byte}, ushort, int, ReadOnlySpan{byte}, in MessageRecord)"/> takes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SizeOf(int methodFrame, in MessageRecord message, int maxPayload)
    {
        var body = message.Body.Length;
        var bodyFrames = body <= maxPayload ? (body == 0 ? 0 : 1) : (body + maxPayload - 1) / maxPayload;
        return methodFrame + Frame.Overhead + ContentHeaderSize + message.Properties.Length + body + (bodyFrames * Frame.Overhead);
    }

    /// <summary>Writes all frames of a message into a span that is large enough, and returns how many octets they took.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Write(Span<byte> to, ushort channel, int maxPayload, ReadOnlySpan<byte> methodFrame, in MessageRecord message)
    {
        methodFrame.CopyTo(to);
        var at = methodFrame.Length;
        var body = message.Body;
        at += WriteHeader(to[at..], channel, message.Properties, body.Length);
        while (body.Length > 0)
        {
            var part = body.Length <= maxPayload ? body : body[..maxPayload];
            WriteFrameHeader(to[at..], FrameType.Body, channel, part.Length);
            part.CopyTo(to[(at + Frame.HeaderSize)..]);
            at += Frame.Overhead + part.Length;
            to[at - 1] = Frame.End;
            body = body[part.Length..];
        }

        return at;
    }

    /// <summary>Writes a message of any size piece by piece; large pieces are sent from where they are if the writer can do that.</summary>
    /// <param name="record">The message, where it is kept and nobody changes it any more.</param>
    /// <param name="owner">Whose memory that is, if it is to be let go of when the message is sent.</param>
    public static void WriteLarge(
        IBufferWriter<byte> to, ushort channel, int maxPayload, ReadOnlySpan<byte> methodFrame, ReadOnlyMemory<byte> record, LargeRecord? owner)
    {
        to.Write(methodFrame);
        var message = new MessageRecord(record.Span);
        var properties = message.Properties;
        var body = record[(message.Length - message.Body.Length)..message.Length];
        var header = to.GetSpan(Frame.Overhead + ContentHeaderSize + properties.Length);
        to.Advance(WriteHeader(header, channel, properties, body.Length));
        var lender = to as ILendingWriter;
        while (body.Length > 0)
        {
            var part = body.Length <= maxPayload ? body : body[..maxPayload];
            WriteFrameHeader(to.GetSpan(Frame.HeaderSize), FrameType.Body, channel, part.Length);
            to.Advance(Frame.HeaderSize);
            body = body[part.Length..];
            if (lender is not null && (part.Length >= LentFrom || owner is not null))
            {
                lender.Lend(part, body.IsEmpty ? owner : null);
            }
            else
            {
                to.Write(part.Span);
            }

            to.GetSpan(1)[0] = Frame.End;
            to.Advance(1);
        }

        if (lender is null)
        {
            owner?.LetGo();
        }
    }

    private static int WriteHeader(Span<byte> to, ushort channel, ReadOnlySpan<byte> properties, int bodyLength)
    {
        WriteFrameHeader(to, FrameType.Header, channel, ContentHeaderSize + properties.Length);
        BinaryPrimitives.WriteUInt32BigEndian(to[Frame.HeaderSize..], (uint)MethodId.BasicClass << 16);
        BinaryPrimitives.WriteUInt64BigEndian(to[(Frame.HeaderSize + 4)..], (ulong)bodyLength);
        properties.CopyTo(to[(Frame.HeaderSize + ContentHeaderSize)..]);
        var end = Frame.HeaderSize + ContentHeaderSize + properties.Length;
        to[end] = Frame.End;
        return end + 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WriteFrameHeader(Span<byte> to, FrameType type, ushort channel, int payload)
    {
        to[0] = (byte)type;
        BinaryPrimitives.WriteUInt16BigEndian(to[1..], channel);
        BinaryPrimitives.WriteUInt32BigEndian(to[3..], (uint)payload);
    }
}
