using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Messages;

/// <summary>Ready messages that are in the store only: all that is unsettled there between two offsets, or, where others are among them, some stretches of it.</summary>
internal struct PagedMessages
{
    /// <summary>A store reads what is between stretches sooner than it reads each of them by itself, unless there are so many times as many messages.</summary>
    private const int MostBetween = 32;

    /// <summary>Or as many as this, however few are wanted of them.</summary>
    private const int FewBetween = 512;

    /// <summary>Null: nothing else is among them.</summary>
    private SortedRuns<Stretch>? _stretches;

    /// <summary>What parts of them take, so that a part can go unread; null, where that is not known.</summary>
    private RingBuffer<PagedPiece>? _pieces;

    public long First { get; private set; }

    /// <summary>The first offset after them.</summary>
    public long End { get; private set; }

    public long Count { get; private set; }

    /// <summary>Record bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>Of <see cref="Bytes"/>, those of bodies: a limit that is set later is held against them, and nothing is read for that.</summary>
    public long Bodies { get; set; }

    public readonly bool IsEmpty => Count == 0;

    /// <summary>All that is unsettled from one offset to another.</summary>
    /// <param name="pieces">What parts of it take; none, where that is not known.</param>
    public static PagedMessages From(long first, long end, long count, long bytes, IReadOnlyList<PagedPiece> pieces)
    {
        var paged = new PagedMessages { First = first, End = end, Count = count, Bytes = bytes };
        if (count > 0 && pieces.Count > 0)
        {
            paged._pieces = new RingBuffer<PagedPiece>();
            foreach (var piece in pieces)
            {
                paged._pieces.AddLast(piece);
            }
        }

        return paged;
    }

    /// <summary>Takes in messages that follow.</summary>
    /// <param name="isAmongOthers">What is between these and those before is not among them.</param>
    public void Extend(in MessageRun run, bool isAmongOthers = false)
    {
        var bodies = run.BodyLength();
        if (!isAmongOthers && (IsEmpty || _pieces is not null))
        {
            _pieces ??= new RingBuffer<PagedPiece>();
            var piece = new PagedPiece(run.End, run.Count, run.Length, bodies);
            if (_pieces.Count > 0 && _pieces[^1].TryJoin(piece, out var joined))
            {
                _pieces[^1] = joined;
            }
            else
            {
                _pieces.AddLast(piece);
            }
        }

        Extend(run.First, run.Count, run.Length, isAmongOthers);
        Bodies += bodies;
    }

    /// <summary>As the other, for messages of which <see cref="Bodies"/> is told by somebody else.</summary>
    public void Extend(long first, long count, long bytes, bool isAmongOthers)
    {
        var end = first + count;
        if (isAmongOthers)
        {
            _stretches ??= new SortedRuns<Stretch>();
            if (!_stretches.IsEmpty && _stretches.Last.End == first)
            {
                _stretches.Last.End = end;
            }
            else
            {
                _stretches.Append(new Stretch { First = first, End = end });
            }
        }

        First = IsEmpty ? first : First;
        End = end;
        Count += count;
        Bytes += bytes;
    }

    /// <summary>The first of them are in memory again.</summary>
    public void Shrink(in MessageRun run)
    {
        var bodies = run.BodyLength();
        First = run.End;
        Count -= run.Count;
        Bytes = Math.Max(Bytes - run.Length, 0);
        Bodies = Math.Max(Bodies - bodies, 0);
        ShrinkPieces(run, bodies);
    }

    /// <summary>Nothing is left of them up to an offset.</summary>
    public void BeginAt(long offset) => First = Math.Max(First, offset);

    /// <summary>Some of them are gone, unread, wherever they stood. All that was among them is; not where others are.</summary>
    public void Remove(in TimedRun run)
    {
        Forget(run.Count, run.Length, run.Bodies);
        var at = _pieces is null ? 0 : IndexOfPiece(run.First);
        if (at < _pieces?.Count)
        {
            ref var piece = ref _pieces[at];
            piece = piece with { Count = piece.Count - run.Count, Bytes = piece.Bytes - run.Length, Bodies = piece.Bodies - run.Bodies };
        }
    }

    /// <summary>As <see cref="Remove"/>, where others are among them: the first stretch of these messages that is there.</summary>
    public bool TryRemove(in TimedRun run, out long first, out long end)
    {
        if (!TryCut(run.First, run.End, out first, out end))
        {
            return false;
        }

        var share = (double)(end - first) / run.Count;
        Forget(end - first, (long)(run.Length * share), (long)(run.Bodies * share));
        return true;
    }

    /// <summary>
    /// A part of the first of them is gone, unread: as many as are known to be too many, whole pieces only, so that what the rest takes is known as well as before.
    /// </summary>
    /// <param name="count">So many are.</param>
    /// <param name="bodies">Or as many as it takes until so many bytes of bodies are gone.</param>
    /// <param name="end">They went up to this offset.</param>
    /// <returns>How many went.</returns>
    public long Skip(long count, long bodies, out long end)
    {
        var gone = 0L;
        end = First;
        while (_pieces is { Count: > 0 } && _pieces[0] is var piece && (piece.Count <= count || piece.Bodies < bodies))
        {
            _pieces.RemoveFirst();
            (count, bodies) = (count - piece.Count, bodies - piece.Bodies);
            end = piece.End;
            gone += piece.Count;
            Forget(piece.Count, piece.Bytes, piece.Bodies);
        }

        First = end;
        return gone;
    }

    /// <summary>Where the next of them are to be read, and how many bytes of what is there it takes to have so many of them.</summary>
    public readonly (long First, long End, int Bytes) ToRead(int bytes)
    {
        if (_stretches is null)
        {
            return (First, End, bytes);
        }

        var wanted = Math.Max(1, (double)bytes * Count / Math.Max(Bytes, 1));
        var (count, end) = (0L, First);
        for (var at = First; count < wanted && _stretches.TryFind(at, out var position); at = end)
        {
            ref var next = ref _stretches[position];
            if (count > 0 && next.End - First > FewBetween + (MostBetween * (count + next.End - next.First)))
            {
                break;
            }

            (count, end) = (count + next.End - next.First, next.End);
        }

        return (First, end, (int)Math.Min(bytes * (end - First) / count, int.MaxValue));
    }

    /// <summary>Takes the first stretch of those that begin before an offset, up to that offset; the caller says how much it was. Only where others are among them.</summary>
    public bool TryTakeFirst(long limit, out long first, out long end)
    {
        (first, end) = (0, 0);
        if (_stretches is null || _stretches.IsEmpty || _stretches.First.First >= limit)
        {
            return false;
        }

        ref var next = ref _stretches.First;
        (first, end) = (next.First, Math.Min(next.End, limit));
        if (end < next.End)
        {
            next.First = end;
        }
        else
        {
            _stretches.RemoveFirst();
        }

        First = _stretches.IsEmpty ? End : _stretches.First.First;
        Forget(end - first, bytes: 0);
        return true;
    }

    /// <summary>Takes out the first of them between two offsets, wherever that is, with about as many bytes as they have. Only where others are among them.</summary>
    public bool TryTake(long from, long limit, out long first, out long end)
    {
        if (!TryCut(from, limit, out first, out end))
        {
            return false;
        }

        var share = (double)(end - first) / Count;
        Forget(end - first, (long)(Bytes * share), (long)(Bodies * share));
        return true;
    }

    private bool TryCut(long from, long limit, out long first, out long end)
    {
        (first, end) = (0, 0);
        if (_stretches is null || !_stretches.TryFind(from, out var position) || _stretches[position].First >= limit)
        {
            return false;
        }

        var whole = _stretches[position];
        (first, end) = (Math.Max(whole.First, from), Math.Min(whole.End, limit));
        _stretches.Remove(position);
        if (whole.First < first)
        {
            _stretches.Insert(new Stretch { First = whole.First, End = first });
        }

        if (end < whole.End)
        {
            _stretches.Insert(new Stretch { First = end, End = whole.End });
        }

        First = _stretches.IsEmpty ? End : _stretches.First.First;
        return true;
    }

    /// <summary>So many bytes of what was taken are known now.</summary>
    /// <param name="bodies">Of these, bytes of bodies.</param>
    public void ForgetBytes(long bytes, long bodies) => Forget(0, bytes, bodies);

    /// <summary>Tells of each stretch the first offset, and the one after it.</summary>
    public readonly void ForEach(Action<long, long> action)
    {
        if (IsEmpty)
        {
            return;
        }

        if (_stretches is null)
        {
            action(First, End);
            return;
        }

        for (var at = First; _stretches.TryFind(at, out var position); at = _stretches[position].End)
        {
            action(_stretches[position].First, _stretches[position].End);
        }
    }

    /// <summary>Of each stretch from an offset on, the first offset, and the one after it.</summary>
    public readonly IEnumerable<(long First, long End)> From(long offset)
    {
        if (_stretches is null)
        {
            return IsEmpty || offset >= End ? [] : [(Math.Max(First, offset), End)];
        }

        return StretchesFrom(_stretches, offset);
    }

    private static IEnumerable<(long First, long End)> StretchesFrom(SortedRuns<Stretch> stretches, long offset)
    {
        for (var at = offset; stretches.TryFind(at, out var position); at = stretches[position].End)
        {
            yield return (Math.Max(stretches[position].First, offset), stretches[position].End);
        }
    }

    // Batches may have been put together in the store, so that what is read back ends anywhere.
    private readonly void ShrinkPieces(MessageRun run, long bodies)
    {
        while (_pieces is { Count: > 0 })
        {
            ref var piece = ref _pieces[0];
            if (piece.End <= run.First)
            {
                // All of it is gone.
                _pieces.RemoveFirst();
                continue;
            }

            if (run.End < piece.End)
            {
                piece = piece with { Count = piece.Count - run.Count, Bytes = piece.Bytes - run.Length, Bodies = piece.Bodies - bodies };
                return;
            }

            var count = (int)Math.Min(piece.End - run.First, run.Count);
            _pieces.RemoveFirst();
            if (count == run.Count)
            {
                return;
            }

            run = run.After(count, run.LengthOf(count));
            bodies = run.BodyLength();
        }
    }

    /// <summary>The piece that has an offset, or would have it.</summary>
    private readonly int IndexOfPiece(long offset)
    {
        int low = 0, high = _pieces!.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            (low, high) = _pieces[middle].End > offset ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    private void Forget(long count, long bytes, long bodies = 0)
    {
        Count -= count;
        Bytes = IsEmpty ? 0 : Math.Max(0, Bytes - bytes);
        Bodies = IsEmpty ? 0 : Math.Max(0, Bodies - bodies);
    }

    private struct Stretch : IOffsetRun
    {
        public long First { get; set; }

        public long End { get; set; }
    }
}
