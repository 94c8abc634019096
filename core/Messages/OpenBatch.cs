using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Granary.Core.Messages;

/// <summary>
/// A batch that can still grow: records are added as long as each lies directly behind the last one in the same array. The default value is empty and takes
/// nothing.
/// </summary>
public struct OpenBatch
{
    private readonly byte[]? _array;
    private readonly int _start;
    private int _end;
    private MessageFlags _flags;

    /// <summary>Begins with <paramref name="count"/> records in <paramref name="length"/> bytes of <paramref name="array"/>.</summary>
    public OpenBatch(byte[] array, int start, int length, int count, MessageFlags flags) =>
        (_array, _start, _end, _flags, Count) = (array, start, start + length, flags, count);

    /// <summary>How many records there are.</summary>
    public int Count { get; private set; }

    /// <summary>Begins with the records of a batch; false if these are not in an array, or are to be taken in another way than most.</summary>
    public static bool TryStart(in MessageBatch batch, out OpenBatch open)
    {
        ArraySegment<byte> segment = default;
        var isArray = batch.Window is null && MemoryMarshal.TryGetArray(batch.Records, out segment);
        open = isArray ? new OpenBatch(segment.Array!, segment.Offset, segment.Count, batch.Count, batch.Flags) : default;
        return isArray;
    }

    /// <summary>Adds <paramref name="count"/> records; false, with nothing added, if they do not follow directly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryExtend(byte[] array, int start, int length, int count, MessageFlags flags)
    {
        if (!ReferenceEquals(array, _array) || start != _end)
        {
            return false;
        }

        _end += length;
        _flags |= flags;
        Count += count;
        return true;
    }

    /// <summary>Adds the records of a batch; false, with nothing added, if they do not follow directly.</summary>
    public bool TryExtend(in MessageBatch batch) =>
        Count > 0 && batch.Window is null && MemoryMarshal.TryGetArray(batch.Records, out var segment)
        && TryExtend(segment.Array!, segment.Offset, segment.Count, batch.Count, batch.Flags);

    /// <summary>All records so far. Not for an empty one.</summary>
    public readonly MessageBatch ToBatch() => new(_array.AsMemory(_start, _end - _start), Count, _flags);
}
