using System.Buffers.Binary;
using Granary.Amqp;

namespace Granary.Core.Routing;

/// <summary>
/// One entry of a headers table in the one form that is compared: equal entries have equal bytes. As in RabbitMQ, which compares decoded values
/// (rabbit_exchange_type_headers), the type letter does not count where values of two letters are the same: integers of any width, floats of both,
/// text and bytes. Integers and floats are apart. What is in a table or an array is compared with its type.
/// </summary>
internal static class HeaderEntry
{
    /// <summary>The key with its length in front: how the presence of a header is asked for.</summary>
    public static ReadOnlySpan<byte> Presence(ReadOnlySpan<byte> entry) => entry[..(1 + entry[0])];

    /// <summary>The entry as it is compared; copied into <paramref name="scratch"/> only where the wire has another form, and valid until that is used again.</summary>
    public static ReadOnlySpan<byte> Canonical(ReadOnlySpan<byte> entry, FieldKind kind, HeaderScratch scratch)
    {
        var letter = 1 + entry[0];
        var value = entry[(letter + 1)..];
        switch (kind)
        {
            case FieldKind.SignedByte:
                return Number(entry[..letter], FieldKind.Long, (sbyte)value[0], scratch);
            case FieldKind.UnsignedByte:
                return Number(entry[..letter], FieldKind.Long, value[0], scratch);
            case FieldKind.Short:
                return Number(entry[..letter], FieldKind.Long, BinaryPrimitives.ReadInt16BigEndian(value), scratch);
            case FieldKind.UnsignedShort:
                return Number(entry[..letter], FieldKind.Long, BinaryPrimitives.ReadUInt16BigEndian(value), scratch);
            case FieldKind.Int:
                return Number(entry[..letter], FieldKind.Long, BinaryPrimitives.ReadInt32BigEndian(value), scratch);
            case FieldKind.UnsignedInt:
                return Number(entry[..letter], FieldKind.Long, BinaryPrimitives.ReadUInt32BigEndian(value), scratch);
            case FieldKind.OtherLong:
                return WithLetter(entry, letter, FieldKind.Long, scratch);
            case FieldKind.Float:
                var real = (double)BinaryPrimitives.ReadSingleBigEndian(value);
                return Number(entry[..letter], FieldKind.Double, BitConverter.DoubleToInt64Bits(real), scratch);
            case FieldKind.Bytes:
                return WithLetter(entry, letter, FieldKind.LongString, scratch);
            case FieldKind.Boolean:
                return value[0] <= 1 ? entry : WithTruth(entry, letter, scratch);
            case FieldKind.Table or FieldKind.Array:
                return Nested(entry, letter, kind, scratch);
            default:
                return entry;
        }
    }

    private static ReadOnlySpan<byte> Number(ReadOnlySpan<byte> key, FieldKind kind, long bits, HeaderScratch scratch)
    {
        var copy = scratch.Take(key.Length + 1 + sizeof(long));
        key.CopyTo(copy);
        copy[key.Length] = (byte)kind;
        BinaryPrimitives.WriteInt64BigEndian(copy[(key.Length + 1)..], bits);
        return copy;
    }

    private static Span<byte> WithLetter(ReadOnlySpan<byte> entry, int letter, FieldKind kind, HeaderScratch scratch)
    {
        var copy = scratch.Take(entry.Length);
        entry.CopyTo(copy);
        copy[letter] = (byte)kind;
        return copy;
    }

    private static Span<byte> WithTruth(ReadOnlySpan<byte> entry, int letter, HeaderScratch scratch)
    {
        var copy = WithLetter(entry, letter, FieldKind.Boolean, scratch);
        copy[letter + 1] = 1;
        return copy;
    }

    // Both are lists to RabbitMQ: empty ones are equal.
    private static Span<byte> Nested(ReadOnlySpan<byte> entry, int letter, FieldKind kind, HeaderScratch scratch)
    {
        var content = letter + 1 + sizeof(uint);
        var copy = WithLetter(entry, letter, content == entry.Length ? FieldKind.Table : kind, scratch);
        if (kind == FieldKind.Table)
        {
            NormalizeTable(copy[content..]);
        }
        else
        {
            NormalizeArray(copy[content..]);
        }

        return copy;
    }

    private static void NormalizeTable(Span<byte> content)
    {
        var reader = new FieldTableReader(content);
        while (reader.MoveNext())
        {
            Normalize(content, reader.Start + 1 + reader.Key.Length, reader.Kind, reader.End - reader.Value.Length, reader.Value.Length);
        }
    }

    private static void NormalizeArray(Span<byte> content)
    {
        var letter = 0;
        var reader = new FieldArrayReader(content);
        while (reader.MoveNext())
        {
            var hasLength = reader.Kind is FieldKind.LongString or FieldKind.Bytes or FieldKind.Table or FieldKind.Array;
            var value = letter + 1 + (hasLength ? sizeof(uint) : 0);
            Normalize(content, letter, reader.Kind, value, reader.Value.Length);
            letter = value + reader.Value.Length;
        }
    }

    // Letters of one type, and truths other than 1; nothing changes its size.
    private static void Normalize(Span<byte> content, int letter, FieldKind kind, int value, int length)
    {
        switch (kind)
        {
            case FieldKind.OtherLong:
                content[letter] = (byte)FieldKind.Long;
                break;
            case FieldKind.Boolean:
                content[value] = content[value] == 0 ? (byte)0 : (byte)1;
                break;
            case FieldKind.Table:
                NormalizeTable(content.Slice(value, length));
                break;
            case FieldKind.Array:
                NormalizeArray(content.Slice(value, length));
                break;
        }
    }
}

/// <summary>Room for the entries that are compared in another form than the wire's: one at a time.</summary>
internal sealed class HeaderScratch
{
    // One message with a long text must not cost memory for ever.
    private const int MostKept = 4096;

    private byte[] _bytes = new byte[64];

    public Span<byte> Take(int size)
    {
        if (size > MostKept)
        {
            return new byte[size];
        }

        if (size > _bytes.Length)
        {
            _bytes = new byte[Math.Min(MostKept, Math.Max(size, _bytes.Length * 2))];
        }

        return _bytes.AsSpan(0, size);
    }
}
