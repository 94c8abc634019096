using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage;

/// <summary>
/// What one queue has for the store and what it has there. The queue's turns note what happens and hand it over together at the end of the turn;
/// the store's thread takes what all turns since the last flush handed over. Whatever is settled in between was never there.
/// </summary>
/// <remarks>The queue's members are for its turns; <see cref="Take"/>, <see cref="Complete"/> and <see cref="Tell"/> are for <see cref="GroupCommit"/>.</remarks>
internal sealed class QueueJournal
{
    /// <summary>The progress of a session that is over.</summary>
    public const long Over = -1;

    /// <summary>Offsets are reserved so far ahead that a store out of reach never matters.</summary>
    private const long OffsetsReserved = 1L << 32;

    private readonly GroupCommit _commit;
    private readonly bool _isLazy;

    // This turn.
    private readonly List<MessageRun> _turnRuns = [];
    private readonly List<OffsetRange> _turnSettled = [];
    private readonly List<PublishProgress> _turnProgress = [];
    private bool _turnDeletes;
    private bool _turnForgets;
    private long _turn;

    // Handed over, under the gate.
    private readonly UnwrittenRuns _pending = new();
    private readonly UnwrittenRuns _pendingCopies = new();
    private readonly OffsetSet _pendingSettled = new();
    private readonly Dictionary<SessionId, long> _pendingProgress = [];
    private bool _pendingForgets;
    private long _handedTurn;
    private long _storedTurn;
    private readonly OffsetSet _stored = new();
    private bool _isCreated;
    private bool _isDeleted;
    private long _nextOffset;
    private long _offsetBound;
    private long _deliveredWanted;

    // In the flush that runs, under the gate.
    private readonly UnwrittenRuns _flushing = new();
    private readonly UnwrittenRuns _flushingCopies = new();
    private long _flushingDelivered;
    private long _flushingTurn;

    // All that it writes: held until it is through, though some of it may be settled meanwhile.
    private List<MessageRun> _writing = [];
    private bool _isFlushing;

    // What the queue knows, and whether it waits for more than the watermark. Under the gate.
    private long _seenWatermark;
    private bool _isWaitedFor;
    private bool _flushingIsWaitedFor;
    private bool _hasNews;

    private Action? _advanced;
    private TaskCompletionSource? _flushed;

    /// <param name="isNew">Nothing of the queue is in the store yet.</param>
    /// <param name="isLazy">A new queue is created in the store with the first of its messages, which may be never.</param>
    public QueueJournal(GroupCommit commit, StoredQueue queue, bool isNew, bool isLazy = false)
    {
        (_commit, Queue, _isLazy) = (commit, queue, isLazy);
        var backlog = queue.Backlog;
        _isCreated = isNew;
        _nextOffset = backlog.NextOffset;
        _offsetBound = backlog.NextOffset;
        DeliveredBound = _deliveredWanted = backlog.DeliveredBound;
        if (backlog.Count > 0)
        {
            _stored.Add(backlog.First, backlog.NextOffset);
        }
    }

    public StoredQueue Queue { get; }

    /// <summary>It stands in the list of what the next flush takes.</summary>
    public bool IsGathered { get; set; }

    /// <summary>Another activation has taken the queue over: nothing of this one is believed any more.</summary>
    public bool IsFenced { get; private set; }

    /// <summary>Every offset below is durable, or needs no write (any more).</summary>
    public long Watermark
    {
        get
        {
            lock (_commit.Gate)
            {
                return _seenWatermark = CurrentWatermark;
            }
        }
    }

    /// <summary>Everything below that was handed over is in the store, or gone.</summary>
    public long StoredEnd
    {
        get
        {
            lock (_commit.Gate)
            {
                return Math.Min(
                    Math.Min(Math.Min(_flushing.First, _pending.First), Math.Min(_flushingCopies.First, _pendingCopies.First)), _nextOffset);
            }
        }
    }

    /// <summary>How many turns have ended.</summary>
    public long Turn => _turn;

    /// <summary>All that was handed over through this turn is in the store, or need not be.</summary>
    public long StoredTurn
    {
        get
        {
            lock (_commit.Gate)
            {
                return _storedTurn >= _handedTurn ? _turn : _storedTurn;
            }
        }
    }

    /// <summary>Stored messages below it may be delivered: the store knows that they may have been seen.</summary>
    public long DeliveredBound { get; private set; }

    /// <summary>Called on any thread, possibly under the gate, so that it may do no more than note it, when the watermark, the bound of delivery or anything else of interest moved.</summary>
    public void OnAdvance(Action advanced) => _advanced = advanced;

    /// <summary>These are to be durable; whoever published them waits for the watermark.</summary>
    public void Append(in MessageRun run) => _turnRuns.Add(run);

    /// <summary>They are gone: acknowledged, dropped, expired, purged.</summary>
    public void Settle(long first, long end)
    {
        if (IsAbsent)
        {
            return;
        }

        // Ranges count in ints.
        for (; first < end; first += int.MaxValue)
        {
            var count = (int)Math.Min(end - first, int.MaxValue);
            if (_turnSettled.Count > 0 && _turnSettled[^1].End == first && _turnSettled[^1].Count <= int.MaxValue - count)
            {
                _turnSettled[^1] = _turnSettled[^1] with { Count = _turnSettled[^1].Count + count };
            }
            else
            {
                _turnSettled.Add(new OffsetRange(first, count));
            }
        }
    }

    /// <summary>What a session published up to this number is in this turn or in an earlier one; <see cref="Over"/> when nothing will be heard of it any more.</summary>
    public void NoteProgress(SessionId session, long number)
    {
        _turnForgets |= number == Over;
        if (_turnProgress.Count > 0 && _turnProgress[^1].Session == session)
        {
            _turnProgress[^1] = new PublishProgress(session, number);
        }
        else
        {
            _turnProgress.Add(new PublishProgress(session, number));
        }
    }

    /// <summary>The queue and all it has is gone.</summary>
    public void Delete() => _turnDeletes = !IsAbsent;

    /// <summary>
    /// Hands the turn over. <paramref name="copies"/> are stored as well, but nobody waits for them: what is paged out, or rewritten.
    /// </summary>
    /// <param name="nextOffset">The offset that the next message will get.</param>
    /// <param name="delivered">Messages below it may be delivered from now on, if they are not written before the next flush, or when it is through.</param>
    /// <param name="isWaitedFor">Something cannot be delivered before <paramref name="delivered"/> is stored.</param>
    public void EndTurn(long nextOffset, long delivered, bool isWaitedFor, ReadOnlySpan<MessageRun> copies)
    {
        _turn++;
        if (_turnRuns.Count == 0 && _turnSettled.Count == 0 && !_turnForgets && copies.IsEmpty && delivered == _deliveredWanted && !isWaitedFor && !_turnDeletes
            && (IsAbsent || !_isCreated) && HasOffsets(nextOffset))
        {
            if (nextOffset != _nextOffset)
            {
                lock (_commit.Gate)
                {
                    _nextOffset = nextOffset;
                }
            }

            _turnProgress.Clear();
            return;
        }

        var isThere = false;
        lock (_commit.Gate)
        {
            _nextOffset = nextOffset;
            if (isWaitedFor)
            {
                (isThere, isWaitedFor) = NoteWait(delivered);
            }

            foreach (var run in _turnRuns)
            {
                _pending.Add(run);
            }

            foreach (var run in copies)
            {
                _pendingCopies.Add(run);
            }

            foreach (var range in _turnSettled)
            {
                Remove(range.First, range.End);
            }

            foreach (var (session, number) in _turnProgress)
            {
                if (_turnRuns.Count > 0 || number == Over)
                {
                    _pendingProgress[session] = number;
                    _pendingForgets |= number == Over;
                }
            }

            var cannotWait = isWaitedFor || (_isCreated && !_isLazy) || _turnDeletes;
            var isUrgent = cannotWait || (_turnRuns.Count > 0 && !_pending.IsEmpty);
            var isNews = isUrgent || !HasOffsets(nextOffset) || delivered != _deliveredWanted || !_pendingCopies.IsEmpty || !_pendingSettled.IsEmpty || _turnForgets;
            _deliveredWanted = delivered;
            _isWaitedFor |= isWaitedFor || !copies.IsEmpty;

            // Set back: the store knows it from some moment of the next flush on, and nothing beyond may be delivered before that moment either.
            DeliveredBound = Math.Min(DeliveredBound, delivered);
            _isDeleted |= _turnDeletes;
            if (isNews && !IsFenced)
            {
                _commit.Add(this, isUrgent);
            }

            _handedTurn = _turn;
            if (!IsGathered && !_isFlushing)
            {
                _storedTurn = _turn;
            }
        }

        _turnRuns.Clear();
        _turnSettled.Clear();
        _turnProgress.Clear();
        _turnDeletes = _turnForgets = false;
        if (isThere)
        {
            _advanced?.Invoke();
        }
    }

    /// <summary>
    /// How much of these messages was handed over and is not settled: what all is in the store, or will be when <see cref="StoredEnd"/> has passed it. What is
    /// on its way for the first time is a part.
    /// </summary>
    public Holding Has(long first, long end)
    {
        lock (_commit.Gate)
        {
            return _stored.Covers(first, end) ? Holding.All
                : _stored.Touches(first, end) || _pending.Touches(first, end) || _pendingCopies.Touches(first, end) ? Holding.Part
                : Holding.None;
        }
    }

    /// <summary>Completes when all that was handed over is in the store.</summary>
    public Task FlushAsync()
    {
        lock (_commit.Gate)
        {
            if (IsFenced || (!IsGathered && !_isFlushing))
            {
                return Task.CompletedTask;
            }

            _flushed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _commit.Add(this, isUrgent: true);
            return _flushed.Task;
        }
    }

    /// <summary>Stored messages, see <see cref="IMessageStore.ReadAsync"/>.</summary>
    public ValueTask<MessageRun[]> ReadAsync(long from, long end, int bytes, CancellationToken cancellation) =>
        _commit.Store.ReadAsync(Queue, from, end, bytes, cancellation);

    /// <summary>What the next flush writes, or null if it all needs no write any more. Under the gate.</summary>
    public QueueChanges? Take()
    {
        if (IsDone)
        {
            // Nothing in the store could be taken for undelivered: the bound is written with the next message that is.
            DeliveredBound = _deliveredWanted;
            _pendingProgress.Clear();
            _storedTurn = _handedTurn;
            TellFlushed();
            return null;
        }

        if (!HasOffsets(_nextOffset))
        {
            _offsetBound = _nextOffset + OffsetsReserved;
        }

        var changes = new QueueChanges(Queue)
        {
            IsCreated = _isCreated,
            IsDeleted = _isDeleted,
            OffsetBound = _offsetBound,
            DeliveredBound = _deliveredWanted,
        };
        TakeRuns(changes.Runs);
        _writing = changes.Runs;
        foreach (var run in _writing)
        {
            LargeRecord.Hold(run.Records);
        }

        _pendingSettled.Remove(long.MinValue, long.MaxValue, (first, end) => AddRange(changes.Settled, first, end));
        foreach (var (session, number) in _pendingProgress)
        {
            changes.Sessions.Add(new PublishProgress(session, number));
        }

        _pendingProgress.Clear();
        _pendingForgets = false;
        _flushingTurn = _handedTurn;
        _isCreated = false;
        (_flushingIsWaitedFor, _isWaitedFor) = (_isWaitedFor, false);
        _flushingDelivered = _deliveredWanted;
        _isFlushing = true;
        return changes;
    }

    /// <summary>The flush is through. Under the gate.</summary>
    public void Complete(bool isFenced)
    {
        // What was acknowledged before it was written has confirmed itself: there is nothing to tell the queue then.
        var hasNews = isFenced || _flushingIsWaitedFor || CurrentWatermarkWithoutFlush > _seenWatermark;
        _flushing.Clear();
        _flushingCopies.Clear();
        foreach (var run in _writing)
        {
            LargeRecord.LetGo(run.Records);
        }

        _writing = [];
        _isFlushing = false;
        IsFenced |= isFenced;
        if (!IsFenced)
        {
            // It may have been set back meanwhile, which the flush after this one writes.
            DeliveredBound = Math.Min(_flushingDelivered, _deliveredWanted);
            _storedTurn = _flushingTurn;
        }

        // Last, as an earlier flush may be told of only now.
        Volatile.Write(ref _hasNews, _hasNews || hasNews);
        TellFlushed();
    }

    /// <summary>Has the queue look what moved. Not under the gate.</summary>
    public void Tell()
    {
        if (Interlocked.Exchange(ref _hasNews, false))
        {
            _advanced?.Invoke();
        }
    }

    /// <summary>The store does not know the queue, and need not yet.</summary>
    private bool IsAbsent => _isLazy && _isCreated && _pendingCopies.IsEmpty;

    /// <summary>Nothing of what was handed over has to be written.</summary>
    private bool IsDone => _stored.IsEmpty && _pending.IsEmpty && _pendingCopies.IsEmpty && _pendingSettled.IsEmpty
        && !_isWaitedFor && !_isDeleted && !_pendingForgets && (!_isCreated || _isLazy) && HasOffsets(_nextOffset);

    /// <summary>Enough offsets are reserved beyond this one.</summary>
    private bool HasOffsets(long next) => next + (OffsetsReserved / 2) <= _offsetBound || IsAbsent;

    private long CurrentWatermark => IsFenced ? 0 : Math.Min(Math.Min(_flushing.First, _pending.First), _nextOffset);

    /// <summary>What it is when the flush that runs is through.</summary>
    private long CurrentWatermarkWithoutFlush => Math.Min(_pending.First, _nextOffset);

    private void TellFlushed()
    {
        if (_flushed is { } flushed && (IsFenced || !IsGathered))
        {
            _flushed = null;
            flushed.SetResult();
        }
    }

    /// <summary>The queue waits until it may deliver below an offset: that may be so since it looked, or be under way.</summary>
    /// <returns>Whether it is so already, and whether the next flush has to bring it.</returns>
    private (bool IsThere, bool IsForNextFlush) NoteWait(long delivered)
    {
        if (delivered <= DeliveredBound)
        {
            return (true, false);
        }

        if (_isFlushing && _flushingDelivered >= delivered)
        {
            _flushingIsWaitedFor = true;
            return (false, false);
        }

        return (false, true);
    }

    private static void AddRange(List<OffsetRange> ranges, long first, long end)
    {
        for (; first < end; first += int.MaxValue)
        {
            ranges.Add(new OffsetRange(first, (int)Math.Min(end - first, int.MaxValue)));
        }
    }

    private void Remove(long first, long end)
    {
        _pending.Remove(first, end);
        _pendingCopies.Remove(first, end);
        _flushing.Remove(first, end);
        _flushingCopies.Remove(first, end);
        if (!_stored.IsEmpty)
        {
            _stored.Remove(first, end, _pendingSettled.Add);
        }
    }

    /// <summary>
    /// Runs and copies in one ascending list that names each message once: a copy of what is not written yet stands for it.
    /// What is taken counts as stored from now on, for its settlement has to be.
    /// </summary>
    private void TakeRuns(List<MessageRun> runs)
    {
        _pendingCopies.CopyTo(runs);
        var copies = runs.Count;
        foreach (var copy in runs)
        {
            _stored.Add(copy.First, copy.End);
            _flushingCopies.Add(copy);
        }

        _pending.CopyTo(runs);
        for (var i = copies; i < runs.Count; i++)
        {
            _stored.Add(runs[i].First, runs[i].End);
            _flushing.Add(runs[i]);
        }

        if (copies > 0 && runs.Count > copies)
        {
            runs.RemoveRange(copies, runs.Count - copies);
            for (var i = 0; i < copies; i++)
            {
                _pending.Remove(runs[i].First, runs[i].End);
            }

            _pending.CopyTo(runs);
            runs.Sort(static (left, right) => left.First.CompareTo(right.First));
        }

        _pending.Clear();
        _pendingCopies.Clear();
    }
}

/// <summary>How much of some messages a journal has.</summary>
internal enum Holding
{
    None,
    Part,
    All,
}
