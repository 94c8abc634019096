using Granary.Core.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage;

/// <summary>
/// What one queue has for the store and what it has there. The queue's turns note what happens and hand it over together at the end of the turn;
/// the store's thread takes what all turns since the last flush handed over. Whatever is settled in between was never there.
/// </summary>
/// <remarks>The queue's members are for its turns; <see cref="Take"/>, <see cref="TakeFreeing"/>, what completes them and <see cref="Tell"/> are for <see cref="GroupCommit"/>.</remarks>
internal sealed class QueueJournal
{
    /// <summary>Offsets are reserved so far ahead that a store out of reach never matters.</summary>
    private const long OffsetsReserved = 1L << 32;

    private readonly GroupCommit _commit;
    private readonly bool _isLazy;
    private readonly TurnNotes _notes = new();
    private long _turn;

    // Handed over, under the gate.
    private readonly JournaledMessages _messages;
    private readonly SessionProgress _progress = new();
    private readonly DeliveredMark _delivered;
    private long _handedTurn;
    private long _flushingTurn;
    private long _storedTurn;
    private long _nextOffset;
    private long _offsetBound;
    private bool _isCreated;
    private bool _isDeleted;

    // What the flush that runs writes.
    private QueueChanges? _taken;

    // Messages were handed over that were not urgent, and wait for the next flush.
    private bool _hasPatience;

    // What the queue knows. Under the gate.
    private long _seenWatermark;
    private bool _hasNews;

    private Action? _advanced;
    private TaskCompletionSource? _flushed;
    private List<(long Turn, TaskCompletionSource Stored)>? _awaited;

    /// <param name="isNew">Nothing of the queue is in the store yet.</param>
    /// <param name="isLazy">A new queue is created in the store with the first of its messages, which may be never.</param>
    public QueueJournal(GroupCommit commit, StoredQueue queue, bool isNew, bool isLazy = false)
    {
        (_commit, Queue, _isCreated, _isLazy) = (commit, queue, isNew, isLazy);
        _messages = new JournaledMessages(queue.Backlog);
        _delivered = new DeliveredMark(queue.Backlog.DeliveredBound);
        _nextOffset = _offsetBound = queue.Backlog.NextOffset;
    }

    public StoredQueue Queue { get; }

    /// <summary>It stands in the list of what the next flush takes.</summary>
    public bool IsGathered { get; set; }

    /// <summary>A flush writes what it had.</summary>
    public bool IsFlushing => _taken is not null;

    /// <summary>Another activation has taken the queue over: nothing of this one is believed any more.</summary>
    public bool IsFenced { get; private set; }

    /// <summary>Every offset below is durable, or needs no write (any more), and so is its key, if it has one.</summary>
    public long Watermark
    {
        get
        {
            lock (_commit.Gate)
            {
                return _seenWatermark = IsFenced ? 0 : Math.Min(Math.Min(_messages.First, _progress.First), _nextOffset);
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
                return Math.Min(_messages.FirstOfAll, _nextOffset);
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
    public long DeliveredBound => _delivered.Stored;

    /// <summary>Called on any thread, possibly under the gate, so that it may do no more than note it, when the watermark, the bound of delivery or anything else of interest moved.</summary>
    public void OnAdvance(Action advanced) => _advanced = advanced;

    /// <summary>These are to be durable; whoever published them waits for the watermark.</summary>
    /// <param name="isUrgent">False: nobody waits, for the store has them in another form, and they go with the next flush (see <see cref="Hurry"/>).</param>
    public void Append(in MessageRun run, bool isUrgent = true)
    {
        _notes.Runs.Add(run);
        _notes.AreRunsUrgent |= isUrgent;
    }

    /// <summary>Somebody waits for the watermark: if what he waits for includes messages that were not urgent, they are now.</summary>
    public void Hurry()
    {
        if (!Volatile.Read(ref _hasPatience))
        {
            return;
        }

        lock (_commit.Gate)
        {
            if (_hasPatience && !IsFenced)
            {
                _hasPatience = false;
                _commit.Add(this, isUrgent: true);
            }
        }
    }

    /// <summary>They are gone: acknowledged, dropped, expired, purged.</summary>
    public void Settle(long first, long end)
    {
        if (!IsAbsent)
        {
            _notes.Settle(first, end);
        }
    }

    /// <summary>What a session published up to this number is in this turn or in an earlier one; or it is over, and nothing will be heard of it any more.</summary>
    public void NoteProgress(PublishProgress progress) => _notes.Note(progress);

    /// <summary>The queue and all it has is gone.</summary>
    public void Delete() => _notes.IsDeletion = !IsAbsent;

    /// <summary>
    /// Hands the turn over. <paramref name="copies"/> are stored as well, but nobody waits for them: what is paged out, or rewritten.
    /// </summary>
    /// <param name="nextOffset">The offset that the next message will get.</param>
    /// <param name="delivered">Messages below it may be delivered from now on, if they are not written before the next flush, or when it is through.</param>
    /// <param name="isWaitedFor">Something cannot be delivered before <paramref name="delivered"/> is stored.</param>
    public void EndTurn(long nextOffset, long delivered, bool isWaitedFor, ReadOnlySpan<MessageRun> copies)
    {
        _turn++;
        if (_notes.IsEmpty && copies.IsEmpty && delivered == _delivered.Wanted && !isWaitedFor && (IsAbsent || !_isCreated) && HasOffsets(nextOffset))
        {
            if (nextOffset != _nextOffset)
            {
                lock (_commit.Gate)
                {
                    _nextOffset = nextOffset;
                }
            }

            _notes.Clear();
            return;
        }

        // Who has the gate already hands over more than this turn, all for one flush. A turn with messages may be a transaction.
        var isApart = _notes.Runs.Count == 0 && !Monitor.IsEntered(_commit.Gate);
        bool isThere;
        lock (_commit.Gate)
        {
            isThere = HandOver(nextOffset, delivered, isWaitedFor, copies, isApart);
        }

        _notes.Clear();
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
            return _messages.Has(first, end);
        }
    }

    /// <summary>Has the next flush look whether the queue is still this activation's, and whoever waits for it not wait. Under the gate.</summary>
    /// <param name="note">A session that is over, or never was: something has to be written of the queue.</param>
    /// <returns>False: it is another one's.</returns>
    public bool TryGuard(SessionId note)
    {
        if (IsFenced)
        {
            return false;
        }

        _progress.Add(PublishProgress.End(note));
        _commit.Add(this, isUrgent: true);
        return true;
    }

    /// <summary>Completes when all that was handed over is in the store; fails if nothing is written there any more.</summary>
    public Task FlushAsync()
    {
        lock (_commit.Gate)
        {
            if (IsFenced || (!IsGathered && !IsFlushing))
            {
                return Task.CompletedTask;
            }

            if (_commit.Ended is { } ended)
            {
                return Task.FromException(ended);
            }

            _flushed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _commit.Add(this, isUrgent: true);
            return _flushed.Task;
        }
    }

    /// <summary>Completes when all that was handed over through a turn is in the store, or need not be, or the journal is fenced; fails if nothing is written any more.</summary>
    public Task WhenStoredAsync(long turn)
    {
        lock (_commit.Gate)
        {
            if (IsFenced || _storedTurn >= turn || _storedTurn >= _handedTurn)
            {
                return Task.CompletedTask;
            }

            if (_commit.Ended is { } ended)
            {
                return Task.FromException(ended);
            }

            var stored = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            (_awaited ??= []).Add((turn, stored));
            return stored.Task;
        }
    }

    /// <summary>Stored messages, see <see cref="IMessageStore.ReadAsync(StoredQueue, long, long, int, CancellationToken)"/>.</summary>
    public ValueTask<MessageRun[]> ReadAsync(long from, long end, int bytes, CancellationToken cancellation) =>
        _commit.Store.ReadAsync(Queue, from, end, bytes, cancellation);

    /// <summary>Stored messages of several ranges, see <see cref="IMessageStore.ReadAsync(StoredQueue, IReadOnlyList{OffsetRange}, int, CancellationToken)"/>.</summary>
    public ValueTask<MessageRun[]> ReadAsync(IReadOnlyList<OffsetRange> ranges, int bytes, CancellationToken cancellation) =>
        _commit.Store.ReadAsync(Queue, ranges, bytes, cancellation);

    /// <summary>What the next flush writes, or null if it all needs no write any more. Under the gate.</summary>
    public QueueChanges? Take()
    {
        if (IsDone)
        {
            _hasPatience = false;
            _delivered.Skip();
            _progress.Clear();
            _storedTurn = _handedTurn;
            TellAwaited();
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
            DeliveredBound = _delivered.Take(),
        };
        _messages.Take(changes);
        _progress.Take(changes.Sessions);
        _flushingTurn = _handedTurn;
        _isCreated = _hasPatience = false;
        return _taken = changes;
    }

    /// <summary>What may be written ahead of the flush that runs, which finds no room; null if there is nothing. Under the gate.</summary>
    public QueueChanges? TakeFreeing()
    {
        var freeing = new QueueChanges(Queue);
        if (!IsFenced)
        {
            _messages.TakeSettled(freeing.Settled);
            freeing.DeliveredBound = _delivered.TryTakeAhead(out var bound) ? bound : 0;
        }

        return freeing.Settled.Count > 0 || freeing.DeliveredBound > 0 ? freeing : null;
    }

    /// <summary>It is written, or could not be. Under the gate.</summary>
    public void CompleteFreeing(QueueChanges freeing, bool isWritten)
    {
        if (!isWritten)
        {
            _messages.GiveBack(freeing.Settled);
        }
        else if (freeing.DeliveredBound > 0)
        {
            _delivered.CompleteAhead(freeing.DeliveredBound);
            if (_taken is { } taken)
            {
                taken.DeliveredBound = Math.Max(taken.DeliveredBound, freeing.DeliveredBound);
            }

            Volatile.Write(ref _hasNews, true);
        }
    }

    /// <summary>The flush is through. Under the gate.</summary>
    public void Complete(bool isFenced)
    {
        // What was acknowledged before it was written has confirmed itself: there is nothing to tell the queue then. Of what is paged out it can give up the memory.
        var hasNews = isFenced || _delivered.IsFlushWaitedFor || _messages.IsWritingCopies || Math.Min(Math.Min(_messages.FirstAfterFlush, _progress.FirstAfterFlush), _nextOffset) > _seenWatermark;
        IsFenced |= isFenced;
        _taken = null;
        _messages.Complete();
        _progress.Complete();
        _delivered.Complete(IsFenced);
        if (!IsFenced)
        {
            _storedTurn = _flushingTurn;
        }

        // Last, as an earlier flush may be told of only now.
        Volatile.Write(ref _hasNews, _hasNews || hasNews);
        TellAwaited();
        TellFlushed();
    }

    /// <summary>Nothing is written any more: what was handed over stays as it is, and whoever waits for it is told so. Under the gate.</summary>
    public void Abandon()
    {
        IsGathered = true;
        foreach (var (_, stored) in _awaited ?? [])
        {
            stored.SetException(_commit.Ended!);
        }

        _flushed?.SetException(_commit.Ended!);
        (_awaited, _flushed) = (null, null);
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
    private bool IsAbsent => _isLazy && _isCreated && !_messages.HasCopies;

    /// <summary>Nothing of what was handed over has to be written.</summary>
    private bool IsDone => _messages.IsEmpty && !_delivered.IsWaitedFor && !_isDeleted && !_progress.IsNeeded && (!_isCreated || _isLazy) && HasOffsets(_nextOffset);

    /// <summary>Enough offsets are reserved beyond this one.</summary>
    private bool HasOffsets(long next) => next + (OffsetsReserved / 2) <= _offsetBound || IsAbsent;

    /// <summary>Takes what the turn has noted, and sees that a flush comes for it. Under the gate.</summary>
    /// <returns>Whether what the queue waits for is there already.</returns>
    private bool HandOver(long nextOffset, long delivered, bool isWaitedFor, ReadOnlySpan<MessageRun> copies, bool isApart)
    {
        var isThere = false;
        if (isWaitedFor)
        {
            (isThere, isWaitedFor) = _delivered.Await(delivered);
        }

        foreach (var run in _notes.Runs)
        {
            _messages.Add(run);
        }

        foreach (var run in copies)
        {
            _messages.AddCopy(run);
        }

        foreach (var range in _notes.Settled)
        {
            _messages.Settle(range.First, range.End, isApart);
        }

        var hasKeys = _progress.Add(_notes, _nextOffset);
        _nextOffset = nextOffset;
        var hasRuns = _notes.Runs.Count > 0 && _messages.HasRuns;
        var isUrgent = isWaitedFor || hasKeys || (_isCreated && !_isLazy) || _notes.IsDeletion || (hasRuns && _notes.AreRunsUrgent);
        var isNews = isUrgent || hasRuns || !HasOffsets(nextOffset) || delivered != _delivered.Wanted || _messages.HasCopies || _messages.HasSettled || _notes.HasLasting;
        _delivered.Want(delivered, isWaitedFor || !copies.IsEmpty);
        _isDeleted |= _notes.IsDeletion;
        if (isNews && !IsFenced)
        {
            _commit.Add(this, isUrgent, mustSync: hasRuns);
            _hasPatience |= hasRuns && !isUrgent;
        }

        _handedTurn = _turn;
        if (!IsGathered && !IsFlushing)
        {
            _storedTurn = _turn;
        }

        return isThere;
    }

    private void TellAwaited()
    {
        if (_awaited is null)
        {
            return;
        }

        foreach (var (turn, stored) in _awaited)
        {
            if (IsFenced || _storedTurn >= turn)
            {
                stored.SetResult();
            }
        }

        _awaited.RemoveAll(static awaited => awaited.Stored.Task.IsCompleted);
        _awaited = _awaited.Count > 0 ? _awaited : null;
    }

    private void TellFlushed()
    {
        if (_flushed is { } flushed && (IsFenced || !IsGathered))
        {
            _flushed = null;
            flushed.SetResult();
        }
    }
}
