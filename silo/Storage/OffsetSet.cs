using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage;

/// <summary>A set of offsets, kept as ranges.</summary>
internal sealed class OffsetSet
{
    private readonly SortedRuns<Range> _ranges = new();

    public bool IsEmpty => _ranges.IsEmpty;

    /// <summary>Adds what is not there yet of a range.</summary>
    public void Add(long first, long end)
    {
        if (!_ranges.IsEmpty && first >= _ranges.Last.First && first <= _ranges.Last.End)
        {
            // The common case: what comes next.
            _ranges.Last.End = Math.Max(_ranges.Last.End, end);
            return;
        }

        Remove(first, end, removed: null);
        if (_ranges.TryFind(first, out var next))
        {
            if (_ranges.TryPrevious(next, out var previous) && _ranges[previous].End == first)
            {
                _ranges[previous].End = end;
                return;
            }

            _ranges.Insert(new Range { First = first, End = end });
            return;
        }

        if (!_ranges.IsEmpty && _ranges.Last.End == first)
        {
            _ranges.Last.End = end;
            return;
        }

        _ranges.Append(new Range { First = first, End = end });
    }

    /// <summary>Removes a range; what there was of it is told, ascending.</summary>
    public void Remove(long first, long end, Action<long, long>? removed)
    {
        while (_ranges.TryFind(first, out var position) && _ranges[position].First < end)
        {
            ref var range = ref _ranges[position];
            var (from, to) = (Math.Max(first, range.First), Math.Min(end, range.End));
            removed?.Invoke(from, to);
            if (from > range.First)
            {
                var rest = range.End;
                range.End = from;
                if (to < rest)
                {
                    _ranges.Insert(new Range { First = to, End = rest });
                }
            }
            else if (to < range.End)
            {
                range.First = to;
            }
            else
            {
                _ranges.Remove(position);
            }

            first = to;
        }
    }

    /// <summary>All of a range is in the set.</summary>
    public bool Covers(long first, long end)
    {
        while (first < end && _ranges.TryFind(first, out var position) && _ranges[position].First <= first)
        {
            first = _ranges[position].End;
        }

        return first >= end;
    }

    /// <summary>Any of a range is in the set.</summary>
    public bool Touches(long first, long end) => _ranges.TryFind(first, out var position) && _ranges[position].First < end;

    /// <summary>The first range of it.</summary>
    public bool TryFirst(out long first, out long end)
    {
        (first, end) = _ranges.IsEmpty ? default : (_ranges.First.First, _ranges.First.End);
        return !_ranges.IsEmpty;
    }

    /// <summary>The first stretch of a range that is not in the set.</summary>
    public bool TryFindAbsent(long first, long end, out long from, out long to)
    {
        from = first;
        while (from < end && _ranges.TryFind(from, out var position) && _ranges[position].First <= from)
        {
            from = _ranges[position].End;
        }

        to = _ranges.TryFind(from, out var next) ? Math.Min(end, _ranges[next].First) : end;
        return from < end;
    }

    public void Clear() => _ranges.Clear();

    private struct Range : IOffsetRun
    {
        public long First { get; set; }

        public long End { get; set; }
    }
}
