namespace Granary.Silo.Storage.Files;

/// <summary>A set of offsets as ranges, ascending and apart. Cheap where ranges come and go near either end.</summary>
internal sealed class OffsetRanges
{
    private readonly SortedArray<(long First, long End)> _ranges = new();

    public int Count => _ranges.Count;

    public (long First, long End)[] ToArray()
    {
        var ranges = new (long, long)[_ranges.Count];
        for (var i = 0; i < ranges.Length; i++)
        {
            ranges[i] = _ranges[i];
        }

        return ranges;
    }

    public void Add(long first, long end)
    {
        // All ranges that touch the new one become one with it.
        var from = IndexOfEndAtLeast(first);
        var to = from;
        while (to < _ranges.Count && _ranges[to].First <= end)
        {
            first = Math.Min(first, _ranges[to].First);
            end = Math.Max(end, _ranges[to].End);
            to++;
        }

        _ranges.Replace(from, to - from, [(first, end)]);
    }

    public void Remove(long first, long end)
    {
        var from = IndexOfEndAtLeast(first + 1);
        var to = from;
        Span<(long, long)> left = stackalloc (long, long)[2];
        var kept = 0;
        while (to < _ranges.Count && _ranges[to].First < end)
        {
            var range = _ranges[to++];
            if (range.First < first)
            {
                left[kept++] = (range.First, first);
            }

            if (range.End > end)
            {
                left[kept++] = (end, range.End);
            }
        }

        if (to > from)
        {
            _ranges.Replace(from, to - from, left[..kept]);
        }
    }

    /// <summary>How many offsets of a range are in the set.</summary>
    public long CountIn(long first, long end)
    {
        var count = 0L;
        for (var i = IndexOfEndAtLeast(first + 1); i < _ranges.Count && _ranges[i].First < end; i++)
        {
            count += Math.Min(end, _ranges[i].End) - Math.Max(first, _ranges[i].First);
        }

        return count;
    }

    /// <summary>Finds the first range from <paramref name="first"/> to below <paramref name="end"/> that is not in the set.</summary>
    public bool TryFindGap(long first, long end, out (long First, long End) gap)
    {
        for (var i = IndexOfEndAtLeast(first + 1); i < _ranges.Count && _ranges[i].First < end; i++)
        {
            if (_ranges[i].First > first)
            {
                gap = (first, _ranges[i].First);
                return true;
            }

            first = _ranges[i].End;
        }

        gap = (first, end);
        return first < end;
    }

    private int IndexOfEndAtLeast(long end)
    {
        var (low, high) = (0, _ranges.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = _ranges[middle].End < end ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
