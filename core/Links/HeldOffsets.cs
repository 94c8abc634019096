using System.Runtime.InteropServices;

namespace Granary.Core.Links;

/// <summary>
/// What one connection was delivered of one queue and has not settled, by offset, with the consumer that it was for. Deliveries come and go in about the same
/// order, so that the work is at the ends.
/// </summary>
internal sealed class HeldOffsets
{
    private readonly List<Run> _runs = [];

    // Runs before it are gone.
    private int _head;

    /// <summary>How many deliveries are not settled.</summary>
    public long Count { get; private set; }

    /// <param name="consumer">0 for a message that was got.</param>
    public void Add(long first, int count, int consumer)
    {
        Count += count;
        if (_runs.Count > _head)
        {
            ref var last = ref CollectionsMarshal.AsSpan(_runs)[^1];
            if (last.End == first && last.Consumer == consumer)
            {
                last.End += count;
                return;
            }

            if (last.End > first)
            {
                _runs.Insert(Find(first), new Run(first, first + count, consumer));
                return;
            }
        }

        _runs.Add(new Run(first, first + count, consumer));
    }

    /// <summary>They are settled; those that are not held are passed over.</summary>
    public void Remove(long first, long end)
    {
        for (var at = Find(first); at < _runs.Count && _runs[at].First < end;)
        {
            ref var run = ref CollectionsMarshal.AsSpan(_runs)[at];
            var (from, to) = (Math.Max(first, run.First), Math.Min(end, run.End));
            Count -= to - from;
            if (from == run.First && to == run.End)
            {
                RemoveAt(ref at);
            }
            else if (from == run.First)
            {
                run.First = to;
                return;
            }
            else if (to == run.End)
            {
                run.End = from;
                at++;
            }
            else
            {
                var rest = new Run(to, run.End, run.Consumer);
                run.End = from;
                _runs.Insert(at + 1, rest);
                return;
            }
        }
    }

    /// <summary>The parts of a range that are not held.</summary>
    public IEnumerable<OffsetRange> WithoutHeld(OffsetRange range)
    {
        var from = range.First;
        for (var at = Find(from); at < _runs.Count && _runs[at].First < range.End; at++)
        {
            if (from < _runs[at].First)
            {
                yield return new OffsetRange(from, (int)(_runs[at].First - from));
            }

            from = _runs[at].End;
        }

        if (from < range.End)
        {
            yield return new OffsetRange(from, (int)(range.End - from));
        }
    }

    /// <summary>All that is held, as items that tell an activation of it.</summary>
    public IEnumerable<HoldItem> ToItems() => _runs.Skip(_head).GroupBy(run => run.Consumer)
        .Select(runs => new HoldItem(runs.Key, [.. runs.SelectMany(run => OffsetRange.Between(run.First, run.End))]));

    private void RemoveAt(ref int at)
    {
        if (at != _head)
        {
            _runs.RemoveAt(at);
            return;
        }

        _head++;
        at++;
        if (_head == _runs.Count || _head >= 1024)
        {
            _runs.RemoveRange(0, _head);
            at -= _head;
            _head = 0;
        }
    }

    /// <summary>The first run that ends behind an offset.</summary>
    private int Find(long offset)
    {
        var runs = CollectionsMarshal.AsSpan(_runs);
        if (_head < runs.Length && runs[_head].End > offset)
        {
            return _head;
        }

        int low = _head, high = runs.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (runs[middle].End > offset)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return low;
    }

    private struct Run(long first, long end, int consumer)
    {
        public long First = first;
        public long End = end;
        public readonly int Consumer = consumer;
    }
}
