using System.Buffers.Binary;
using System.Globalization;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Activation;

/// <summary>How often messages of a quorum queue came back: a row for each block of neighbours, in a table of the queue's own.</summary>
internal static class DeliveryCountRows
{
    // The incarnation, then the counts. Then, where any of the messages has to wait, until when each has to.
    private const int Size = 16 + (DeliveryCounts.BlockSize * sizeof(int));
    private const int SizeWithWaits = Size + (DeliveryCounts.BlockSize * sizeof(long));

    public static string TableOf(string queueKey) => $"delivery-counts {queueKey}";

    public static RowChange Changed(string queueKey, Guid incarnation, DeliveryCountBlock block)
    {
        var key = new RowKey(TableOf(queueKey), block.Number.ToString(CultureInfo.InvariantCulture));
        if (block.Counts is not { } counts)
        {
            return new RowChange(key, null);
        }

        var value = new byte[block.Waits is null ? Size : SizeWithWaits];
        incarnation.TryWriteBytes(value);
        for (var i = 0; i < counts.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(value.AsSpan(16 + (i * sizeof(int))), counts[i]);
        }

        for (var i = 0; i < block.Waits?.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(value.AsSpan(Size + (i * sizeof(long))), block.Waits[i]);
        }

        return new RowChange(key, value);
    }

    /// <exception cref="StoreException">The row is not one of counts.</exception>
    public static (Guid Incarnation, DeliveryCountBlock Block) Parse(Row row)
    {
        if (row.Value.Length is not (Size or SizeWithWaits) || !long.TryParse(row.Key.Key, NumberStyles.None, CultureInfo.InvariantCulture, out var block))
        {
            throw new StoreException($"The stored row '{row.Key.Key}' of '{row.Key.Table}' is none of delivery counts.");
        }

        var counts = new int[DeliveryCounts.BlockSize];
        for (var i = 0; i < counts.Length; i++)
        {
            counts[i] = BinaryPrimitives.ReadInt32LittleEndian(row.Value.Span[(16 + (i * sizeof(int)))..]);
        }

        var waits = row.Value.Length == Size ? null : new long[DeliveryCounts.BlockSize];
        for (var i = 0; i < waits?.Length; i++)
        {
            waits[i] = BinaryPrimitives.ReadInt64LittleEndian(row.Value.Span[(Size + (i * sizeof(long)))..]);
        }

        return (new Guid(row.Value.Span[..16]), new DeliveryCountBlock(block, counts, waits));
    }
}
