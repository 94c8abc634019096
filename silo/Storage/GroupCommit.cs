using System.Diagnostics;
using System.Runtime.CompilerServices;
using Granary.Core.Threads;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage;

/// <summary>
/// Writes for all queues and rows of a silo together: while one flush runs the next gathers, with no timer for what somebody waits for. A flush that
/// fails because the store is out of reach, or refuses it, is repeated as it is until it succeeds; nothing is confirmed meanwhile, and the owner is told why.
/// </summary>
internal sealed partial class GroupCommit : IAsyncDisposable
{
    public static readonly TimeSpan UsualLeisure = TimeSpan.FromMilliseconds(5);

    private static readonly TimeSpan IdleAfter = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StopsWithin = TimeSpan.FromSeconds(10);

    private static readonly Action<object> WakeLater = static commit => ((GroupCommit)commit).Wake();

    private readonly IMessageStore _store;
    private readonly ILogger<GroupCommit> _log;
    private readonly Action<bool> _cannotWrite;
    private readonly TimeProvider _time;
    private readonly Thread _thread;
    private readonly CancellationTokenSource _stop = new();
    private List<QueueJournal> _dirty = [];
    private List<QueueJournal> _flushing = [];
    private List<PendingRows> _rows = [];
    private List<PendingRows> _flushingRows = [];
    private bool _isUrgent;
    private bool _mustSync;
    private bool _isStopping;
    private volatile bool _isBroken;

    // Why nothing is written any more. Under the gate.
    private string? _ended;
    private volatile StoreOutage? _outage;
    private long _tryBegan;

    /// <param name="cannotWrite">Told when the store cannot be written to, and when it can again. Not called under the gate.</param>
    public GroupCommit(IMessageStore store, ILogger<GroupCommit> log, Action<bool> cannotWrite, TimeProvider? time = null)
    {
        (_store, _log, _cannotWrite, _time) = (store, log, cannotWrite, time ?? TimeProvider.System);
        _thread = OwnThread.Start("store", Run);
    }

    /// <summary>
    /// Guards what is gathered. Whoever holds it over several changes has them in one flush; the lock may be entered again by its holder.
    /// </summary>
    public object Gate { get; } = new();

    /// <summary>How long what nobody waits for may gather, such as settlements.</summary>
    public TimeSpan Leisure { get; init; } = UsualLeisure;

    public StoreStatistics Statistics { get; } = new();

    public IMessageStore Store => _store;

    /// <summary>False when a fault of the store has ended its thread: only a restart helps.</summary>
    public bool IsRunning => !_isBroken;

    /// <summary>The node stops: its cluster does without it before the last of what nobody waits for is written.</summary>
    public bool IsLeaving { get; set; }

    /// <summary>How long the try of a flush has been running that runs now; zero between tries.</summary>
    public TimeSpan TryingFor => Volatile.Read(ref _tryBegan) is var began and not 0 ? _time.GetElapsedTime(began) : TimeSpan.Zero;

    /// <summary>That the store cannot be written to at present; null when it can.</summary>
    public StoreOutage? Outage => _outage;

    /// <summary>What those are told who wait for the store when nothing is written any more; null: it is. Under the gate.</summary>
    public StoreUnavailableException? Ended => _ended is { } why ? new StoreUnavailableException(why) : null;

    /// <summary>Completes when the row is durable; fails with <see cref="RowConflictException"/> if its version was another one, and at once if nothing is written any more.</summary>
    /// <param name="isUrgent">False: it may gather, as what nobody waits for may.</param>
    public Task WriteAsync(RowChange change, bool isUrgent = true) => WriteAsync([change], isUrgent);

    /// <summary>As for one row, for several that are in the same flush; fails if any of them was not changed.</summary>
    public Task WriteAsync(RowChange[] changes, bool isUrgent = true)
    {
        var pending = new PendingRows(changes);
        lock (Gate)
        {
            ObjectDisposedException.ThrowIf(_isStopping, this);
            if (Ended is { } ended)
            {
                return Task.FromException(ended);
            }

            var isFirst = !HasGathered;
            _rows.Add(pending);
            _mustSync = true;
            Call(isFirst, isUrgent);
        }

        return pending.Written.Task;
    }

    /// <summary>The journal has something to be written. Called under the gate.</summary>
    /// <param name="mustSync">It is to be on the disk when it is through, urgent or not.</param>
    public void Add(QueueJournal journal, bool isUrgent, bool mustSync = false)
    {
        if (_ended is not null)
        {
            // It has something that is not stored, and never will be: whoever waits for that is told so.
            journal.IsGathered = true;
            return;
        }

        var isFirst = !HasGathered;
        if (!journal.IsGathered)
        {
            journal.IsGathered = true;
            _dirty.Add(journal);
        }

        _mustSync |= mustSync;
        Call(isFirst, isUrgent);
    }

    /// <summary>Writes what there is, and stops.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (Gate)
        {
            if (_isStopping)
            {
                return;
            }

            _isStopping = true;
            Monitor.Pulse(Gate);
        }

        _stop.CancelAfter(StopsWithin);
        await Task.Run(_thread.Join).ConfigureAwait(false);
        _stop.Dispose();
    }

    /// <param name="isFirst">Nothing was gathered before.</param>
    private void Call(bool isFirst, bool isUrgent)
    {
        if (isUrgent)
        {
            Urge();
        }
        else if (isFirst)
        {
            Monitor.Pulse(Gate);
        }
    }

    private void Urge()
    {
        if (!_isUrgent)
        {
            _isUrgent = true;
            if (!SameThreadContext.TryAtEnd(WakeLater, this))
            {
                Monitor.Pulse(Gate);
            }
        }
    }

    private void Wake()
    {
        lock (Gate)
        {
            Monitor.Pulse(Gate);
        }
    }

    private void Run()
    {
        try
        {
            while (WriteNext())
            {
                // A call of its own: while the thread waits, nothing keeps the memory of what was written last.
            }

            Abandon("The node stops, and its store is closed or out of reach.");
        }
        catch (Exception exception)
        {
            // Nothing is confirmed any more, and nothing is lost but what was not confirmed.
            _isBroken = true;
            Abandon($"Nothing is stored any more until the node is restarted: {exception.Message}");
            if (exception is StoreFencedException)
            {
                if (IsLeaving)
                {
                    LogFencedAtTheEnd(exception.Message);
                }
                else
                {
                    LogFenced(exception.Message);
                }
            }
            else
            {
                LogBroken(exception);
            }

            _cannotWrite(true);
        }
    }

    /// <summary>Writes one flush; false when there is nothing more to come.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool WriteNext()
    {
        if (Take() is not { } flush)
        {
            return false;
        }

        var started = Stopwatch.GetTimestamp();
        if (!TryWrite(flush, out var result))
        {
            return false;
        }

        Statistics.Add(flush, Stopwatch.GetElapsedTime(started));
        Complete(result);
        return true;
    }

    /// <summary>Waits for something to write and takes it; null when there is nothing more to come.</summary>
    private Flush? Take()
    {
        var isTidy = false;
        while (true)
        {
            lock (Gate)
            {
                if (!HasWork && isTidy)
                {
                    Monitor.Wait(Gate, IdleAfter);
                }

                if (!_isUrgent && !_isStopping && HasGathered)
                {
                    Monitor.Wait(Gate, Leisure);
                }

                if ((_isUrgent || HasGathered) && Gather() is { IsEmpty: false } flush)
                {
                    return flush;
                }

                if (_isStopping)
                {
                    return null;
                }
            }

            isTidy = !TidyStep();
        }
    }

    private bool HasWork => _isUrgent || _isStopping || HasGathered;

    private bool HasGathered => _dirty.Count > 0 || _rows.Count > 0;

    private Flush Gather()
    {
        var flush = new Flush { MustSync = _isUrgent || _mustSync };
        (_flushing, _dirty) = (_dirty, _flushing);
        (_flushingRows, _rows) = (_rows, _flushingRows);
        _isUrgent = _mustSync = false;
        var count = 0;
        for (var i = 0; i < _flushing.Count; i++)
        {
            var journal = _flushing[i];
            journal.IsGathered = false;
            if (journal.Take() is { } changes)
            {
                flush.Queues.Add(changes);
                _flushing[count++] = journal;
            }
        }

        _flushing.RemoveRange(count, _flushing.Count - count);

        foreach (var row in _flushingRows)
        {
            flush.Rows.AddRange(row.Changes);
        }

        return flush;
    }

    private bool TryWrite(Flush flush, out FlushResult result)
    {
        while (true)
        {
            try
            {
                Volatile.Write(ref _tryBegan, _time.GetTimestamp());
                if (_outage is not null && _store.KeepsReserve)
                {
                    FreeSpace();
                }

                result = Wait(_store.FlushAsync(flush, _stop.Token));
                NoteWritten();
                return true;
            }
            catch (Exception exception) when (exception is StoreUnavailableException or StoreException)
            {
                if (_stop.Token.WaitHandle.WaitOne(NoteFailure(exception)))
                {
                    break;
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                break;
            }
        }

        LogGaveUp(flush.Queues.Count);
        result = FlushResult.Complete;
        return false;
    }

    private void NoteWritten()
    {
        Volatile.Write(ref _tryBegan, 0);
        if (_outage is { } outage)
        {
            _outage = null;
            LogWorksAgain(outage.Tries, (long)outage.Lasts.TotalSeconds);
            _cannotWrite(false);
        }
    }

    /// <returns>How long to wait.</returns>
    private TimeSpan NoteFailure(Exception exception)
    {
        Volatile.Write(ref _tryBegan, 0);
        var isFirst = _outage is null;
        var outage = _outage ??= new StoreOutage(_time);
        var (pause, isNews) = outage.Fail(exception);
        if (isFirst)
        {
            LogUnavailable(exception, outage.Reason);
            _cannotWrite(true);
        }
        else if (isNews)
        {
            LogStillUnavailable(outage.Tries, (long)outage.Lasts.TotalSeconds, outage.Reason);
        }

        return pause;
    }

    private void Complete(FlushResult result)
    {
        List<(PendingRows Rows, RowChange Conflict)> refused = [];
        lock (Gate)
        {
            foreach (var journal in _flushing)
            {
                journal.Complete(isFenced: result.Fenced.Count > 0 && result.Fenced.Contains(journal.Queue));
            }

            // What gathers meanwhile may build on what was just refused. Of one key several changes may have been.
            if (result.Conflicts.Count > 0)
            {
                var keys = result.Conflicts.Select(static conflict => conflict.Key).ToHashSet();
                refused.AddRange(
                    from rows in _rows
                    let conflict = rows.Find(change => change.Expected is not null && keys.Contains(change.Key))
                    where conflict is not null
                    select (rows, conflict));
                _rows.RemoveAll(rows => refused.Exists(one => one.Rows == rows));
            }
        }

        foreach (var (rows, conflict) in refused)
        {
            rows.Written.SetException(new RowConflictException(conflict.Key));
        }

        foreach (var rows in _flushingRows)
        {
            if (result.Conflicts.Count > 0 && rows.Find(result.Conflicts.Contains) is { } conflict)
            {
                rows.Written.SetException(new RowConflictException(conflict.Key));
            }
            else
            {
                rows.Written.SetResult();
            }
        }

        // The queues' turns follow on this thread, unless somebody waits for the next flush already.
        if (Volatile.Read(ref _isUrgent))
        {
            ThreadPool.UnsafeQueueUserWorkItem(static journals => SameThreadContext.Run(TellAll, journals), _flushing.ToArray(), preferLocal: false);
        }
        else
        {
            SameThreadContext.Run(TellAll, _flushing);
        }

        _flushing.Clear();
        _flushingRows.Clear();
    }

    private static void TellAll(IReadOnlyList<QueueJournal> journals)
    {
        for (var i = 0; i < journals.Count; i++)
        {
            journals[i].Tell();
        }
    }

    /// <summary>Nothing is written any more: whoever waits for it, and whoever comes, is told so at once.</summary>
    private void Abandon(string why)
    {
        PendingRows[] rows;
        lock (Gate)
        {
            _ended = why;
            rows = [.. _flushingRows, .. _rows];
            foreach (var journal in _flushing.Concat(_dirty))
            {
                journal.Abandon();
            }

            _flushingRows.Clear();
            _rows.Clear();
            _flushing.Clear();
            _dirty.Clear();
        }

        foreach (var row in rows)
        {
            row.Written.TrySetException(new StoreUnavailableException(why));
        }
    }

    /// <summary>The thread is there to wait; stores that write files have finished by now.</summary>
    private static T Wait<T>(ValueTask<T> task) => task.IsCompleted ? task.GetAwaiter().GetResult() : task.AsTask().GetAwaiter().GetResult();

    [LoggerMessage(3301, LogLevel.Error, "The store cannot be written to: {Reason}. Publishers are held until it can")]
    private partial void LogUnavailable(Exception exception, string reason);

    [LoggerMessage(3308, LogLevel.Error, "The store still cannot be written to, after {Tries} tries in {Seconds} s: {Reason}. Publishers are held until it can")]
    private partial void LogStillUnavailable(int tries, long seconds, string reason);

    [LoggerMessage(3302, LogLevel.Warning, "The store can be written to again, after {Tries} tries in {Seconds} s")]
    private partial void LogWorksAgain(int tries, long seconds);

    [LoggerMessage(3303, LogLevel.Critical, "The store is broken; nothing durable is confirmed until the node is restarted")]
    private partial void LogBroken(Exception exception);

    [LoggerMessage(3309, LogLevel.Error, "{Reason}")]
    private partial void LogFenced(string reason);

    [LoggerMessage(3307, LogLevel.Information, "While the node stops: {Reason}")]
    private partial void LogFencedAtTheEnd(string reason);

    [LoggerMessage(3304, LogLevel.Error, "The node stops while the store is out of reach: what {Queues} queues had for it, and had not confirmed, is not stored")]
    private partial void LogGaveUp(int queues);

    private sealed class PendingRows(RowChange[] changes)
    {
        public RowChange[] Changes => changes;

        /// <summary>The first change of which it is so, if there is one.</summary>
        public RowChange? Find(Predicate<RowChange> isSo) => Array.Find(changes, isSo);

        public TaskCompletionSource Written { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
