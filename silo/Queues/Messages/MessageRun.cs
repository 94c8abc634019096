using System.Runtime.InteropServices;
using Granary.Core.Links;
using Granary.Core.Messages;

namespace Granary.Silo.Queues.Messages;

/// <summary>A piece of memory, by what owns it.</summary>
internal readonly record struct RunPlace(object Owner, int Offset, int Length);

/// <summary>Messages with successive offsets, back to back in memory: the unit in which a queue keeps and moves messages.</summary>
/// <param name="Records">The records of all messages of the run and of nothing else; empty if only the store has them (see <see cref="UnreadRecords"/>).</param>
/// <param name="First">Offset of the first message.</param>
/// <param name="Count">At least 1.</param>
/// <param name="Redelivered">All of them may have been seen before.</param>
/// <param name="Flags">Every flag that any of the messages has, and possibly more.</param>
/// <param name="Since">When the run came to where it is, in milliseconds of the queue's clock.</param>
/// <param name="Due">When all of them expire, by the same clock, or <see cref="Never"/>.</param>
/// <param name="InPieces">It was put together from small ones: what the store has of it are pieces.</param>
/// <param name="Lane">The priority that all of them have in their queue; 0 where it knows none.</param>
internal readonly record struct MessageRun(
    ReadOnlyMemory<byte> Records, long First, int Count, bool Redelivered, MessageFlags Flags, long Since, long Due = MessageRun.Never,
    bool InPieces = false, byte Lane = 0)
{
    public const long Never = long.MaxValue;

    /// <summary>A record of the store costs about as much as a few dozen bytes, so pieces of this size are as good as bigger ones.</summary>
    private const int SmallPiece = 4 * 1024;

    /// <summary>The first offset after the run.</summary>
    public long End => First + Count;

    /// <summary>Bytes in memory.</summary>
    public int Length => Records.Length;

    /// <summary>The records are in memory, not only in the store.</summary>
    public bool IsLoaded => !Records.IsEmpty;

    /// <summary>The store alone knows anything of them, also when they expire: an earlier activation delivered them, and this one has not read them.</summary>
    public bool IsUnseen => !IsLoaded && !UnreadRecords.Has(this);

    /// <summary>Some of the messages are to survive, and possibly not all.</summary>
    public bool IsPersistent => (Flags & MessageFlags.Persistent) != 0;

    public DeliverySlice ToSlice() => new(new MessageBatch(Records, Count, Flags), First, Redelivered);

    /// <summary>Where its bytes are: the same for runs of several queues that share them. Null for memory that cannot be told from other memory.</summary>
    public RunPlace? Place =>
        MemoryMarshal.TryGetArray(Records, out var segment) ? new RunPlace(segment.Array!, segment.Offset, segment.Count)
        : LargeRecord.Of(Records) is { } large ? new RunPlace(large, 0, Length)
        : null;

    /// <summary>The first <paramref name="count"/> messages, which take <paramref name="length"/> bytes.</summary>
    public MessageRun Head(int count, int length) => this with { Records = Records[..length], Count = count };

    /// <summary>What is left without the first <paramref name="count"/> messages, which take <paramref name="length"/> bytes.</summary>
    public MessageRun After(int count, int length) => this with { Records = Records[length..], First = First + count, Count = Count - count };

    /// <summary>The messages from <paramref name="start"/> to below <paramref name="end"/>, counted from the first; walks the records.</summary>
    public MessageRun Part(int start, int end)
    {
        var skipped = LengthOf(start);
        var rest = start == 0 ? this : After(start, skipped);
        return end == Count ? rest : rest.Head(end - start, rest.LengthOf(end - start));
    }

    /// <summary>The messages from an offset on, of which there are some.</summary>
    public MessageRun From(long offset)
    {
        var skipped = (int)Math.Max(offset - First, 0);
        return skipped == 0 ? this : After(skipped, LengthOf(skipped));
    }

    /// <summary>The same messages, which only the store has from now on.</summary>
    public MessageRun LetGo() => this with { Records = default };

    /// <summary>As <see cref="LetGo"/>, for a run of which is to be known how large it is; walks the records.</summary>
    public MessageRun LetGoUnread() => this with { Records = UnreadRecords.Of(this) };

    /// <summary>The bytes of the records and of their bodies, in memory or not; walks the records. 0: the store alone knows.</summary>
    public (long Bytes, long Bodies) Size() => IsLoaded ? (Length, BodyLength()) : UnreadRecords.SizeOf(this);

    /// <summary>The bytes of all bodies in memory; walks the records.</summary>
    public long BodyLength()
    {
        var records = Records.Span;
        var bytes = 0L;
        while (!records.IsEmpty)
        {
            var record = new MessageRecord(records);
            bytes += record.Body.Length;
            records = records[record.Length..];
        }

        return bytes;
    }

    /// <summary>Bytes in memory of the first <paramref name="count"/> messages.</summary>
    public int LengthOf(int count) => IsLoaded ? new MessageBatch(Records, Count, Flags).ByteLengthOf(count) : 0;

    /// <summary>Joins two runs that follow each other in offsets and in memory and differ in nothing that matters.</summary>
    public static bool TryJoin(in MessageRun left, in MessageRun right, out MessageRun joined)
    {
        if (left.End != right.First || left.Redelivered != right.Redelivered || left.Due != right.Due || left.IsPersistent != right.IsPersistent || left.Lane != right.Lane)
        {
            joined = default;
            return false;
        }

        if (!left.IsLoaded && !right.IsLoaded)
        {
            joined = default;
            if ((long)left.Count + right.Count > int.MaxValue || !UnreadRecords.TryJoin(left, right, out var sizes))
            {
                return false;
            }

            joined = left with { Records = sizes, Count = left.Count + right.Count, Flags = left.Flags | right.Flags, InPieces = left.InPieces || right.InPieces };
            return true;
        }

        if (MemoryMarshal.TryGetArray(left.Records, out var a) && MemoryMarshal.TryGetArray(right.Records, out var b)
            && a.Array == b.Array && a.Offset + a.Count == b.Offset)
        {
            joined = left with
            {
                Records = a.Array.AsMemory(a.Offset, a.Count + b.Count),
                Count = left.Count + right.Count,
                Flags = left.Flags | right.Flags,
                InPieces = left.InPieces || right.InPieces || left.Length < SmallPiece || right.Length < SmallPiece,
            };
            return true;
        }

        joined = default;
        return false;
    }

    /// <summary>The size of the array that <paramref name="records"/> keep alive.</summary>
    public static int PinnedBy(ReadOnlyMemory<byte> records) =>
        MemoryMarshal.TryGetArray(records, out var segment) ? segment.Array!.Length : LargeRecord.Of(records)?.Capacity ?? records.Length;
}
