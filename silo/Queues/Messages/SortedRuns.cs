namespace Granary.Silo.Queues.Messages;

/// <summary>A run of offsets that can be kept in <see cref="SortedRuns{T}"/>.</summary>
internal interface IOffsetRun
{
    long First { get; }

    /// <summary>The first offset after the run.</summary>
    long End { get; }
}

/// <summary>Where a run stands in <see cref="SortedRuns{T}"/>; good until the next change to it.</summary>
internal readonly record struct RunPosition(int Block, int Index);

/// <summary>
/// Runs that do not overlap, in ascending order, in blocks of a few dozen: appending at the end and removing at the front cost next to nothing,
/// anything in the middle moves at most one block, however many runs there are.
/// </summary>
internal sealed class SortedRuns<T>
    where T : struct, IOffsetRun
{
    private const int BlockSize = 64;
    private const int SmallestBlock = 4;

    private readonly RingBuffer<Block> _blocks = new();

    public int RunCount { get; private set; }

    public bool IsEmpty => RunCount == 0;

    public ref T First => ref _blocks[0].Runs[_blocks[0].Start];

    public ref T Last
    {
        get
        {
            var block = _blocks[_blocks.Count - 1];
            return ref block.Runs[block.End - 1];
        }
    }

    public ref T this[RunPosition position]
    {
        get
        {
            var block = _blocks[position.Block];
            return ref block.Runs[block.Start + position.Index];
        }
    }

    /// <summary>The first run that ends after <paramref name="offset"/>: the one that holds it, or else the next one.</summary>
    public bool TryFind(long offset, out RunPosition position)
    {
        if (IsEmpty || Last.End <= offset)
        {
            position = default;
            return false;
        }

        int low = 0, high = _blocks.Count - 1;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            var candidate = _blocks[middle];
            if (candidate.Runs[candidate.End - 1].End > offset)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        var block = _blocks[low];
        int from = block.Start, to = block.End - 1;
        while (from < to)
        {
            var middle = (from + to) >>> 1;
            if (block.Runs[middle].End > offset)
            {
                to = middle;
            }
            else
            {
                from = middle + 1;
            }
        }

        position = new RunPosition(low, from - block.Start);
        return true;
    }

    /// <summary>The run before the one at <paramref name="position"/>.</summary>
    public bool TryPrevious(RunPosition position, out RunPosition previous)
    {
        previous = position.Index > 0 ? position with { Index = position.Index - 1 }
            : position.Block > 0 ? new RunPosition(position.Block - 1, _blocks[position.Block - 1].Count - 1)
            : default;
        return position.Index > 0 || position.Block > 0;
    }

    public void Append(in T run)
    {
        if (_blocks.Count == 0 || !_blocks[_blocks.Count - 1].HasRoomAtTheEnd())
        {
            _blocks.AddLast(new Block());
        }

        _blocks[_blocks.Count - 1].Add(run);
        RunCount++;
    }

    /// <summary>Adds a run where it belongs.</summary>
    public void Insert(in T run)
    {
        if (!TryFind(run.First, out var position))
        {
            Append(run);
            return;
        }

        var block = _blocks[position.Block];
        var index = position.Index;
        if (block.Count == BlockSize)
        {
            var upper = block.SplitOff();
            _blocks.Insert(position.Block + 1, upper);
            if (index > block.Count)
            {
                index -= block.Count;
                block = upper;
            }
        }

        block.Insert(index, run);
        RunCount++;
    }

    public void RemoveFirst() => Remove(default, 1);

    /// <summary>Removes the run at <paramref name="position"/> and those after it, <paramref name="count"/> in all, which must be in one block.</summary>
    public void Remove(RunPosition position, int count = 1)
    {
        var block = _blocks[position.Block];
        block.Remove(position.Index, count);
        RunCount -= count;

        // The last block stays, so that one run after the other can come and go without any allocation.
        if (block.Count == 0 && _blocks.Count > 1)
        {
            _blocks.RemoveAt(position.Block);
        }
    }

    /// <summary>How many runs follow in the block of <paramref name="position"/>, that one included.</summary>
    public int CountInBlock(RunPosition position) => _blocks[position.Block].Count - position.Index;

    public void Clear()
    {
        _blocks.Clear();
        RunCount = 0;
    }

    private sealed class Block
    {
        public T[] Runs { get; private set; } = new T[SmallestBlock];

        public int Start { get; private set; }

        public int Count { get; private set; }

        public int End => Start + Count;

        public void Add(in T run)
        {
            Runs[End] = run;
            Count++;
        }

        /// <summary>Makes room behind the last run, if the block may grow or has half its room at the front.</summary>
        public bool HasRoomAtTheEnd()
        {
            if (End < Runs.Length)
            {
                return true;
            }

            if (Runs.Length < BlockSize && Start < Runs.Length / 2)
            {
                var grown = new T[Runs.Length * 4];
                Array.Copy(Runs, Start, grown, 0, Count);
                Runs = grown;
                Start = 0;
                return true;
            }

            if (Start < Runs.Length / 2)
            {
                return false;
            }

            Array.Copy(Runs, Start, Runs, 0, Count);
            Array.Clear(Runs, Count, Start);
            Start = 0;
            return true;
        }

        /// <summary>Adds a run before the one at <paramref name="index"/>; the block must not be full.</summary>
        public void Insert(int index, in T run)
        {
            if (Start > 0 && (index <= Count / 2 || End == Runs.Length))
            {
                Array.Copy(Runs, Start, Runs, Start - 1, index);
                Start--;
            }
            else
            {
                HasRoomAtTheEnd();
                Array.Copy(Runs, Start + index, Runs, Start + index + 1, Count - index);
            }

            Count++;
            Runs[Start + index] = run;
        }

        public void Remove(int index, int count)
        {
            if (index == 0)
            {
                Array.Clear(Runs, Start, count);
                Start = count == Count ? 0 : Start + count;
            }
            else
            {
                Array.Copy(Runs, Start + index + count, Runs, Start + index, Count - index - count);
                Array.Clear(Runs, End - count, count);
            }

            Count -= count;
        }

        public Block SplitOff()
        {
            var half = Count / 2;
            var upper = new Block { Runs = new T[BlockSize], Count = Count - half };
            Array.Copy(Runs, Start + half, upper.Runs, 0, upper.Count);
            Array.Clear(Runs, Start + half, upper.Count);
            Count = half;
            return upper;
        }
    }
}
