using System.Runtime.InteropServices;
using Granary.Core.Messages;

namespace Granary.Core.Links;

/// <summary>Untracked messages that lie back to back in one array and go out as one batch.</summary>
internal struct OpenRun
{
    private byte[] _array;
    private int _start;
    private int _end;
    private MessageFlags _flags;

    public int Count { get; private set; }

    public static bool TryStart(in MessageBatch batch, out OpenRun run)
    {
        if (!MemoryMarshal.TryGetArray(batch.Records, out var segment))
        {
            run = default;
            return false;
        }

        run = new OpenRun
        {
            _array = segment.Array!,
            _start = segment.Offset,
            _end = segment.Offset + segment.Count,
            _flags = batch.Flags,
            Count = batch.Count,
        };
        return true;
    }

    public bool TryExtend(in MessageBatch batch)
    {
        if (Count == 0 || !MemoryMarshal.TryGetArray(batch.Records, out var segment) || segment.Array != _array || segment.Offset != _end)
        {
            return false;
        }

        _end += segment.Count;
        _flags |= batch.Flags;
        Count += batch.Count;
        return true;
    }

    public readonly MessageBatch ToBatch() => new(_array.AsMemory(_start, _end - _start), Count, _flags);
}
