using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace Granary.Amqp;

/// <summary>
/// The properties of a message in place. One pass finds where each begins and checks that all are whole; nothing is built. What is inside
/// the headers is checked by <see cref="Validate"/> only.
/// <code>
/// | flags (2) | values of the properties whose bit is set, highest bit first |
/// </code>
/// </summary>
public readonly ref struct BasicPropertiesView
{
    internal const int FlagsSize = 2;

    // Bit 1 means nothing, bit 0 would announce more flags. RabbitMQ decodes neither.
    private const int UndefinedBits = 0b11;

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly Offsets _starts;

    private BasicPropertiesView(ReadOnlySpan<byte> bytes, BasicProperty present, scoped in Offsets starts)
    {
        _bytes = bytes;
        Present = present;
        _starts = starts;
    }

    /// <summary>No properties: flags without a bit.</summary>
    public static ReadOnlySpan<byte> NoProperties => [0, 0];

    /// <summary>Which properties the message has.</summary>
    public BasicProperty Present { get; }

    /// <summary>Flags and values as on the wire.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>Reads flags and values.</summary>
    /// <exception cref="AmqpConnectionException">501: truncated, bytes left over, or flags that have no meaning.</exception>
    public static BasicPropertiesView Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < FlagsSize)
        {
            Fail(bytes);
        }

        var flags = BinaryPrimitives.ReadUInt16BigEndian(bytes);
        Offsets starts = default;
        var position = FlagsSize;
        if ((flags & UndefinedBits) != 0)
        {
            Fail(bytes);
        }

        for (var left = flags; left != 0;)
        {
            var index = BitOperations.LeadingZeroCount((uint)left << 16);
            var property = (BasicProperty)(0x8000 >> index);
            starts[index] = position;
            var size = SizeAt(bytes, position, property);
            if (size > bytes.Length - position)
            {
                Fail(bytes);
            }

            position += (int)size;
            left &= (ushort)~(ushort)property;
        }

        if (position != bytes.Length)
        {
            Fail(bytes);
        }

        return new BasicPropertiesView(bytes, (BasicProperty)flags, starts);
    }

    /// <summary>Checks the properties with all that is in their headers.</summary>
    /// <exception cref="AmqpConnectionException">501: cannot be decoded.</exception>
    public static void Validate(ReadOnlySpan<byte> bytes)
    {
        if (Read(bytes).TryGetHeaders(out var headers))
        {
            FieldWire.Validate(FieldKind.Table, headers, MethodId.BasicPublish);
        }
    }

    public bool Has(BasicProperty property) => (Present & property) != 0;

    /// <summary>1 for transient, 2 for persistent; a client may write anything.</summary>
    public bool TryGetDeliveryMode(out byte mode) => TryGetOctet(BasicProperty.DeliveryMode, out mode);

    public bool TryGetPriority(out byte priority) => TryGetOctet(BasicProperty.Priority, out priority);

    /// <summary>Seconds since 1970.</summary>
    public bool TryGetTimestamp(out ulong seconds)
    {
        var found = TryGetRaw(BasicProperty.Timestamp, out var raw);
        seconds = found ? BinaryPrimitives.ReadUInt64BigEndian(raw) : 0;
        return found;
    }

    /// <summary>The headers without their four length octets, for <see cref="FieldTableReader"/>.</summary>
    public bool TryGetHeaders(out ReadOnlySpan<byte> content)
    {
        var found = TryGetRaw(BasicProperty.Headers, out var raw);
        content = found ? raw[sizeof(uint)..] : default;
        return found;
    }

    public bool TryGetContentType(out ReadOnlySpan<byte> text) => TryGetText(BasicProperty.ContentType, out text);

    public bool TryGetContentEncoding(out ReadOnlySpan<byte> text) => TryGetText(BasicProperty.ContentEncoding, out text);

    public bool TryGetCorrelationId(out ReadOnlySpan<byte> text) => TryGetText(BasicProperty.CorrelationId, out text);

    public bool TryGetReplyTo(out ReadOnlySpan<byte> text) => TryGetText(BasicProperty.ReplyTo, out text);

    public bool TryGetExpiration(out ReadOnlySpan<byte> text) => TryGetText(BasicProperty.Expiration, out text);

    public bool TryGetMessageId(out ReadOnlySpan<byte> text) => TryGetText(BasicProperty.MessageId, out text);

    public bool TryGetType(out ReadOnlySpan<byte> text) => TryGetText(BasicProperty.Type, out text);

    public bool TryGetUserId(out ReadOnlySpan<byte> text) => TryGetText(BasicProperty.UserId, out text);

    public bool TryGetAppId(out ReadOnlySpan<byte> text) => TryGetText(BasicProperty.AppId, out text);

    public bool TryGetClusterId(out ReadOnlySpan<byte> text) => TryGetText(BasicProperty.ClusterId, out text);

    /// <summary>The octets of a property that is a short string.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The property is of another type.</exception>
    public bool TryGetText(BasicProperty property, out ReadOnlySpan<byte> text)
    {
        RequireText(property);
        var found = TryGetRaw(property, out var raw);
        text = found ? raw[1..] : default;
        return found;
    }

    /// <summary>A property's value as on the wire, with the length that some have.</summary>
    public bool TryGetRaw(BasicProperty property, out ReadOnlySpan<byte> raw)
    {
        if (!Has(property))
        {
            raw = default;
            return false;
        }

        var start = StartOf(property);
        raw = _bytes.Slice(start, (int)SizeAt(_bytes, start, property));
        return true;
    }

    internal static void RequireText(BasicProperty property)
    {
        if (property is BasicProperty.None or BasicProperty.Headers or BasicProperty.DeliveryMode or BasicProperty.Priority or BasicProperty.Timestamp
            || !BitOperations.IsPow2((ushort)property))
        {
            throw new ArgumentOutOfRangeException(nameof(property), property, "not one property that is a short string");
        }
    }

    /// <summary>Where the property begins in the bytes, or would have to.</summary>
    internal int StartOf(BasicProperty property)
    {
        var behind = (ushort)Present & (((ushort)property << 1) - 1);
        return behind == 0 ? _bytes.Length : _starts[BitOperations.LeadingZeroCount((uint)behind << 16)];
    }

    private static long SizeAt(ReadOnlySpan<byte> bytes, int position, BasicProperty property)
    {
        var left = bytes.Length - position;
        return property switch
        {
            BasicProperty.DeliveryMode or BasicProperty.Priority => 1,
            BasicProperty.Timestamp => sizeof(ulong),
            BasicProperty.Headers => sizeof(uint) + (left < sizeof(uint) ? 0L : BinaryPrimitives.ReadUInt32BigEndian(bytes[position..])),
            _ => 1L + (left < 1 ? 0 : bytes[position]),
        };
    }

    private static void Fail(ReadOnlySpan<byte> bytes) => DecodeError.Undecodable(bytes, MethodId.BasicPublish);

    private bool TryGetOctet(BasicProperty property, out byte value)
    {
        var found = TryGetRaw(property, out var raw);
        value = found ? raw[0] : (byte)0;
        return found;
    }

    [InlineArray(14)]
    private struct Offsets
    {
        private int _first;
    }
}
