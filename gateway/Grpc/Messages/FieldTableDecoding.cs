using System.Text;
using System.Buffers.Binary;
using Google.Protobuf;
using Granary.V1;
using Wire = Granary.Amqp;

namespace Granary.Gateway.Grpc.Messages;

/// <summary>AMQP's field tables as those of responses, straight from their bytes.</summary>
internal static class FieldTableDecoding
{
    /// <param name="content">The table without its four length octets.</param>
    public static FieldTable Decode(ReadOnlySpan<byte> content) => Table(content, 1);

    private static FieldTable Table(ReadOnlySpan<byte> content, int depth)
    {
        var table = new FieldTable();
        var reader = new Wire.FieldTableReader(content);
        while (reader.MoveNext())
        {
            table.Entries.Add(new FieldEntry { Name = Encoding.UTF8.GetString(reader.Key), Value = Value(reader.Kind, reader.Value, depth) });
        }

        return table;
    }

    private static FieldArray Array(ReadOnlySpan<byte> content, int depth)
    {
        var array = new FieldArray();
        var reader = new Wire.FieldArrayReader(content);
        while (reader.MoveNext())
        {
            array.Values.Add(Value(reader.Kind, reader.Value, depth));
        }

        return array;
    }

    private static FieldValue Value(Wire.FieldKind kind, ReadOnlySpan<byte> value, int depth) => kind switch
    {
        Wire.FieldKind.LongString => new FieldValue { LongString = ByteString.CopyFrom(value) },
        Wire.FieldKind.Boolean => new FieldValue { Boolean = value[0] != 0 },
        Wire.FieldKind.SignedByte => new FieldValue { Int8 = (sbyte)value[0] },
        Wire.FieldKind.UnsignedByte => new FieldValue { Uint8 = value[0] },
        Wire.FieldKind.Short => new FieldValue { Int16 = BinaryPrimitives.ReadInt16BigEndian(value) },
        Wire.FieldKind.UnsignedShort => new FieldValue { Uint16 = BinaryPrimitives.ReadUInt16BigEndian(value) },
        Wire.FieldKind.Int => new FieldValue { Int32 = BinaryPrimitives.ReadInt32BigEndian(value) },
        Wire.FieldKind.UnsignedInt => new FieldValue { Uint32 = BinaryPrimitives.ReadUInt32BigEndian(value) },
        Wire.FieldKind.Long => new FieldValue { Int64 = BinaryPrimitives.ReadInt64BigEndian(value) },
        Wire.FieldKind.OtherLong => new FieldValue { Int64Upper = BinaryPrimitives.ReadInt64BigEndian(value) },
        Wire.FieldKind.Float => new FieldValue { Float32 = BinaryPrimitives.ReadSingleBigEndian(value) },
        Wire.FieldKind.Double => new FieldValue { Float64 = BinaryPrimitives.ReadDoubleBigEndian(value) },
        Wire.FieldKind.Decimal => new FieldValue
        {
            Decimal = new FieldDecimal { Scale = value[0], Value = BinaryPrimitives.ReadInt32BigEndian(value[1..]) },
        },
        Wire.FieldKind.Bytes => new FieldValue { ByteArray = ByteString.CopyFrom(value) },
        Wire.FieldKind.Timestamp => new FieldValue { Timestamp = BinaryPrimitives.ReadUInt64BigEndian(value) },

        // Deeper ones no client could parse, and the message would come back for ever.
        Wire.FieldKind.Table when depth < FieldTableEncoding.MaxDepth => new FieldValue { Table = Table(value, depth + 1) },
        Wire.FieldKind.Array when depth < FieldTableEncoding.MaxDepth => new FieldValue { Array = Array(value, depth + 1) },
        _ => new FieldValue { Void = new FieldVoid() },
    };
}
