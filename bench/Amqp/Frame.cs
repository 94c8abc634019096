using System.Buffers.Binary;
using System.Text;

namespace Granary.Bench.Amqp;

/// <summary>One whole frame, lying in the reader's buffer: valid until the next fill.</summary>
internal readonly ref struct Frame(byte type, ReadOnlySpan<byte> payload)
{
    public const byte MethodType = 1;
    public const byte HeaderType = 2;
    public const byte BodyType = 3;
    public const byte End = 0xCE;

    /// <summary>Type, channel and length before the payload, the end octet behind it.</summary>
    public const int Overhead = 8;

    public byte Type { get; } = type;

    public ReadOnlySpan<byte> Payload { get; } = payload;

    /// <summary>Class and method id of a method frame, as in <see cref="Amqp.Method"/>.</summary>
    public uint Method => BinaryPrimitives.ReadUInt32BigEndian(Payload);

    /// <summary>What follows class and method id.</summary>
    public ReadOnlySpan<byte> Arguments => Payload[4..];

    public ulong BodySize => BinaryPrimitives.ReadUInt64BigEndian(Payload[4..]);

    public bool IsMethod(uint method) => Type == MethodType && Payload.Length >= 4 && Method == method;

    /// <summary>Throws what the broker said, if this frame closes the channel or the connection.</summary>
    public void ThrowIfClose()
    {
        if (!IsMethod(Amqp.Method.ConnectionClose) && !IsMethod(Amqp.Method.ChannelClose))
        {
            return;
        }

        var code = BinaryPrimitives.ReadUInt16BigEndian(Arguments);
        var text = Encoding.UTF8.GetString(Arguments.Slice(3, Arguments[2]));
        var what = Method == Amqp.Method.ConnectionClose ? "connection" : "channel";
        throw new BrokerException($"the broker closed the {what}: {code} {text}");
    }
}
