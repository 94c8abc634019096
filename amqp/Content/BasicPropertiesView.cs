using System.Buffers.Binary;
using System.Numerics;

namespace Granary.Amqp;

/// <summary>
/// The properties of a message in place. Reading checks that all are whole; nothing is built, and getting one walks over those before it.
/// What is inside the headers is checked by <see cref="Validate"/> only.
/// <code>
/// | flags (2) | values of the properties whose bit is set, highest bit first |
/// </code>
/// </summary>
public readonly ref struct BasicPropertiesView
{
    internal const int FlagsSize = 2;

    // Bit 1 means nothing, bit 0 would announce more flags. RabbitMQ decodes neither.
    private const int UndefinedBits = 0b11;

    private const uint HighestBit = (uint)BasicProperty.ContentType;

    private readonly ReadOnlySpan<byte> _bytes;

    private BasicPropertiesView(ReadOnlySpan<byte> bytes, BasicProperty present)
    {
        _bytes = bytes;
        Present = present;
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

        uint flags = BinaryPrimitives.ReadUInt16BigEndian(bytes);
        if ((flags & UndefinedBits) != 0)
        {
            Fail(bytes);
        }

        long end = FlagsSize;
        for (var left = flags; left != 0; left &= ~Highest(left))
        {
            // A value that is not whole ends beyond the bytes; nothing is read there.
            end += SizeAt(bytes, end, Highest(left));
        }

        if (end != bytes.Length)
        {
            Fail(bytes);
        }

        return new BasicPropertiesView(bytes, (BasicProperty)flags);
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
        raw = _bytes.Slice(start, (int)SizeAt(_bytes, start, (uint)property));
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
        long start = FlagsSize;
        var atAndAfter = ((uint)property << 1) - 1;
        for (var left = (uint)Present & ~atAndAfter; left != 0; left &= ~Highest(left))
        {
            start += SizeAt(_bytes, start, Highest(left));
        }

        return (int)start;
    }

    private static uint Highest(uint flags) => HighestBit >> (BitOperations.LeadingZeroCount(flags) - BitOperations.LeadingZeroCount(HighestBit));

    // Octets of a value; at least one, so that bytes which end too early are seen as such.
    private static long SizeAt(ReadOnlySpan<byte> bytes, long position, uint property)
    {
        const uint Octets = (uint)(BasicProperty.DeliveryMode | BasicProperty.Priority);
        const uint OtherThanText = (uint)(BasicProperty.Headers | BasicProperty.Timestamp);

        if ((property & Octets) != 0)
        {
            return 1;
        }

        if ((property & OtherThanText) == 0)
        {
            return position < bytes.Length ? 1 + bytes[(int)position] : 1;
        }

        if (property == (uint)BasicProperty.Timestamp)
        {
            return sizeof(ulong);
        }

        return position + sizeof(uint) <= bytes.Length
            ? sizeof(uint) + (long)BinaryPrimitives.ReadUInt32BigEndian(bytes[(int)position..])
            : sizeof(uint);
    }

    private static void Fail(ReadOnlySpan<byte> bytes) => DecodeError.Undecodable(bytes, MethodId.BasicPublish);

    private bool TryGetOctet(BasicProperty property, out byte value)
    {
        var found = TryGetRaw(property, out var raw);
        value = found ? raw[0] : (byte)0;
        return found;
    }
}
