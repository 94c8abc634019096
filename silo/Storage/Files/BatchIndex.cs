namespace Granary.Silo.Storage.Files;

/// <summary>
/// The messages that one queue has in the log, as batches by ascending offsets, and what of them is settled. A batch that is settled altogether is not
/// here any more; its settled offsets are not either.
/// </summary>
internal sealed class BatchIndex(SegmentList segments)
{
    private readonly SortedArray<StoredBatch> _batches = new();
    private readonly OffsetRanges _settled = new();

    public int Count => _batches.Count;

    public int SettledRanges => _settled.Count;

    public StoredBatch this[int index] => _batches[index];

    /// <summary>Adds a batch, which takes the place of whatever there is at its offsets.</summary>
    public void Put(in StoredBatch batch)
    {
        var from = IndexOf(batch.First);
        var to = from;
        Span<StoredBatch> placed = stackalloc StoredBatch[3];
        var count = 0;
        StoredBatch? rest = null;
        while (to < _batches.Count && _batches[to].First < batch.End)
        {
            var other = _batches[to++];
            if (TryTakePart(other, other.First, batch.First, out var left))
            {
                placed[count++] = left;
            }

            if (TryTakePart(other, batch.End, other.End, out var right))
            {
                rest = right;
            }

            segments.Release(other);
        }

        placed[count++] = batch;
        if (rest is { } last)
        {
            placed[count++] = last;
        }

        foreach (ref readonly var added in placed[..count])
        {
            segments.Hold(added);
        }

        _settled.Remove(batch.First, batch.End);
        _batches.Replace(from, to - from, placed[..count]);
    }

    /// <summary>Messages that are not settled.</summary>
    public long CountLive()
    {
        var live = 0L;
        for (var i = 0; i < _batches.Count; i++)
        {
            live += _batches[i].Live;
        }

        return live;
    }

    public void Settle(long first, long end)
    {
        var from = IndexOf(first);
        var removedFrom = from;
        var removed = 0;
        for (var i = from; i < _batches.Count && _batches[i].First < end; i++)
        {
            ref var batch = ref _batches[i];
            var (start, stop) = (Math.Max(first, batch.First), Math.Min(end, batch.End));
            segments.Release(batch);
            batch.Live -= (int)(stop - start - _settled.CountIn(start, stop));
            if (batch.Live == 0)
            {
                // Only the first and the last that are touched may stay: what goes is contiguous.
                removedFrom = removed++ == 0 ? i : removedFrom;
                _settled.Remove(batch.First, batch.End);
            }
            else
            {
                segments.Hold(batch);
                _settled.Add(start, stop);
            }
        }

        _batches.Replace(removedFrom, removed, []);
    }

    /// <summary>Removes whole batches.</summary>
    public void RemoveAll(Predicate<StoredBatch> isUnwanted) => _batches.RemoveAll(batch =>
    {
        if (!isUnwanted(batch))
        {
            return false;
        }

        segments.Release(batch);
        _settled.Remove(batch.First, batch.End);
        return true;
    });

    /// <summary>Removes everything.</summary>
    public void Clear() => RemoveAll(_ => true);

    public bool HasAnyIn(long first, long end)
    {
        var index = IndexOf(first);
        return index < _batches.Count && _batches[index].First < end;
    }

    /// <summary>The index of the first batch that ends above <paramref name="offset"/>.</summary>
    public int IndexOf(long offset)
    {
        var (low, high) = (0, _batches.Count);
        if (high > 0 && _batches[high - 1].End <= offset)
        {
            return high;
        }

        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = _batches[middle].End <= offset ? (middle + 1, high) : (low, middle);
        }

        return low;
    }

    /// <summary>Finds the first range of unsettled messages of a batch from <paramref name="first"/> to below <paramref name="end"/>.</summary>
    public bool TryFindUnsettled(long first, long end, out (long First, long End) range) => _settled.TryFindGap(first, end, out range);

    private bool TryTakePart(in StoredBatch batch, long first, long end, out StoredBatch part)
    {
        var live = end > first ? (int)(end - first - _settled.CountIn(first, end)) : 0;
        part = live > 0 ? batch.Part(first, end, live) : default;
        if (live == 0 && end > first)
        {
            _settled.Remove(first, end);
        }

        return live > 0;
    }
}
