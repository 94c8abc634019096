using System.Buffers.Binary;
using System.Text;
using Granary.Core.Messages;

namespace Granary.Silo.Storage.Files;

/// <summary>Writes entries as <see cref="LogEntry"/> reads them.</summary>
internal static class EntryWriter
{
    /// <summary>Begins a batch of one queue; its records are added by the caller.</summary>
    public static void BeginBatch(this FlushBuffer buffer, EntryType type, in BatchHead head)
    {
        var headLength = type == EntryType.Reference ? LogEntry.ReferenceSize : LogEntry.BatchHeadSize;
        var entry = buffer.Begin(type, headLength, type == EntryType.Reference ? headLength : headLength + head.RecordsLength);
        entry[13] = (byte)head.Flags;
        entry[14] = (byte)head.Marks;
        entry[15] = head.Uses;
        BinaryPrimitives.WriteUInt64LittleEndian(entry[16..], head.Queue);
        BinaryPrimitives.WriteInt64LittleEndian(entry[24..], head.First);
        BinaryPrimitives.WriteInt64LittleEndian(entry[32..], head.Due);
        BinaryPrimitives.WriteInt32LittleEndian(entry[40..], head.Count);
        BinaryPrimitives.WriteInt32LittleEndian(entry[44..], head.RecordsLength);
        BinaryPrimitives.WriteInt32LittleEndian(entry[48..], head.BodiesLength);
        if (type == EntryType.Reference)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(entry[52..], (uint)((buffer.Length - LogEntry.ReferenceSize - head.SharedAt) / 8));
        }
    }

    public static void AddSettled(this FlushBuffer buffer, ulong queue, ReadOnlySpan<(long First, long End)> ranges)
    {
        var length = LogEntry.HeadSize + 8 + ranges.Length * LogEntry.RangeSize;
        var entry = buffer.Begin(EntryType.Settled, length, length);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[16..], queue);
        for (var i = 0; i < ranges.Length; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(entry[(24 + i * LogEntry.RangeSize)..], ranges[i].First);
            BinaryPrimitives.WriteInt64LittleEndian(entry[(32 + i * LogEntry.RangeSize)..], ranges[i].End);
        }

        buffer.End();
    }

    public static void AddQueue(this FlushBuffer buffer, ulong number, QueueIdentity identity, long epoch, QueueLog? queue)
    {
        var keyLength = Encoding.UTF8.GetByteCount(identity.Key);
        var links = queue?.Sessions;
        var keyAt = LogEntry.QueueHeadSize + (links?.Count ?? 0) * LogEntry.LinkSize;
        var entry = buffer.Begin(EntryType.Queue, keyAt + keyLength, keyAt + keyLength);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[16..], number);
        BinaryPrimitives.WriteInt64LittleEndian(entry[24..], epoch);
        BinaryPrimitives.WriteInt64LittleEndian(entry[32..], queue?.OffsetBound ?? 0);
        BinaryPrimitives.WriteInt64LittleEndian(entry[40..], queue?.DeliveredBound ?? 0);
        identity.Incarnation.TryWriteBytes(entry[48..]);
        BinaryPrimitives.WriteInt32LittleEndian(entry[64..], keyLength);
        BinaryPrimitives.WriteInt32LittleEndian(entry[68..], links?.Count ?? 0);
        if (links is not null)
        {
            var at = LogEntry.QueueHeadSize;
            foreach (var (link, progress) in links)
            {
                WriteLink(entry[at..], new PublishProgress(link, progress));
                at += LogEntry.LinkSize;
            }
        }

        Encoding.UTF8.GetBytes(identity.Key, entry[keyAt..]);
        buffer.End();
    }

    public static void AddProgress(this FlushBuffer buffer, ulong queue, long offsetBound, long deliveredBound, List<PublishProgress> links)
    {
        var length = LogEntry.ProgressHeadSize + links.Count * LogEntry.LinkSize;
        var entry = buffer.Begin(EntryType.Progress, length, length);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[16..], queue);
        BinaryPrimitives.WriteInt64LittleEndian(entry[24..], offsetBound);
        BinaryPrimitives.WriteInt64LittleEndian(entry[32..], deliveredBound);
        for (var i = 0; i < links.Count; i++)
        {
            WriteLink(entry[(LogEntry.ProgressHeadSize + i * LogEntry.LinkSize)..], links[i]);
        }

        buffer.End();
    }

    public static void AddQueueDeleted(this FlushBuffer buffer, ulong queue)
    {
        var entry = buffer.Begin(EntryType.QueueDeleted, LogEntry.HeadSize + 8, LogEntry.HeadSize + 8);
        BinaryPrimitives.WriteUInt64LittleEndian(entry[16..], queue);
        buffer.End();
    }

    public static void AddRow(this FlushBuffer buffer, RowKey key, ReadOnlySpan<byte> value, long version) =>
        buffer.AddRow(EntryType.Row, key, value, version);

    public static void AddRowRemoved(this FlushBuffer buffer, RowKey key) => buffer.AddRow(EntryType.RowRemoved, key, [], 0);

    /// <summary>An entry as it was elsewhere.</summary>
    public static void AddCopy(this FlushBuffer buffer, ReadOnlySpan<byte> entry)
    {
        var copy = buffer.Begin((EntryType)entry[12], entry.Length, entry.Length);
        entry[12..].CopyTo(copy[12..]);
        buffer.End();
    }

    private static void AddRow(this FlushBuffer buffer, EntryType type, RowKey key, ReadOnlySpan<byte> value, long version)
    {
        var tableLength = Encoding.UTF8.GetByteCount(key.Table);
        var keyLength = Encoding.UTF8.GetByteCount(key.Key);
        var length = LogEntry.RowHeadSize + tableLength + keyLength + value.Length;
        var entry = buffer.Begin(type, length, length);
        BinaryPrimitives.WriteInt64LittleEndian(entry[16..], version);
        BinaryPrimitives.WriteInt32LittleEndian(entry[24..], tableLength);
        BinaryPrimitives.WriteInt32LittleEndian(entry[28..], keyLength);
        Encoding.UTF8.GetBytes(key.Table, entry[LogEntry.RowHeadSize..]);
        Encoding.UTF8.GetBytes(key.Key, entry[(LogEntry.RowHeadSize + tableLength)..]);
        value.CopyTo(entry[(length - value.Length)..]);
        buffer.End();
    }

    private static void WriteLink(Span<byte> at, PublishProgress progress)
    {
        progress.Session.Value.TryWriteBytes(at);
        BinaryPrimitives.WriteInt64LittleEndian(at[16..], progress.Number);
    }
}

/// <summary>What the head of a batch says.</summary>
/// <param name="SharedAt">Where the records are from the start of the flush, for a reference.</param>
internal readonly record struct BatchHead(
    ulong Queue, long First, long Due, int Count, int RecordsLength, int BodiesLength, MessageFlags Flags, EntryMarks Marks, byte Uses = 0, long SharedAt = 0)
{
    public static BatchHead Of(LogEntry entry) =>
        new(entry.QueueNumber, entry.First, entry.Due, entry.Count, entry.RecordsLength, entry.BodiesLength, entry.Flags, entry.Marks, entry.Uses);
}
