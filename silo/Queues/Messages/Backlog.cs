using Granary.Core.Messages;

namespace Granary.Silo.Queues.Messages;

/// <summary>
/// The messages nobody has taken yet, in the order of their offsets. Big batches are kept as they came; small ones that stay are moved together
/// into chunks of the queue's own, so that a backlog published one message at a time costs no more memory than one published in bulk.
/// </summary>
internal sealed class Backlog
{
    private const int SmallestChunk = 1024;

    private readonly RingBuffer<MessageRun> _runs = new();

    /// <summary>The chunk that small batches are moved to; the last run may be a slice of it that ends at <see cref="_used"/>.</summary>
    private byte[]? _chunk;
    private int _used;

    /// <summary>How many runs at the end came since <see cref="Settle"/>.</summary>
    private int _unsettled;

    public long Count { get; private set; }

    public long Bytes { get; private set; }

    public int RunCount => _runs.Count;

    public ref MessageRun First => ref _runs[0];

    /// <summary>The run at <paramref name="index"/>, below <see cref="RunCount"/>.</summary>
    public ref MessageRun this[int index] => ref _runs[index];

    public void Append(in MessageRun run)
    {
        Count += run.Count;
        Bytes += run.Length;
        if (_unsettled > 0 && _runs.Count > 0 && MessageRun.TryJoin(_runs[_runs.Count - 1], run, out var joined))
        {
            _runs[_runs.Count - 1] = joined;
            return;
        }

        _runs.AddLast(run);
        _unsettled++;
    }

    /// <summary>Takes the first <paramref name="count"/> messages of the first run, which take <paramref name="length"/> bytes.</summary>
    public MessageRun Take(int count, int length)
    {
        Count -= count;
        Bytes -= length;
        ref var first = ref _runs[0];
        if (count == first.Count)
        {
            return _runs.RemoveFirst();
        }

        var taken = first.Head(count, length);
        first = first.After(count, length);
        return taken;
    }

    /// <summary>Hands all but about the first <paramref name="bytes"/> over to an empty backlog. To be called after <see cref="Settle"/>.</summary>
    public void MoveRest(int bytes, Backlog rest)
    {
        var kept = 0;
        for (var length = 0L; kept < _runs.Count && length < bytes; kept++)
        {
            length += _runs[kept].Length;
        }

        for (var i = kept; i < _runs.Count; i++)
        {
            rest.Take(_runs[i]);
            Count -= _runs[i].Count;
            Bytes -= _runs[i].Length;
        }

        while (_runs.Count > kept)
        {
            _runs.RemoveAt(_runs.Count - 1);
        }

        (rest._chunk, rest._used, _chunk) = (_chunk, _used, null);
    }

    /// <summary>Adds messages that have been here before, or in another backlog: they stay as they are.</summary>
    public void Take(in MessageRun run)
    {
        Count += run.Count;
        Bytes += run.Length;
        _runs.AddLast(run);
    }

    /// <summary>What is still here at the end of a turn will stay for a while: small batches move into the queue's own chunk.</summary>
    public void Settle()
    {
        var count = Math.Min(_unsettled, _runs.Count);
        _unsettled = 0;
        if (_runs.Count == 0)
        {
            _chunk = null;
            return;
        }

        if (count == 0 || (count == 1 && IsWorthKeeping(_runs[_runs.Count - 1])))
        {
            return;
        }

        // The new runs leave the ring and come back merged; there are only a few of them.
        var first = _runs.Count - count;
        var kept = first;
        for (var i = first; i < first + count; i++)
        {
            var run = _runs[i];
            if (!IsWorthKeeping(run))
            {
                run = Merge(run, kept);
                if (kept > 0 && MessageRun.TryJoin(_runs[kept - 1], run, out var joined))
                {
                    _runs[kept - 1] = joined;
                    continue;
                }
            }

            _runs[kept++] = run;
        }

        while (_runs.Count > kept)
        {
            _runs.RemoveAt(_runs.Count - 1);
        }
    }

    /// <summary>Gives up an array of which little is left, once nothing was taken from it for a while.</summary>
    /// <returns>Whether there will be something to do later.</returns>
    public bool Tidy(long now)
    {
        if (_runs.Count == 0)
        {
            _chunk = null;
            return false;
        }

        ref var first = ref _runs[0];
        if (!SparseMemory.IsWasted(first.Records))
        {
            return false;
        }

        if (now - first.Since < SparseMemory.AgeLimit)
        {
            return true;
        }

        if (_runs.Count == 1)
        {
            _chunk = null;
        }

        first = first with { Records = first.Records.ToArray() };
        return false;
    }

    public void Clear()
    {
        _runs.Clear();
        _chunk = null;
        _unsettled = 0;
        Count = 0;
        Bytes = 0;
    }

    /// <summary>Keeping a batch as it came must not cost much more memory than copying it.</summary>
    private static bool IsWorthKeeping(in MessageRun run) =>
        run.Length >= MessageBatch.ChunkSize / 2 || (run.Length >= SmallestChunk && run.Length >= MessageRun.PinnedBy(run.Records) / 2);

    private MessageRun Merge(in MessageRun run, int position)
    {
        if (_chunk is null || _chunk.Length - _used < run.Length)
        {
            MakeRoom(run.Length, position);
        }

        run.Records.CopyTo(_chunk.AsMemory(_used));
        var merged = run with { Records = _chunk.AsMemory(_used, run.Length) };
        _used += run.Length;
        return merged;
    }

    /// <summary>
    /// A chunk doubles, with the run before <paramref name="position"/> moving along, until it has the full size; then a new one begins.
    /// Slices that were given out keep the old array.
    /// </summary>
    private void MakeRoom(int length, int position)
    {
        var last = position > 0 ? _runs[position - 1] : default;
        var moves = _chunk is not null && position > 0 && EndsAtUsed(last) && last.Length + length <= MessageBatch.ChunkSize;
        var needed = moves ? last.Length + length : length;
        var size = Math.Clamp((int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)needed), SmallestChunk, MessageBatch.ChunkSize);
        var chunk = new byte[size];
        _used = 0;
        if (moves)
        {
            last.Records.CopyTo(chunk);
            _runs[position - 1] = last with { Records = chunk.AsMemory(0, last.Length) };
            _used = last.Length;
        }

        _chunk = chunk;
    }

    private bool EndsAtUsed(in MessageRun run) =>
        System.Runtime.InteropServices.MemoryMarshal.TryGetArray(run.Records, out var segment)
        && segment.Array == _chunk && segment.Offset + segment.Count == _used;
}
