using System.Buffers.Binary;
using System.Globalization;

namespace Granary.Silo.Storage.Files;

/// <summary>What the log says of a stream's own file: with this row the file's messages count, apart from those that are named in it.</summary>
/// <param name="Incarnation">Of the stream.</param>
/// <param name="Queue">The stream's number in the log.</param>
/// <param name="IndexAt">Where the index of the batches is in the file.</param>
/// <param name="IndexLength">How long the index is.</param>
/// <param name="First">The lowest offset in it.</param>
/// <param name="End">The offset after the highest.</param>
/// <param name="Gone">Offsets that are settled, or that the log has something newer for; ascending and apart.</param>
internal sealed record StreamFileRow(Guid Incarnation, ulong Queue, long IndexAt, int IndexLength, long First, long End, IReadOnlyList<(long First, long End)> Gone)
{
    public const string Table = "granary: files of streams";

    private const int HeadSize = 56;

    public static RowKey KeyOf(uint number) => new(Table, number.ToString("x8", CultureInfo.InvariantCulture));

    public static uint NumberOf(RowKey key) => uint.Parse(key.Key, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    public byte[] ToBytes()
    {
        var bytes = new byte[HeadSize + (Gone.Count * LogEntry.RangeSize)];
        Incarnation.TryWriteBytes(bytes);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), Queue);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), IndexAt);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(32), IndexLength);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(40), First);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(48), End);
        for (var i = 0; i < Gone.Count; i++)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(HeadSize + (i * LogEntry.RangeSize)), Gone[i].First);
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(HeadSize + (i * LogEntry.RangeSize) + 8), Gone[i].End);
        }

        return bytes;
    }

    public static StreamFileRow Read(ReadOnlySpan<byte> bytes)
    {
        var gone = new (long, long)[(bytes.Length - HeadSize) / LogEntry.RangeSize];
        for (var i = 0; i < gone.Length; i++)
        {
            var range = bytes[(HeadSize + (i * LogEntry.RangeSize))..];
            gone[i] = (BinaryPrimitives.ReadInt64LittleEndian(range), BinaryPrimitives.ReadInt64LittleEndian(range[8..]));
        }

        return new StreamFileRow(
            new Guid(bytes[..16]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[32..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[40..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[48..]),
            gone);
    }

    /// <summary>The same with more that does not count.</summary>
    public StreamFileRow Without(IEnumerable<(long First, long End)> ranges)
    {
        var gone = new OffsetRanges();
        foreach (var (first, end) in Gone.Concat(ranges))
        {
            gone.Add(Math.Max(first, First), Math.Min(end, End));
        }

        return this with { Gone = gone.ToArray() };
    }
}
