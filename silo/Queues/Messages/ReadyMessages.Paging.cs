using Granary.Core.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Messages;

internal sealed partial class ReadyMessages
{
    /// <summary>At the most so much of the head stays in memory, and is read back in one go: what a consumer takes in about 10 ms at full speed.</summary>
    public const int LargestHead = 4 * 1024 * 1024;

    private const int SmallestHead = 64 * 1024;

    /// <summary>What came behind the paged messages.</summary>
    private readonly Backlog _tail = new();

    private PagedMessages _paged;

    /// <summary>Of what is in memory, what was handed over to be stored for paging, or was read back: the head may have been longer then, or shorter.</summary>
    private OffsetSet? _handed;

    /// <summary>Counts the times that all was removed, so that what is read back too late is told.</summary>
    private int _generation;

    private int _headBytes = LargestHead;
    private bool _isLoading;

    public long PagedCount => _paged.Count;

    /// <summary>Body bytes of messages that are in the store only.</summary>
    public long PagedBodies => _paged.Bodies;

    /// <summary>Puts in place what the store has from an earlier activation.</summary>
    /// <param name="latest">When the last of it expires.</param>
    /// <param name="early">At least those of it that expire sooner than any before them.</param>
    public void Recover(PagedMessages paged, long bodyBytes, bool mayExpire, long latest, IReadOnlyList<TimedRun> early)
    {
        _paged = paged;
        _paged.Bodies = bodyBytes;
        _mayExpire |= mayExpire;
        NoteEarlier(latest, early);
    }

    public void PageOut(long budget, long storedEnd, bool isDurable, long redeliveredBelow, List<MessageRun> copies)
    {
        if (MemoryBytes <= budget)
        {
            return;
        }

        if (_backlog.RunCount > 0)
        {
            _handed?.Remove(long.MinValue, _backlog.First.First, removed: null);
        }

        _headBytes = (int)Math.Clamp(budget / 4, SmallestHead, LargestHead);
        if (_paged.IsEmpty)
        {
            _backlog.MoveRest(_headBytes, _tail);
        }

        // The last run may still grow.
        while (_tail.RunCount > 1 && _tail.First is var run && IsStored(run, isDurable) && run.End <= storedEnd
            && (!run.Redelivered || run.End <= redeliveredBelow))
        {
            var before = _paged.Bodies;
            _paged.Extend(run, IsAmongOthers);
            _loadedBodies -= _countsBodies ? _paged.Bodies - before : 0;
            _handed?.Remove(run.First, run.End, removed: null);
            LargeRecord.LetGo(_tail.Take(run.Count, run.Length).Records);
        }

        var handed = 0;
        for (var i = 0; i < _tail.RunCount - 1 && handed < _headBytes; i++)
        {
            ref var run = ref _tail[i];
            if (run.IsLoaded && !IsStored(run, isDurable))
            {
                copies.Add(run);
                handed += run.Length;
                (_handed ??= new OffsetSet()).Add(run.First, run.End);
            }
        }

        if (_paged.IsEmpty)
        {
            // Nothing could go yet.
            JoinTail();
        }
    }

    public PageRequest? NextLoad() => NextLoad(_headBytes, before: 0);

    /// <summary>What should be read back now for a head of so many bytes, if so many stand before it and are in memory.</summary>
    public PageRequest? NextLoad(int head, long before)
    {
        if (!_isLoading && _returned.TryFindUnread(out var unread, out var unreadEnd))
        {
            _isLoading = true;
            return new PageRequest(unread, unreadEnd, head, _generation, Lane, IsReturned: true);
        }

        if (_isLoading || _paged.IsEmpty || (_cut is null && before + _backlog.Bytes > head / 2))
        {
            return null;
        }

        _isLoading = true;
        var (first, end, bytes) = _paged.ToRead(head);
        return new PageRequest(first, end, bytes, _generation, Lane);
    }

    public long Load(PageRequest request, MessageRun[]? runs, long redeliveredBelow, long now)
    {
        _isLoading = false;
        if (runs is null || request.Generation != _generation)
        {
            return 0;
        }

        if (request.IsReturned)
        {
            return LoadReturned(request, runs, now);
        }

        if (IsAmongOthers)
        {
            return LoadAmongOthers(request, runs, redeliveredBelow, now);
        }

        foreach (var run in runs)
        {
            if (_gone is null)
            {
                LoadPart(run, redeliveredBelow, now);
                continue;
            }

            TellPaged(run.First, run.End, (first, end) => LoadPart(run.Part((int)(first - run.First), (int)(end - run.First)), redeliveredBelow, now));
            _paged.BeginAt(run.End);
        }

        PutBackCut();
        var missing = 0L;
        if (runs.Length == 0 || _paged.First >= _paged.End)
        {
            missing = _paged.Count;
            _paged = default;
        }

        if (_paged.IsEmpty)
        {
            _paged = default;
            JoinTail();
        }

        return missing;
    }

    private void LoadPart(in MessageRun run, long redeliveredBelow, long now)
    {
        _paged.Shrink(run);
        NoteBodies(run);
        _handed?.Add(run.First, run.End);
        TakeBack(run with { Since = now }, redeliveredBelow);
    }

    /// <summary>Takes messages that are paged out from <paramref name="from"/> to below <paramref name="end"/> without reading them.</summary>
    public bool TryTakePaged(long from, long end, out MessageRun run)
    {
        var isThere = _paged.TryTake(from, end, out var first, out var after);
        run = new MessageRun(default, first, (int)(after - first), Redelivered: true, MessageFlags.Persistent, Since: 0, Lane: Lane);
        if (_paged.IsEmpty)
        {
            JoinTail();
        }

        return isThere;
    }

    /// <summary>Of what was read, takes what is paged out here.</summary>
    private long LoadAmongOthers(PageRequest request, MessageRun[] runs, long redeliveredBelow, long now)
    {
        var missing = 0L;
        var next = 0;
        MessageRun rest = default;
        while (_paged.TryTakeFirst(runs.Length == 0 ? request.End : Math.Min(request.End, runs[^1].End), out var first, out var end))
        {
            while (first < end)
            {
                while (rest.End <= first && next < runs.Length)
                {
                    rest = runs[next++];
                }

                var from = Math.Clamp(rest.First, first, end);
                missing += rest.End <= first ? end - first : from - first;
                if (rest.End <= first || from == end)
                {
                    break;
                }

                rest = Skip(rest, (int)(from - rest.First));
                var count = (int)(Math.Min(end, rest.End) - from);
                var part = count == rest.Count ? rest : rest.Head(count, rest.LengthOf(count));
                rest = Skip(rest, count);
                first = part.End;
                var bodies = part.BodyLength();
                _paged.ForgetBytes(part.Length, bodies);
                _loadedBodies += _countsBodies ? bodies : 0;
                _handed?.Add(part.First, part.End);
                TakeBack(part with { Since = now, Lane = Lane }, redeliveredBelow);
            }
        }

        if (_paged.IsEmpty)
        {
            JoinTail();
        }

        return missing;
    }

    private static MessageRun Skip(in MessageRun run, int count) => count == 0 ? run : run.After(count, count == run.Count ? run.Length : run.LengthOf(count));

    /// <summary>Of the first messages, none of which is in memory, some that are too many are gone, and need not be read for that. Those that have to be read for it stay.</summary>
    /// <param name="count">So many are too many. More than there are: all of them are.</param>
    /// <param name="bodies">Or as many as it takes until so many bytes of bodies are gone.</param>
    /// <param name="gone">Told the first offset of each stretch of them, and the one after it.</param>
    /// <returns>How many they are.</returns>
    public long SkipPaged(long count, long bodies, Action<long, long> gone)
    {
        if (!_returned.IsEmpty || _backlog.Count > 0 || _paged.IsEmpty)
        {
            return 0;
        }

        var (all, first) = (_paged.Count, _paged.First);
        if (count >= all)
        {
            _paged.ForEach((from, end) => TellPaged(from, end, gone));
            _paged = default;
        }
        else
        {
            all = _paged.Skip(count, bodies, out var end);
            if (all == 0)
            {
                return 0;
            }

            TellPaged(first, end, gone);
        }

        // What is being read back may be of those.
        _generation++;
        if (_paged.IsEmpty)
        {
            JoinTail();
        }

        return all;
    }

    /// <summary>Messages that came back when only the store had them.</summary>
    private long LoadReturned(PageRequest request, MessageRun[] runs, long now)
    {
        List<MessageRun> all = [];
        foreach (var run in runs)
        {
            all.AddRange(_returned.Load(run, now));
        }

        var missing = _returned.RemoveUnloaded(request.First, runs.Length == 0 ? request.End : runs[^1].End);
        foreach (var loaded in all)
        {
            if (loaded.Due != MessageRun.Never)
            {
                AddReturned(loaded);
            }

            // What was read to know when it expires, and is not next, need not stay.
            if (_returned.Bytes > request.Bytes && _returned.First.First < request.First)
            {
                _returned.LetGo(loaded);
            }
            else
            {
                NoteBodies(loaded);
            }
        }

        return missing;
    }

    private bool IsStored(in MessageRun run, bool isDurable) =>
        (isDurable && run.IsPersistent && !run.InPieces) || (_handed is { } handed && handed.Covers(run.First, run.End));

    public void AppendBack(in MessageRun run, long redeliveredBelow)
    {
        NoteNew(run);
        TakeBack(run, redeliveredBelow);
    }

    private void TakeBack(in MessageRun run, long redeliveredBelow)
    {
        if (run.First < redeliveredBelow && redeliveredBelow < run.End)
        {
            var count = (int)(redeliveredBelow - run.First);
            var length = run.LengthOf(count);
            _backlog.Take(run.Head(count, length) with { Redelivered = true });
            _backlog.Take(run.After(count, length));
            return;
        }

        _backlog.Take(run with { Redelivered = run.First < redeliveredBelow });
    }

    /// <summary>Nothing is between head and tail any more.</summary>
    private void JoinTail()
    {
        ForEach(_tail, run => _backlog.Take(run));
        _tail.Clear();
    }

    private void ClearPaged()
    {
        _paged = default;
        _tail.Clear();
        _handed = null;
        _generation++;
    }
}
