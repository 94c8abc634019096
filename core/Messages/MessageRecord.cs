using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Granary.Core.Messages;

/// <summary>
/// One message as it travels and is stored; it is encoded once, where it enters, and from then on only sliced and copied.
/// <code>
/// 0        4       5          6          7       8            12               12 or 20
/// +--------+-------+----------+----------+-------+------------+----------------+----------+-----+------------+------+
/// | length | flags | priority | exchange | key   | properties | expiry (only   | exchange | key | properties | body |
/// | u32    | u8    | u8       | len u8   | len u8| length u32 | if HasExpiry)  |          |     |            |      |
/// +--------+-------+----------+----------+-------+------------+----------------+----------+-----+------------+------+
/// </code>
/// Integers are little-endian. Length counts the whole record. Expiry is the message's own TTL in milliseconds.
/// Properties are the flag words and values of the AMQP content header (4.2.6.1), byte for byte as the publisher sent them.
/// </summary>
public readonly ref struct MessageRecord
{
    public const int FixedHeaderSize = 12;
    public const int ExpirySize = 8;

    private readonly ReadOnlySpan<byte> _bytes;

    /// <summary>Reads the record at the start of <paramref name="bytes"/>, which may go on with further records.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public MessageRecord(ReadOnlySpan<byte> bytes) => _bytes = bytes[..LengthOf(bytes)];

    /// <summary>The whole record, header included.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    public int Length => _bytes.Length;

    public MessageFlags Flags => (MessageFlags)_bytes[4];

    public bool IsPersistent => (Flags & MessageFlags.Persistent) != 0;

    /// <summary>The broker itself sent it on, as a dead letter or to another queue. No client can have its messages say so.</summary>
    public bool WasSentOn => (Flags & (MessageFlags.DeadLettered | MessageFlags.SingleKey)) != 0;

    /// <summary>The priority property, 0 to 255; 0 when absent.</summary>
    public byte Priority => _bytes[5];

    /// <summary>The per-message TTL in milliseconds, or null.</summary>
    public long? Expiry => HasExpiry ? BinaryPrimitives.ReadInt64LittleEndian(_bytes[FixedHeaderSize..]) : null;

    /// <summary>The exchange the message was published to, UTF-8, at most 255 bytes.</summary>
    public ReadOnlySpan<byte> Exchange => _bytes.Slice(NamesStart, ExchangeLength);

    /// <summary>UTF-8, at most 255 bytes.</summary>
    public ReadOnlySpan<byte> RoutingKey => _bytes.Slice(NamesStart + ExchangeLength, KeyLength);

    public ReadOnlySpan<byte> Properties => _bytes.Slice(PropertiesStart, PropertiesLength);

    public ReadOnlySpan<byte> Body => _bytes[(PropertiesStart + PropertiesLength)..];

    private bool HasExpiry => (Flags & MessageFlags.HasExpiry) != 0;

    private int ExchangeLength => _bytes[6];

    private int KeyLength => _bytes[7];

    private int PropertiesLength => (int)BinaryPrimitives.ReadUInt32LittleEndian(_bytes[8..]);

    private int NamesStart => HasExpiry ? FixedHeaderSize + ExpirySize : FixedHeaderSize;

    private int PropertiesStart => NamesStart + ExchangeLength + KeyLength;

    /// <summary>The length of the record at the start of <paramref name="bytes"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int LengthOf(ReadOnlySpan<byte> bytes) => (int)BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    /// <summary>Has the store keep each of these records, whatever its publisher asked for; the properties stay as they are.</summary>
    public static void MarkPersistent(Span<byte> records)
    {
        while (!records.IsEmpty)
        {
            records[4] |= (byte)MessageFlags.Persistent;
            records = records[LengthOf(records)..];
        }
    }

    /// <summary>How many bytes a record takes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long SizeOf(bool hasExpiry, int exchangeLength, int keyLength, int propertiesLength, long bodyLength) =>
        FixedHeaderSize + (hasExpiry ? ExpirySize : 0) + exchangeLength + keyLength + propertiesLength + bodyLength;

    /// <summary>
    /// Writes everything but the body at the start of <paramref name="destination"/> and returns where the body belongs.
    /// <paramref name="destination"/> must hold <see cref="SizeOf"/> bytes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int WriteHead(
        Span<byte> destination, MessageFlags flags, byte priority, long expiry,
        ReadOnlySpan<byte> exchange, ReadOnlySpan<byte> key, ReadOnlySpan<byte> properties, int bodyLength)
    {
        var position = FixedHeaderSize;
        if ((flags & MessageFlags.HasExpiry) != 0)
        {
            BinaryPrimitives.WriteInt64LittleEndian(destination[position..], expiry);
            position += ExpirySize;
        }

        exchange.CopyTo(destination[position..]);
        position += exchange.Length;
        key.CopyTo(destination[position..]);
        position += key.Length;
        properties.CopyTo(destination[position..]);
        position += properties.Length;

        BinaryPrimitives.WriteUInt32LittleEndian(destination, (uint)(position + bodyLength));
        destination[4] = (byte)flags;
        destination[5] = priority;
        destination[6] = (byte)exchange.Length;
        destination[7] = (byte)key.Length;
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], (uint)properties.Length);
        return position;
    }
}
