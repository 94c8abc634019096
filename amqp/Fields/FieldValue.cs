using System.Buffers.Binary;
using System.Globalization;

namespace Granary.Amqp;

/// <summary>
/// One value of a field table with its type letter, which is kept, so that it is written as it was read. Equal are same letter and same value.
/// </summary>
public readonly struct FieldValue : IEquatable<FieldValue>
{
    private const int ScaleShift = 32;

    // Everything of fixed size is in _bits; S and x hold a byte[], A a FieldArray, F a FieldTable. A default FieldValue has kind 0 and reads as void.
    private readonly object? _content;
    private readonly long _bits;
    private readonly FieldKind _kind;

    private FieldValue(FieldKind kind, long bits, object? content = null)
    {
        _kind = kind;
        _bits = bits;
        _content = content;
    }

    public static FieldValue Void => new(FieldKind.Void, 0);

    public FieldKind Kind => _kind == 0 ? FieldKind.Void : _kind;

    /// <summary>Octets of the value on the wire, without its letter, with the length that some kinds have.</summary>
    internal int Size => Kind switch
    {
        FieldKind.LongString or FieldKind.Bytes => sizeof(uint) + ((byte[])_content!).Length,
        FieldKind.Table => sizeof(uint) + ((FieldTable)_content!).ContentSize,
        FieldKind.Array => sizeof(uint) + ((FieldArray)_content!).ContentSize,
        var kind => FieldWire.FixedSize(kind),
    };

    public static implicit operator FieldValue(string text) => LongString(text);

    public static implicit operator FieldValue(bool value) => new(FieldKind.Boolean, value ? 1 : 0);

    public static implicit operator FieldValue(int value) => new(FieldKind.Int, value);

    public static implicit operator FieldValue(long value) => new(FieldKind.Long, value);

    public static implicit operator FieldValue(double value) => new(FieldKind.Double, BitConverter.DoubleToInt64Bits(value));

    public static implicit operator FieldValue(FieldTable table) => new(FieldKind.Table, 0, table ?? throw new ArgumentNullException(nameof(table)));

    public static implicit operator FieldValue(FieldArray array) => new(FieldKind.Array, 0, array ?? throw new ArgumentNullException(nameof(array)));

    public static bool operator ==(FieldValue left, FieldValue right) => left.Equals(right);

    public static bool operator !=(FieldValue left, FieldValue right) => !left.Equals(right);

    public static FieldValue LongString(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var octets = new byte[ShortText.ByteCount(text)];
        ShortText.Encode(text, octets);
        return new FieldValue(FieldKind.LongString, 0, octets);
    }

    /// <summary>A long string (S) of these octets, which are copied.</summary>
    public static FieldValue LongString(ReadOnlySpan<byte> octets) => new(FieldKind.LongString, 0, octets.ToArray());

    /// <summary>A byte array (x) of these octets, which are copied.</summary>
    public static FieldValue Bytes(ReadOnlySpan<byte> octets) => new(FieldKind.Bytes, 0, octets.ToArray());

    public static FieldValue Float(float value) => new(FieldKind.Float, BitConverter.SingleToInt32Bits(value));

    public static FieldValue Decimal(FieldDecimal value) => new(FieldKind.Decimal, ((long)value.Scale << ScaleShift) | value.Digits);

    /// <summary>A timestamp in seconds since 1970.</summary>
    public static FieldValue Timestamp(ulong seconds) => new(FieldKind.Timestamp, (long)seconds);

    /// <summary>An integer with a letter of choice.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The kind is not an integer, or too small for the value.</exception>
    public static FieldValue Integer(FieldKind kind, long value)
    {
        var (min, max) = kind switch
        {
            FieldKind.SignedByte => (sbyte.MinValue, sbyte.MaxValue),
            FieldKind.UnsignedByte => (byte.MinValue, byte.MaxValue),
            FieldKind.Short => (short.MinValue, short.MaxValue),
            FieldKind.UnsignedShort => (ushort.MinValue, ushort.MaxValue),
            FieldKind.Int => (int.MinValue, int.MaxValue),
            FieldKind.UnsignedInt => (uint.MinValue, uint.MaxValue),
            FieldKind.Long or FieldKind.OtherLong => (long.MinValue, long.MaxValue),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not an integer"),
        };
        return value >= min && value <= max
            ? new FieldValue(kind, value)
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"does not fit {kind}");
    }

    /// <summary>The number, if this is an integer of any width; 64 bits are signed for both letters.</summary>
    public bool TryGetInteger(out long number)
    {
        number = FieldWire.IsInteger(Kind) ? _bits : 0;
        return FieldWire.IsInteger(Kind);
    }

    public bool TryGetBoolean(out bool value)
    {
        value = Kind == FieldKind.Boolean && _bits != 0;
        return Kind == FieldKind.Boolean;
    }

    /// <summary>The number, if this is a float or a double.</summary>
    public bool TryGetDouble(out double value)
    {
        value = Kind switch
        {
            FieldKind.Double => BitConverter.Int64BitsToDouble(_bits),
            FieldKind.Float => BitConverter.Int32BitsToSingle((int)_bits),
            _ => 0,
        };
        return Kind is FieldKind.Double or FieldKind.Float;
    }

    public bool TryGetDecimal(out FieldDecimal value)
    {
        value = Kind == FieldKind.Decimal ? new FieldDecimal((byte)(_bits >> ScaleShift), (uint)_bits) : default;
        return Kind == FieldKind.Decimal;
    }

    /// <summary>Seconds since 1970, if this is a timestamp.</summary>
    public bool TryGetTimestamp(out ulong seconds)
    {
        seconds = Kind == FieldKind.Timestamp ? (ulong)_bits : 0;
        return Kind == FieldKind.Timestamp;
    }

    /// <summary>The text, if this is a long string (S).</summary>
    public bool TryGetText(out string text)
    {
        text = Kind == FieldKind.LongString ? ShortText.Decode((byte[])_content!) : "";
        return Kind == FieldKind.LongString;
    }

    /// <summary>The octets, if this is a long string (S) or a byte array (x).</summary>
    public bool TryGetBytes(out ReadOnlyMemory<byte> octets)
    {
        octets = _content as byte[];
        return _content is byte[];
    }

    public bool TryGetTable(out FieldTable table)
    {
        table = _content as FieldTable ?? FieldTable.Empty;
        return Kind == FieldKind.Table;
    }

    public bool TryGetArray(out FieldArray array)
    {
        array = _content as FieldArray ?? FieldArray.Empty;
        return Kind == FieldKind.Array;
    }

    public bool Equals(FieldValue other) => Kind == other.Kind && _bits == other._bits && Kind switch
    {
        FieldKind.LongString or FieldKind.Bytes => ((byte[])_content!).AsSpan().SequenceEqual((byte[])other._content!),
        FieldKind.Table or FieldKind.Array => _content!.Equals(other._content),
        _ => true,
    };

    public override bool Equals(object? obj) => obj is FieldValue other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.Add(Kind);
        hash.Add(_bits);
        if (_content is byte[] octets)
        {
            hash.AddBytes(octets);
        }
        else
        {
            hash.Add(_content);
        }

        return hash.ToHashCode();
    }

    /// <summary>For people and logs; not the wire.</summary>
    public override string ToString() => Kind switch
    {
        FieldKind.Void => "void",
        FieldKind.Boolean => _bits != 0 ? "true" : "false",
        FieldKind.Float => BitConverter.Int32BitsToSingle((int)_bits).ToString(CultureInfo.InvariantCulture),
        FieldKind.Double => BitConverter.Int64BitsToDouble(_bits).ToString(CultureInfo.InvariantCulture),
        FieldKind.Decimal => $"{(uint)_bits}e-{_bits >> ScaleShift}",
        FieldKind.LongString => ShortText.Decode((byte[])_content!),
        FieldKind.Bytes => Convert.ToHexString((byte[])_content!),
        FieldKind.Table or FieldKind.Array => _content!.ToString()!,
        FieldKind.Timestamp => ((ulong)_bits).ToString(CultureInfo.InvariantCulture),
        _ => _bits.ToString(CultureInfo.InvariantCulture),
    };

    internal static FieldValue Decode(FieldKind kind, ReadOnlySpan<byte> value, uint methodId, int depth = 1) => kind switch
    {
        FieldKind.Void => Void,
        FieldKind.Boolean => value[0] != 0,
        FieldKind.Float => new FieldValue(kind, BinaryPrimitives.ReadInt32BigEndian(value)),
        FieldKind.Double or FieldKind.Timestamp => new FieldValue(kind, BinaryPrimitives.ReadInt64BigEndian(value)),
        FieldKind.Decimal => Decimal(new FieldDecimal(value[0], BinaryPrimitives.ReadUInt32BigEndian(value[1..]))),
        FieldKind.LongString or FieldKind.Bytes => new FieldValue(kind, 0, value.ToArray()),
        FieldKind.Table => FieldTable.Decode(value, methodId, depth + 1),
        FieldKind.Array => FieldArray.Decode(value, methodId, depth + 1),
        _ when FieldWire.TryGetInteger(kind, value, out var number) => new FieldValue(kind, number),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "not a type letter"),
    };

    /// <summary>Writes the letter and the value.</summary>
    internal void Write(ref AmqpWriter writer)
    {
        writer.WriteOctet((byte)Kind);
        switch (Kind)
        {
            case FieldKind.Void:
                break;
            case FieldKind.LongString or FieldKind.Bytes:
                writer.WriteLongString((byte[])_content!);
                break;
            case FieldKind.Table:
                writer.WriteTable((FieldTable)_content!);
                break;
            case FieldKind.Array:
                ((FieldArray)_content!).Write(ref writer);
                break;
            case FieldKind.Decimal:
                writer.WriteOctet((byte)(_bits >> ScaleShift));
                writer.WriteLong((uint)_bits);
                break;
            default:
                WriteNumber(ref writer);
                break;
        }
    }

    private void WriteNumber(ref AmqpWriter writer)
    {
        switch (FieldWire.FixedSize(Kind))
        {
            case 1:
                writer.WriteOctet((byte)_bits);
                break;
            case 2:
                writer.WriteShort((ushort)_bits);
                break;
            case 4:
                writer.WriteLong((uint)_bits);
                break;
            default:
                writer.WriteLongLong((ulong)_bits);
                break;
        }
    }
}
