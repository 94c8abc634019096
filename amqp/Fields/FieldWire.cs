using System.Buffers.Binary;

namespace Granary.Amqp;

/// <summary>Where values begin and end in the bytes of tables and arrays (AMQP 0-9-1, section 4.2.5.5, with RabbitMQ's letters).</summary>
internal static class FieldWire
{
    /// <summary>Tables and arrays within each other; RabbitMQ has no limit, but stacks do.</summary>
    public const int MaxDepth = 100;

    /// <summary>Splits a value, whose letter is already read, off the start of the bytes; false if they end first or the letter is unknown.</summary>
    public static bool TryTake(ReadOnlySpan<byte> bytes, FieldKind kind, out ReadOnlySpan<byte> value, out int consumed)
    {
        value = default;
        consumed = FixedSize(kind);
        if (consumed >= 0)
        {
            if (consumed > bytes.Length)
            {
                return false;
            }

            value = bytes[..consumed];
            return true;
        }

        if (!HasLength(kind) || bytes.Length < sizeof(uint))
        {
            return false;
        }

        var length = BinaryPrimitives.ReadUInt32BigEndian(bytes);
        if (length > (uint)(bytes.Length - sizeof(uint)))
        {
            return false;
        }

        value = bytes.Slice(sizeof(uint), (int)length);
        consumed = sizeof(uint) + (int)length;
        return true;
    }

    public static bool HasLength(FieldKind kind) => kind is FieldKind.LongString or FieldKind.Bytes or FieldKind.Table or FieldKind.Array;

    /// <summary>Octets of a value of this kind, -1 if that depends on the value.</summary>
    public static int FixedSize(FieldKind kind) => kind switch
    {
        FieldKind.Void => 0,
        FieldKind.Boolean or FieldKind.SignedByte or FieldKind.UnsignedByte => 1,
        FieldKind.Short or FieldKind.UnsignedShort => 2,
        FieldKind.Int or FieldKind.UnsignedInt or FieldKind.Float => 4,
        FieldKind.Decimal => 5,
        FieldKind.Long or FieldKind.OtherLong or FieldKind.Double or FieldKind.Timestamp => 8,
        _ => -1,
    };

    /// <summary>The number in an integer's octets.</summary>
    public static bool TryGetInteger(FieldKind kind, ReadOnlySpan<byte> value, out long number)
    {
        number = kind switch
        {
            FieldKind.SignedByte => (sbyte)value[0],
            FieldKind.UnsignedByte => value[0],
            FieldKind.Short => BinaryPrimitives.ReadInt16BigEndian(value),
            FieldKind.UnsignedShort => BinaryPrimitives.ReadUInt16BigEndian(value),
            FieldKind.Int => BinaryPrimitives.ReadInt32BigEndian(value),
            FieldKind.UnsignedInt => BinaryPrimitives.ReadUInt32BigEndian(value),
            FieldKind.Long or FieldKind.OtherLong => BinaryPrimitives.ReadInt64BigEndian(value),
            _ => 0,
        };
        return IsInteger(kind);
    }

    public static bool IsInteger(FieldKind kind) => kind
        is FieldKind.SignedByte or FieldKind.UnsignedByte
        or FieldKind.Short or FieldKind.UnsignedShort
        or FieldKind.Int or FieldKind.UnsignedInt
        or FieldKind.Long or FieldKind.OtherLong;

    /// <summary>Walks a table or array with all that is in it.</summary>
    /// <exception cref="AmqpConnectionException">501: cannot be decoded.</exception>
    public static void Validate(FieldKind kind, ReadOnlySpan<byte> content, uint methodId, int depth = 1)
    {
        if (depth > MaxDepth)
        {
            DecodeError.TooDeep(MaxDepth, methodId);
        }

        if (kind == FieldKind.Table)
        {
            var table = new FieldTableReader(content, methodId);
            while (table.MoveNext())
            {
                if (table.Kind is FieldKind.Table or FieldKind.Array)
                {
                    Validate(table.Kind, table.Value, methodId, depth + 1);
                }
            }
        }
        else
        {
            var array = new FieldArrayReader(content, methodId);
            while (array.MoveNext())
            {
                if (array.Kind is FieldKind.Table or FieldKind.Array)
                {
                    Validate(array.Kind, array.Value, methodId, depth + 1);
                }
            }
        }
    }
}
