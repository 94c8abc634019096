namespace Granary.Silo.Snapshots;

/// <summary>
/// Numbers the changes of something and brings them to who holds a snapshot of it. Each holder has its own stream of deltas with one in flight;
/// what changes meanwhile goes with the next. A holder that has not been heard from for a lease is dropped: by then it has stopped to go by what
/// it holds, and will find out when it renews. Used by one thread at a time.
/// </summary>
/// <param name="lease">How long a silent holder is waited for.</param>
/// <param name="run">Sends a session what it lacks (<see cref="NextFor"/>) until that is nothing.</param>
internal sealed class SnapshotHolders<TChange, TObserver>(Guid epoch, TimeSpan lease, TimeProvider time, Action<HolderSession<TObserver>> run)
{
    /// <summary>The answer of who holds nothing (any more).</summary>
    public const long NotHeld = -1;

    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(50);

    private readonly Dictionary<Guid, HolderSession<TObserver>> _sessions = [];
    private readonly Queue<Waiter> _waiters = [];

    // The changes that some holder may lack, the last of them being number _number.
    private readonly List<TChange> _log = [];
    private long _number;

    public Guid Epoch => epoch;

    public long Number => _number;

    public bool IsEmpty => _sessions.Count == 0;

    /// <summary>Takes one change and sets it on its way.</summary>
    public void Add(TChange change)
    {
        _number++;
        if (_sessions.Count == 0)
        {
            return;
        }

        _log.Add(change);
        foreach (var session in _sessions.Values)
        {
            Start(session);
        }
    }

    /// <summary>Completes when no holder goes by a state before the last change.</summary>
    public Task WhenAllHaveAsync()
    {
        if (_sessions.Values.All(session => session.Acknowledged >= _number))
        {
            return Task.CompletedTask;
        }

        var waiter = new Waiter(_number);
        _waiters.Enqueue(waiter);
        return waiter.Done.Task;
    }

    /// <summary>
    /// Registers a holder that has the present state. It said so while it went by nothing, so what an earlier session of it still lacked
    /// is settled. A call that comes late, after a later session's, changes nothing.
    /// </summary>
    public void Watch(Guid holder, long number, TObserver observer)
    {
        if (_sessions.TryGetValue(holder, out var known) && known.Session >= number)
        {
            known.HeardAt = time.GetTimestamp();
            return;
        }

        if (known is not null)
        {
            known.Ended = true;
        }

        _sessions[holder] = new HolderSession<TObserver>(holder, number, observer) { Acknowledged = _number, HeardAt = time.GetTimestamp() };
        Settle();
    }

    /// <summary>Notes that the holder is alive; false when it is not, or no longer, kept current.</summary>
    public bool Renew(Guid holder, long number, Guid itsEpoch)
    {
        if (itsEpoch != epoch || !_sessions.TryGetValue(holder, out var session) || session.Session != number)
        {
            return false;
        }

        session.HeardAt = time.GetTimestamp();
        return true;
    }

    public void Unwatch(Guid holder, long number)
    {
        if (_sessions.TryGetValue(holder, out var session) && session.Session <= number)
        {
            Drop(session);
        }
    }

    /// <summary>Drops the holders that have been silent for a lease.</summary>
    public void DropSilent()
    {
        foreach (var session in _sessions.Values.Where(IsSilent).ToList())
        {
            Drop(session);
        }
    }

    /// <summary>Sends a session what it lacks until that is nothing, beside the turns: the first delta of a turn that changes much has all its changes.</summary>
    /// <param name="apply">Sends the changes that follow a number, and gives the answer.</param>
    /// <param name="failed">Told the holder that did not answer, to log it. It is tried again until the holder has been silent for a lease.</param>
    public async Task SendAsync(HolderSession<TObserver> session, Func<TObserver, long, TChange[], Task<long>> apply, Action<Exception, Guid> failed)
    {
        await Task.Yield();
        while (NextFor(session) is { } next)
        {
            try
            {
                Acknowledge(session, await apply(session.Observer, next.After, next.Changes).WaitAsync(AnswerWithin, time));
            }
            catch (Exception error)
            {
                failed(error, session.Holder);
                DropSilent();
                await Task.Delay(RetryAfter, time);
            }
        }
    }

    /// <summary>What a session is to be sent next; null when it lacks nothing and its run ends.</summary>
    public (long After, TChange[] Changes)? NextFor(HolderSession<TObserver> session)
    {
        if (session.Ended || session.Acknowledged >= _number)
        {
            session.IsRunning = false;
            return null;
        }

        var missing = (int)(_number - session.Acknowledged);
        return (session.Acknowledged, [.. _log.GetRange(_log.Count - missing, missing)]);
    }

    /// <summary>Takes a holder's answer to a delta.</summary>
    public void Acknowledge(HolderSession<TObserver> session, long answer)
    {
        if (session.Ended)
        {
            return;
        }

        session.HeardAt = time.GetTimestamp();
        if (answer == NotHeld)
        {
            Drop(session);
            return;
        }

        session.Acknowledged = Math.Max(session.Acknowledged, Math.Min(answer, _number));
        Settle();
    }

    private bool IsSilent(HolderSession<TObserver> session) => time.GetElapsedTime(session.HeardAt) >= lease;

    private void Start(HolderSession<TObserver> session)
    {
        if (!session.IsRunning)
        {
            session.IsRunning = true;
            run(session);
        }
    }

    private void Drop(HolderSession<TObserver> session)
    {
        session.Ended = true;
        if (_sessions.TryGetValue(session.Holder, out var current) && ReferenceEquals(current, session))
        {
            _sessions.Remove(session.Holder);
        }

        Settle();
    }

    private void Settle()
    {
        var through = _number;
        foreach (var session in _sessions.Values)
        {
            through = Math.Min(through, session.Acknowledged);
        }

        var kept = (int)(_number - through);
        if (_log.Count > kept)
        {
            _log.RemoveRange(0, _log.Count - kept);
        }

        while (_waiters.TryPeek(out var waiter) && waiter.Number <= through)
        {
            _waiters.Dequeue().Done.SetResult();
        }
    }

    private sealed record Waiter(long Number)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>One watch of one holder.</summary>
internal sealed class HolderSession<TObserver>(Guid holder, long session, TObserver observer)
{
    public Guid Holder { get; } = holder;

    public long Session { get; } = session;

    public TObserver Observer { get; } = observer;

    /// <summary>The holder goes by no state before this number.</summary>
    public long Acknowledged { get; set; }

    /// <summary>Timestamp of the last sign of life.</summary>
    public long HeardAt { get; set; }

    /// <summary>Replaced or dropped: nothing is sent, and answers no longer count.</summary>
    public bool Ended { get; set; }

    /// <summary>Its deltas are being sent.</summary>
    public bool IsRunning { get; set; }
}
