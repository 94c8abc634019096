using System.Buffers.Binary;
using Granary.Core.Messages;

namespace Granary.Silo.Storage.Files;

/// <summary>The index at the end of a stream's own file: where its batches are, so that they need not be looked for. See <see cref="LogEntry"/>.</summary>
internal static class StreamFileIndex
{
    private const int HeadSize = 48;
    private const int BatchSize = 40;

    public static void AddIndex(this FlushBuffer buffer, ulong queue, Guid incarnation, IReadOnlyList<StoredBatch> batches)
    {
        var length = HeadSize + (batches.Count * BatchSize);
        var entry = buffer.Begin(EntryType.StreamIndex, length, length);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[16..], queue);
        incarnation.TryWriteBytes(entry[24..]);
        BinaryPrimitives.WriteInt32LittleEndian(entry[40..], batches.Count);
        for (var i = 0; i < batches.Count; i++)
        {
            var batch = batches[i];
            var at = entry[(HeadSize + (i * BatchSize))..];
            BinaryPrimitives.WriteInt64LittleEndian(at, batch.First);
            BinaryPrimitives.WriteInt64LittleEndian(at[8..], batch.Due);
            BinaryPrimitives.WriteUInt32LittleEndian(at[16..], batch.Place);
            BinaryPrimitives.WriteInt32LittleEndian(at[20..], batch.Count);
            BinaryPrimitives.WriteInt32LittleEndian(at[24..], batch.RecordsLength);
            BinaryPrimitives.WriteInt32LittleEndian(at[28..], batch.BodiesLength);
            at[32] = (byte)batch.Flags;
            at[33] = (byte)batch.Marks;
        }

        buffer.End();
    }

    /// <summary>Whose file it is.</summary>
    public static (ulong Queue, Guid Incarnation) OwnerIn(LogEntry entry) => (entry.QueueNumber, new Guid(entry.Bytes.Slice(24, 16)));

    /// <param name="entry">A valid one.</param>
    /// <param name="segment">The number of the file that it is in.</param>
    public static List<StoredBatch> BatchesIn(LogEntry entry, uint segment)
    {
        var batches = new List<StoredBatch>();
        for (var at = entry.Bytes[HeadSize..]; at.Length >= BatchSize; at = at[BatchSize..])
        {
            var count = BinaryPrimitives.ReadInt32LittleEndian(at[20..]);
            batches.Add(new StoredBatch
            {
                First = BinaryPrimitives.ReadInt64LittleEndian(at),
                Due = BinaryPrimitives.ReadInt64LittleEndian(at[8..]),
                Count = count,
                Live = count,
                Segment = segment,
                Place = BinaryPrimitives.ReadUInt32LittleEndian(at[16..]),
                RecordsLength = BinaryPrimitives.ReadInt32LittleEndian(at[24..]),
                BodiesLength = BinaryPrimitives.ReadInt32LittleEndian(at[28..]),
                Flags = (MessageFlags)at[32],
                Marks = (EntryMarks)at[33],
            });
        }

        return batches;
    }
}
