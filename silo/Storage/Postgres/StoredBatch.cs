using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage.Postgres;

/// <summary>A batch as it was read back, with what is known of it.</summary>
internal sealed record StoredBatch(long First, int Count, short StoredFlags, long Due, byte[] Records)
{
    /// <summary>Beside <see cref="MessageFlags"/>: some of the messages are persistent, and some are not.</summary>
    public const short Mixed = 0x100;

    /// <summary>Beside <see cref="MessageFlags"/>: it is a stream's, and has its place beside the ring. The SQL knows it, too.</summary>
    public const short OfStream = 0x200;

    /// <summary>The most messages in one batch; the SQL knows it, too.</summary>
    public const int MaxCount = 8192;

    public long End => First + Count;

    public MessageFlags Flags => (MessageFlags)(byte)StoredFlags;

    /// <summary>What of it lies in the range and is not settled.</summary>
    /// <exception cref="StoreException">The records are not what they should be.</exception>
    public void AddUnsettled(SettledOffsets settled, long from, long end, List<MessageRun> runs)
    {
        from = Math.Max(from, First);
        end = Math.Min(end, End);
        var (offset, position) = (First, 0);
        while (settled.TryFindUnsettled(from, end, out var first, out var last))
        {
            var start = Walk(offset, position, first);
            var stop = last == End ? Records.Length : Walk(first, start, last);
            runs.Add(new MessageRun(Records.AsMemory(start, stop - start), first, (int)(last - first), Redelivered: false, Flags, Since: 0, Due));
            (offset, position, from) = (last, stop, last);
        }
    }

    private int Walk(long offset, int position, long to)
    {
        for (; offset < to; offset++)
        {
            var length = position <= Records.Length - MessageRecord.FixedHeaderSize ? MessageRecord.LengthOf(Records.AsSpan(position)) : 0;
            if (length < MessageRecord.FixedHeaderSize || length > Records.Length - position)
            {
                throw new StoreException($"The batch of {Count} messages at offset {First} is damaged at its byte {position}.");
            }

            position += length;
        }

        return position;
    }
}
