using Granary.Core.Messages;

namespace Granary.Silo.Queues.Messages;

/// <summary>
/// The messages nobody has taken yet, in the order of their offsets. Big batches are kept as they came; small ones that stay are moved together
/// into chunks of the queue's own, so that a backlog published one message at a time costs no more memory than one published in bulk.
/// </summary>
internal sealed class Backlog
{
    private const int SmallestChunk = 1024;

    /// <summary>So many runs may be kept that have left, without a look at how many others there are.</summary>
    private const int FewLeft = 16;

    private readonly RingBuffer<MessageRun> _runs = new();

    /// <summary>How many runs between the others have left: they keep their places without records, so that nothing has to be moved. The first and the last have not left.</summary>
    private int _left;

    private TidyScan _scan;
    private bool _scanNeeded;

    /// <summary>The chunk that small batches are moved to; the last run may be a slice of it that ends at <see cref="_used"/>.</summary>
    private byte[]? _chunk;
    private int _used;

    /// <summary>How many runs at the end came since <see cref="Settle"/>.</summary>
    private int _unsettled;

    public long Count { get; private set; }

    public long Bytes { get; private set; }

    public int RunCount => _runs.Count;

    public ref MessageRun First => ref _runs[0];

    /// <summary>The run at <paramref name="index"/>, below <see cref="RunCount"/>. Not loaded: it has left.</summary>
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
            var run = _runs.RemoveFirst();
            if (_left > 0)
            {
                ForgetLeft();
            }

            return run;
        }

        var taken = first.Head(count, length);
        first = first.After(count, length);
        return taken;
    }

    /// <summary>Takes out the first run that has any of the messages between two offsets, wherever it stands. False: there is none.</summary>
    public bool TryTakeAt(long from, long end, out MessageRun run)
    {
        for (var index = IndexOf(from); index < _runs.Count && _runs[index].First < end; index++)
        {
            run = _runs[index];
            if (run.IsLoaded)
            {
                Count -= run.Count;
                Bytes -= run.Length;
                _runs[index] = run.LetGo();
                _left++;
                _scanNeeded = true;
                ForgetLeft();
                return true;
            }
        }

        run = default;
        return false;
    }

    /// <summary>Those from an offset on, in their order.</summary>
    public IEnumerable<MessageRun> From(long offset)
    {
        for (var index = IndexOf(offset); index < _runs.Count; index++)
        {
            if (_runs[index].IsLoaded)
            {
                yield return _runs[index].From(offset);
            }
        }
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
            if (!_runs[i].IsLoaded)
            {
                _left--;
                continue;
            }

            rest.Take(_runs[i]);
            Count -= _runs[i].Count;
            Bytes -= _runs[i].Length;
        }

        CutTo(kept);
        ForgetLeft();
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
            if (!run.IsLoaded)
            {
                _left--;
                continue;
            }

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

        CutTo(kept);
    }

    /// <summary>Gives up arrays of which little is left, once nothing was taken from them for a while.</summary>
    /// <returns>Whether there will be something to do later.</returns>
    public bool Tidy(long now)
    {
        if (_runs.Count == 0)
        {
            _chunk = null;
            return false;
        }

        if (_scanNeeded)
        {
            // Something left from the middle, and may have been most of an array.
            _scan.BeginStep();
            while (_scan.Continue && IndexOf(_scan.Next) is var index && index < _runs.Count)
            {
                _scan.Advance(_runs[index].End);
                if (Tidy(index, now))
                {
                    _scan.SawYoung();
                }
            }

            _scanNeeded = _scan.EndPass();
            return _scanNeeded;
        }

        return Tidy(0, now);
    }

    public void Clear()
    {
        _runs.Clear();
        _chunk = null;
        _unsettled = 0;
        _left = 0;
        _scanNeeded = false;
        Count = 0;
        Bytes = 0;
    }

    /// <returns>Whether there will be something to do later.</returns>
    private bool Tidy(int index, long now)
    {
        ref var run = ref _runs[index];
        if (!SparseMemory.IsWasted(run.Records))
        {
            return false;
        }

        if (now - run.Since < SparseMemory.AgeLimit)
        {
            return true;
        }

        if (_runs.Count == 1)
        {
            _chunk = null;
        }

        run = run with { Records = run.Records.ToArray() };
        return false;
    }

    /// <summary>The first run that ends after an offset, whether it has left or not.</summary>
    private int IndexOf(long offset)
    {
        int low = 0, high = _runs.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            (low, high) = _runs[middle].End > offset ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    /// <summary>Forgets runs that have left, at both ends, and everywhere when they are most of all.</summary>
    private void ForgetLeft()
    {
        while (_left > 0 && !_runs[0].IsLoaded)
        {
            _runs.RemoveFirst();
            _left--;
        }

        while (_left > 0 && !_runs[^1].IsLoaded)
        {
            CutTo(_runs.Count - 1);
            _left--;
            _unsettled = Math.Max(0, _unsettled - 1);
        }

        if (_left <= FewLeft || _left <= _runs.Count / 2)
        {
            return;
        }

        var settled = _runs.Count - Math.Min(_unsettled, _runs.Count);
        var kept = 0;
        for (var i = 0; i < _runs.Count; i++)
        {
            if (_runs[i].IsLoaded)
            {
                _runs[kept++] = _runs[i];
            }
            else if (i >= settled)
            {
                _unsettled--;
            }
        }

        CutTo(kept);
        _left = 0;
    }

    private void CutTo(int count)
    {
        while (_runs.Count > count)
        {
            _runs.RemoveAt(_runs.Count - 1);
        }
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
