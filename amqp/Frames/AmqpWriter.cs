using System.Buffers.Binary;

namespace Granary.Amqp;

/// <summary>Writes fields into a span that was made large enough by the sizes that the static members tell.</summary>
public ref struct AmqpWriter(Span<byte> destination)
{
    /// <summary>Octets that a short string may have.</summary>
    public const int MaxShortString = 255;

    private readonly Span<byte> _destination = destination;

    /// <summary>Octets written so far.</summary>
    public int Position { get; private set; }

    /// <summary>Octets of a short string with its length.</summary>
    /// <exception cref="ArgumentException">The text has more than 255 bytes of UTF-8.</exception>
    public static int SizeOfShortString(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return 1 + CheckShort(ShortText.ByteCount(text));
    }

    /// <summary>Octets of a long string with its length.</summary>
    public static int SizeOfLongString(LongString text) => sizeof(uint) + text.Length;

    /// <summary>Octets of a table with its length; null is an empty table.</summary>
    public static int SizeOfTable(FieldTable? table) => sizeof(uint) + (table?.ContentSize ?? 0);

    public void WriteOctet(byte value) => _destination[Position++] = value;

    /// <summary>Writes a bit field that stands alone.</summary>
    public void WriteBit(bool value) => WriteOctet(value ? (byte)1 : (byte)0);

    /// <summary>Packs consecutive bit fields into one octet, the first in the lowest bit (section 4.2.5.2).</summary>
    public void WriteBits(bool bit0, bool bit1 = false, bool bit2 = false, bool bit3 = false, bool bit4 = false) =>
        WriteOctet((byte)((bit0 ? 1 : 0) | (bit1 ? 2 : 0) | (bit2 ? 4 : 0) | (bit3 ? 8 : 0) | (bit4 ? 16 : 0)));

    public void WriteShort(ushort value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(_destination[Position..], value);
        Position += sizeof(ushort);
    }

    public void WriteLong(uint value)
    {
        BinaryPrimitives.WriteUInt32BigEndian(_destination[Position..], value);
        Position += sizeof(uint);
    }

    public void WriteLongLong(ulong value)
    {
        BinaryPrimitives.WriteUInt64BigEndian(_destination[Position..], value);
        Position += sizeof(ulong);
    }

    /// <exception cref="ArgumentException">The text has more than 255 bytes of UTF-8.</exception>
    public void WriteShortString(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var length = CheckShort(ShortText.ByteCount(text));
        WriteOctet((byte)length);
        Position += ShortText.Encode(text, _destination.Slice(Position, length));
    }

    /// <exception cref="ArgumentException">There are more than 255 octets.</exception>
    public void WriteShortString(ReadOnlySpan<byte> octets)
    {
        WriteOctet((byte)CheckShort(octets.Length));
        WriteRaw(octets);
    }

    public void WriteLongString(LongString text) => WriteLongString(text.Span);

    public void WriteLongString(ReadOnlySpan<byte> octets)
    {
        WriteLong((uint)octets.Length);
        WriteRaw(octets);
    }

    /// <summary>Writes a table with its length; null is an empty table.</summary>
    public void WriteTable(FieldTable? table)
    {
        WriteLong((uint)(table?.ContentSize ?? 0));
        table?.WriteContent(ref this);
    }

    /// <summary>Writes octets as they are, without a length.</summary>
    public void WriteRaw(ReadOnlySpan<byte> octets)
    {
        octets.CopyTo(_destination[Position..]);
        Position += octets.Length;
    }

    private static int CheckShort(int length) => length <= MaxShortString
        ? length
        : throw new ArgumentException($"a short string has 255 bytes at most, this one {length}");
}
