using System.Buffers.Binary;
using System.Globalization;
using Granary.Silo.Storage;

namespace Granary.Silo.Streams;

/// <summary>The ended segments of a stream, a row for each, in a table of the stream's own.</summary>
internal static class SegmentRows
{
    // The incarnation, the end, the bytes, and when the last message came.
    private const int Size = 16 + (3 * sizeof(long));

    public static string TableOf(string queueKey) => $"stream-segments {queueKey}";

    public static RowChange Changed(string queueKey, Guid incarnation, StreamSegment segment, bool isGone)
    {
        var key = new RowKey(TableOf(queueKey), segment.First.ToString(CultureInfo.InvariantCulture));
        if (isGone)
        {
            return new RowChange(key, null);
        }

        var value = new byte[Size];
        incarnation.TryWriteBytes(value);
        BinaryPrimitives.WriteInt64LittleEndian(value.AsSpan(16), segment.End);
        BinaryPrimitives.WriteInt64LittleEndian(value.AsSpan(24), segment.Bytes);
        BinaryPrimitives.WriteInt64LittleEndian(value.AsSpan(32), segment.LastAt);
        return new RowChange(key, value);
    }

    /// <exception cref="StoreException">The row is not one of a segment.</exception>
    public static (Guid Incarnation, StreamSegment Segment) Parse(Row row)
    {
        if (row.Value.Length != Size || !long.TryParse(row.Key.Key, NumberStyles.None, CultureInfo.InvariantCulture, out var first))
        {
            throw new StoreException($"The stored row '{row.Key.Key}' of '{row.Key.Table}' is none of a stream's segment.");
        }

        var value = row.Value.Span;
        return (new Guid(value[..16]), new StreamSegment(
            first, BinaryPrimitives.ReadInt64LittleEndian(value[16..]), BinaryPrimitives.ReadInt64LittleEndian(value[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(value[32..])));
    }
}
