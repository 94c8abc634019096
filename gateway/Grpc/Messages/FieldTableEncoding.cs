using Granary.Gateway.Grpc.Access;
using Granary.V1;
using static Granary.V1.FieldValue;
using Wire = Granary.Amqp;

namespace Granary.Gateway.Grpc.Messages;

/// <summary>Field tables of requests as AMQP's, letter for letter.</summary>
internal static class FieldTableEncoding
{
    /// <summary>Tables and arrays within each other. Protobuf's parsers stop at 100 messages, and a table in a table takes three.</summary>
    public const int MaxDepth = 30;

    private const int MaxBytes = 4 * 1024 * 1024;

    /// <summary>Null is an empty table.</summary>
    /// <exception cref="Wire.AmqpChannelException">502: too large, too deep, or a value that its type cannot hold.</exception>
    public static Wire.FieldTable Encode(FieldTable? table)
    {
        var encoded = table is null ? Wire.FieldTable.Empty : Table(table, 1);
        return encoded.ContentSize <= MaxBytes ? encoded : throw CallErrors.Invalid($"a field table of {encoded.ContentSize} bytes has more than {MaxBytes}");
    }

    private static Wire.FieldTable Table(FieldTable table, int depth)
    {
        CheckDepth(depth);
        var entries = new KeyValuePair<string, Wire.FieldValue>[table.Entries.Count];
        for (var i = 0; i < entries.Length; i++)
        {
            var entry = table.Entries[i];
            entries[i] = KeyValuePair.Create(ShortStrings.Check(entry.Name, "a field name"), Value(entry.Name, entry.Value, depth));
        }

        return new Wire.FieldTable(entries);
    }

    private static Wire.FieldValue Value(string name, FieldValue? value, int depth) => value?.KindCase switch
    {
        KindOneofCase.LongString => Wire.FieldValue.LongString(value.LongString.Span),
        KindOneofCase.Boolean => value.Boolean,
        KindOneofCase.Int8 => Integer(name, Wire.FieldKind.SignedByte, value.Int8, sbyte.MinValue, sbyte.MaxValue),
        KindOneofCase.Uint8 => Integer(name, Wire.FieldKind.UnsignedByte, value.Uint8, byte.MinValue, byte.MaxValue),
        KindOneofCase.Int16 => Integer(name, Wire.FieldKind.Short, value.Int16, short.MinValue, short.MaxValue),
        KindOneofCase.Uint16 => Integer(name, Wire.FieldKind.UnsignedShort, value.Uint16, ushort.MinValue, ushort.MaxValue),
        KindOneofCase.Int32 => value.Int32,
        KindOneofCase.Uint32 => Wire.FieldValue.Integer(Wire.FieldKind.UnsignedInt, value.Uint32),
        KindOneofCase.Int64 => value.Int64,
        KindOneofCase.Int64Upper => Wire.FieldValue.Integer(Wire.FieldKind.OtherLong, value.Int64Upper),
        KindOneofCase.Float32 => Wire.FieldValue.Float(value.Float32),
        KindOneofCase.Float64 => value.Float64,
        KindOneofCase.Decimal => Decimal(name, value.Decimal),
        KindOneofCase.Table => Table(value.Table, depth + 1),
        KindOneofCase.Array => Array(name, value.Array, depth + 1),
        KindOneofCase.ByteArray => Wire.FieldValue.Bytes(value.ByteArray.Span),
        KindOneofCase.Void => Wire.FieldValue.Void,
        KindOneofCase.Timestamp => Wire.FieldValue.Timestamp(value.Timestamp),
        _ => throw CallErrors.Invalid($"the field '{name}' has no value"),
    };

    private static Wire.FieldValue Integer(string name, Wire.FieldKind kind, long value, long min, long max) => value >= min && value <= max
        ? Wire.FieldValue.Integer(kind, value)
        : throw CallErrors.Invalid($"the field '{name}' is {value}, outside of {min} to {max}");

    private static Wire.FieldValue Decimal(string name, FieldDecimal value) => value.Scale <= byte.MaxValue
        ? Wire.FieldValue.Decimal(new Wire.FieldDecimal((byte)value.Scale, unchecked((uint)value.Value)))
        : throw CallErrors.Invalid($"the field '{name}' has a scale of {value.Scale}, outside of 0 to 255");

    private static Wire.FieldValue Array(string name, FieldArray array, int depth)
    {
        CheckDepth(depth);
        var values = new Wire.FieldValue[array.Values.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = Value(name, array.Values[i], depth);
        }

        return new Wire.FieldArray(values);
    }

    private static void CheckDepth(int depth)
    {
        if (depth > MaxDepth)
        {
            throw CallErrors.Invalid($"field tables nested deeper than {MaxDepth}");
        }
    }
}
