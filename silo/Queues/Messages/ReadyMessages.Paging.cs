using Granary.Core.Messages;

namespace Granary.Silo.Queues.Messages;

internal sealed partial class ReadyMessages
{
    /// <summary>At the most so much of the head stays in memory, and is read back in one go: what a consumer takes in about 10 ms at full speed.</summary>
    public const int LargestHead = 4 * 1024 * 1024;

    private const int SmallestHead = 64 * 1024;

    /// <summary>What came behind the paged messages.</summary>
    private readonly Backlog _tail = new();

    private PagedMessages _paged;

    /// <summary>Of the tail, what is below this was handed over to be stored for paging.</summary>
    private long _handedEnd;

    /// <summary>Counts the times that all was removed, so that what is read back too late is told.</summary>
    private int _generation;

    private int _headBytes = LargestHead;
    private bool _isLoading;

    public long PagedCount => _paged.Count;

    /// <summary>Puts in place what the store has from an earlier activation.</summary>
    public void Recover(long first, long end, long count, long bytes, long bodyBytes, bool mayExpire)
    {
        _paged = PagedMessages.From(first, end, count, bytes);
        BodyBytes = countsBodies ? bodyBytes : 0;
        _mayExpire |= mayExpire;
    }

    /// <summary>
    /// Gives up the memory of what need not be in it, while more than <paramref name="budget"/> bytes are used. What is to be stored first is added to
    /// <paramref name="copies"/>. To be called after <see cref="EndTurn"/>.
    /// </summary>
    /// <param name="storedEnd">All that was handed to the store below this offset is there.</param>
    /// <param name="isDurable">Persistent messages are handed to the store when they come.</param>
    /// <param name="redeliveredBelow">Messages below are known to be redelivered; that others are the store does not keep, so those stay.</param>
    public void PageOut(long budget, long storedEnd, bool isDurable, long redeliveredBelow, List<MessageRun> copies)
    {
        if (MemoryBytes <= budget)
        {
            return;
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
            _paged.Extend(run);
            LargeRecord.LetGo(_tail.Take(run.Count, run.Length).Records);
        }

        var handed = 0;
        for (var i = 0; i < _tail.RunCount - 1 && handed < _headBytes; i++)
        {
            ref var run = ref _tail[i];
            if (!IsStored(run, isDurable))
            {
                copies.Add(run);
                handed += run.Length;
                _handedEnd = run.End;
            }
        }

        if (_paged.IsEmpty)
        {
            // Nothing could go yet.
            JoinTail();
        }
    }

    /// <summary>What should be read back now, if anything; <see cref="Load"/> has to follow.</summary>
    public PageRequest? NextLoad()
    {
        if (!_isLoading && !_returned.IsEmpty && !_returned.First.IsLoaded)
        {
            _isLoading = true;
            return new PageRequest(_returned.First.First, _returned.First.End, _headBytes, _generation, IsReturned: true);
        }

        if (_isLoading || _paged.IsEmpty || _backlog.Bytes > _headBytes / 2)
        {
            return null;
        }

        _isLoading = true;
        return new PageRequest(_paged.First, _paged.End, _headBytes, _generation);
    }

    /// <summary>Takes what was read back.</summary>
    /// <param name="runs">Null if reading failed: it is asked for again.</param>
    /// <param name="redeliveredBelow">Messages below may have been delivered by an earlier activation.</param>
    /// <returns>How many messages are missing: none, or the store has not kept them.</returns>
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

        foreach (var run in runs)
        {
            _paged.Shrink(run);
            TakeBack(run with { Since = now }, redeliveredBelow);
        }

        var missing = 0L;
        if (runs.Length == 0 || _paged.First >= _paged.End)
        {
            missing = _paged.Count;
            _paged = default;
        }

        if (_paged.IsEmpty)
        {
            JoinTail();
        }

        return missing;
    }

    /// <summary>Messages that came back when only the store had them. Against a limit in bytes they count from now on.</summary>
    private long LoadReturned(PageRequest request, MessageRun[] runs, long now)
    {
        foreach (var run in runs)
        {
            var before = _returned.Bytes;
            _returned.Load(run, now);
            if (countsBodies && _returned.Bytes > before)
            {
                BodyBytes += run.BodyLength();
            }
        }

        return _returned.RemoveUnloaded(request.First, runs.Length == 0 ? request.End : runs[^1].End);
    }

    private bool IsStored(in MessageRun run, bool isDurable) => run.End <= _handedEnd || (isDurable && run.IsPersistent && !run.InPieces);

    /// <summary>Appends messages that an earlier activation had; those below <paramref name="redeliveredBelow"/> may have been delivered.</summary>
    public void AppendBack(in MessageRun run, long redeliveredBelow)
    {
        NoteComing(run);
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
        for (var i = 0; i < _tail.RunCount; i++)
        {
            _backlog.Take(_tail[i]);
        }

        _tail.Clear();
    }

    private void ClearPaged()
    {
        _paged = default;
        _tail.Clear();
        _generation++;
    }
}

/// <summary>Paged messages to be read back.</summary>
/// <param name="Bytes">About how many.</param>
/// <param name="IsReturned">They had been delivered, and came back.</param>
internal readonly record struct PageRequest(long First, long End, int Bytes, int Generation, bool IsReturned = false);
