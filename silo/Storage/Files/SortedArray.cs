using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage.Files;

/// <summary>
/// Items with access by index, in blocks: what is near either end comes and goes at once, anything in between moves half a block at most, however many there are.
/// Who uses it knows their order.
/// </summary>
internal sealed class SortedArray<T>
{
    /// <summary>The most items of a block.</summary>
    private const int BlockSize = 512;

    private const int Smallest = 4;
    private const int SmallEnough = 64;

    /// <summary>All of them, as long as they are in one block.</summary>
    private Block _only = new() { Items = [] };

    /// <summary>Null: there is one block.</summary>
    private RingBuffer<Block>? _blocks;

    public int Count { get; private set; }

    public ref T this[int index]
    {
        get
        {
            var (at, within) = Find(index);
            ref var block = ref At(at);
            return ref block.Items[block.From + within];
        }
    }

    private int BlockCount => _blocks?.Count ?? 1;

    /// <summary>Puts <paramref name="items"/> in the place of <paramref name="count"/> ones from <paramref name="index"/> on.</summary>
    public void Replace(int index, int count, ReadOnlySpan<T> items)
    {
        var same = Math.Min(count, items.Length);
        for (var i = 0; i < same; i++)
        {
            this[index + i] = items[i];
        }

        Remove(index + same, count - same);
        for (var i = same; i < items.Length; i++)
        {
            Insert(index + i, items[i]);
        }
    }

    /// <summary>Removes items in one pass.</summary>
    public void RemoveAll(Predicate<T> isUnwanted)
    {
        var next = 0L;
        for (var at = 0; at < BlockCount; at++)
        {
            ref var block = ref At(at);
            var kept = 0;
            for (var i = 0; i < block.Count; i++)
            {
                var item = block.Items[block.From + i];
                if (!isUnwanted(item))
                {
                    block.Items[block.From + kept++] = item;
                }
            }

            Array.Clear(block.Items, block.From + kept, block.Count - kept);
            Count -= block.Count - kept;
            (block.Count, block.Start) = (kept, next);
            next += kept;
        }

        for (var at = BlockCount - 1; at >= 0; at--)
        {
            Tidy(at);
        }
    }

    private ref Block At(int block)
    {
        if (_blocks is { } blocks)
        {
            return ref blocks[block];
        }

        return ref _only;
    }

    /// <summary>The block of an item, and where it is there. What follows the last is in the last block.</summary>
    private (int Block, int Within) Find(int index)
    {
        var start = At(0).Start + index;
        int low = 0, high = BlockCount - 1;
        while (low < high)
        {
            var middle = (low + high + 1) >>> 1;
            (low, high) = At(middle).Start <= start ? (middle, high) : (low, middle - 1);
        }

        return (low, (int)(start - At(low).Start));
    }

    private void Remove(int index, int count)
    {
        Count -= count;
        while (count > 0)
        {
            var (at, within) = Find(index);
            ref var block = ref At(at);
            var removed = Math.Min(count, block.Count - within);
            block.Remove(within, removed);
            Shift(at, -removed);
            Tidy(at);
            count -= removed;
        }
    }

    private void Insert(int index, in T item)
    {
        var (at, within) = Find(index);
        if (At(at).Count == BlockSize)
        {
            // A block that grows at its end stays full, as the next one will.
            var kept = within == BlockSize && at == BlockCount - 1 ? BlockSize : BlockSize / 2;
            Split(at, kept);
            (at, within) = within > kept || kept == BlockSize ? (at + 1, within - kept) : (at, within);
        }

        At(at).Insert(within, item);
        Shift(at, 1);
        Count++;
    }

    /// <summary>Has the starts be right after a change of a block's count: of the blocks behind it, or of it and those before, whichever are fewer.</summary>
    private void Shift(int at, int by)
    {
        if (at < BlockCount / 2)
        {
            for (var i = 0; i <= at; i++)
            {
                At(i).Start -= by;
            }
        }
        else
        {
            for (var i = at + 1; i < BlockCount; i++)
            {
                At(i).Start += by;
            }
        }
    }

    private void Split(int at, int kept)
    {
        if (_blocks is null)
        {
            _blocks = new RingBuffer<Block>();
            _blocks.AddLast(_only);
            _only = default;
        }

        ref var lower = ref _blocks[at];
        var upper = new Block { Items = [], Start = lower.Start + kept };
        if (kept < lower.Count)
        {
            upper.Count = lower.Count - kept;
            upper.Items = new T[BlockSize];
            Array.Copy(lower.Items, lower.From + kept, upper.Items, 0, upper.Count);
            lower.Remove(kept, upper.Count);
        }

        _blocks.Insert(at + 1, upper);
    }

    /// <summary>Gives up memory that a block does not need any more, and the block itself if it, or its neighbour, has room for all of both.</summary>
    private void Tidy(int at)
    {
        if (_blocks is not { } blocks)
        {
            _only.Shrink();
            return;
        }

        if (blocks[at].Count > BlockSize / 8)
        {
            return;
        }

        var lower = at > 0 ? at - 1 : at;
        if (blocks[at].Count == 0)
        {
            blocks.RemoveAt(at);
        }
        else if (lower + 1 < blocks.Count && blocks[lower].Count + blocks[lower + 1].Count <= BlockSize / 2)
        {
            blocks[lower].Append(blocks[lower + 1]);
            blocks.RemoveAt(lower + 1);
        }

        if (blocks.Count == 1)
        {
            (_only, _blocks) = (blocks[0], null);
            _only.Shrink();
        }
    }

    private struct Block
    {
        public T[] Items;

        /// <summary>Where the first is in <see cref="Items"/>.</summary>
        public int From;

        public int Count;

        /// <summary>How many are in the blocks before it, and as many more as before the first block.</summary>
        public long Start;

        public void Insert(int index, in T item)
        {
            if (Count == Items.Length)
            {
                // A quarter more: an index of many batches must not cost twice what it holds.
                MoveTo(new T[Math.Min(BlockSize, Math.Max(Smallest, Count + 1 + (Count / 4)))]);
            }

            if (From > 0 && (index < Count / 2 || From + Count == Items.Length))
            {
                Array.Copy(Items, From, Items, From - 1, index);
                From--;
            }
            else
            {
                Array.Copy(Items, From + index, Items, From + index + 1, Count - index);
            }

            Count++;
            Items[From + index] = item;
        }

        public void Remove(int index, int count)
        {
            var after = Count - index - count;
            if (index < after)
            {
                Array.Copy(Items, From, Items, From + count, index);
                Array.Clear(Items, From, count);
                From += count;
            }
            else
            {
                Array.Copy(Items, From + index + count, Items, From + index, after);
                Array.Clear(Items, From + index + after, count);
            }

            Count -= count;
            From = Count == 0 ? 0 : From;
        }

        public void Append(in Block other)
        {
            if (From + Count + other.Count > Items.Length)
            {
                MoveTo(new T[BlockSize / 2]);
            }

            Array.Copy(other.Items, other.From, Items, From + Count, other.Count);
            Count += other.Count;
        }

        public void Shrink()
        {
            if (Items.Length > SmallEnough && Count < Items.Length / 4)
            {
                MoveTo(Count == 0 ? [] : new T[Count + (Count / 4)]);
            }
        }

        private void MoveTo(T[] items)
        {
            Array.Copy(Items, From, items, 0, Count);
            (Items, From) = (items, 0);
        }
    }
}
