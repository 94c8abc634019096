using System.Buffers.Binary;
using System.Globalization;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Activation;

/// <summary>How often messages of a quorum queue came back: a row for each block of neighbours, in a table of the queue's own.</summary>
internal static class DeliveryCountRows
{
    // The incarnation, then the counts.
    private const int Size = 16 + (DeliveryCounts.BlockSize * sizeof(int));

    public static string TableOf(string queueKey) => $"delivery-counts {queueKey}";

    /// <param name="counts">Null: none of its messages is there any more.</param>
    public static RowChange Changed(string queueKey, Guid incarnation, long block, int[]? counts)
    {
        var key = new RowKey(TableOf(queueKey), block.ToString(CultureInfo.InvariantCulture));
        if (counts is null)
        {
            return new RowChange(key, null);
        }

        var value = new byte[Size];
        incarnation.TryWriteBytes(value);
        for (var i = 0; i < counts.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(value.AsSpan(16 + (i * sizeof(int))), counts[i]);
        }

        return new RowChange(key, value);
    }

    /// <exception cref="StoreException">The row is not one of counts.</exception>
    public static (Guid Incarnation, long Block, int[] Counts) Parse(Row row)
    {
        if (row.Value.Length != Size || !long.TryParse(row.Key.Key, NumberStyles.None, CultureInfo.InvariantCulture, out var block))
        {
            throw new StoreException($"The stored row '{row.Key.Key}' of '{row.Key.Table}' is none of delivery counts.");
        }

        var counts = new int[DeliveryCounts.BlockSize];
        for (var i = 0; i < counts.Length; i++)
        {
            counts[i] = BinaryPrimitives.ReadInt32LittleEndian(row.Value.Span[(16 + (i * sizeof(int)))..]);
        }

        return (new Guid(row.Value.Span[..16]), block, counts);
    }
}
