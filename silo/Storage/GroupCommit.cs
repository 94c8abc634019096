using System.Diagnostics;
using Granary.Core.Threads;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage;

/// <summary>
/// Writes for all queues and rows of a silo together: while one flush runs the next gathers, with no timer for what somebody waits for. A flush that
/// fails because the store is out of reach is repeated as it is until it succeeds; nothing is confirmed meanwhile, and the owner is told why.
/// </summary>
internal sealed partial class GroupCommit : IAsyncDisposable
{
    /// <summary>How long what nobody waits for may gather, such as settlements.</summary>
    private static readonly TimeSpan Leisure = TimeSpan.FromMilliseconds(5);

    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan IdleAfter = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StopsWithin = TimeSpan.FromSeconds(10);

    private static readonly Action<object> WakeLater = static commit => ((GroupCommit)commit).Wake();

    private readonly IMessageStore _store;
    private readonly ILogger<GroupCommit> _log;
    private readonly Action<string?> _trouble;
    private readonly Thread _thread;
    private readonly CancellationTokenSource _stop = new();
    private List<QueueJournal> _dirty = [];
    private List<QueueJournal> _flushing = [];
    private List<PendingRow> _rows = [];
    private List<PendingRow> _flushingRows = [];
    private bool _isUrgent;
    private bool _isStopping;
    private volatile bool _isBroken;
    private volatile string? _lastTrouble;
    private long _flushBegan;

    /// <param name="trouble">Told why the store does not work, and null when it does again. Not called under the gate.</param>
    public GroupCommit(IMessageStore store, ILogger<GroupCommit> log, Action<string?> trouble)
    {
        (_store, _log, _trouble) = (store, log, trouble);
        _thread = OwnThread.Start("store", Run);
    }

    /// <summary>
    /// Guards what is gathered. Whoever holds it over several changes has them in one flush; the lock may be entered again by its holder.
    /// </summary>
    public object Gate { get; } = new();

    public StoreStatistics Statistics { get; } = new();

    public IMessageStore Store => _store;

    /// <summary>False when a fault of the store has ended its thread: only a restart helps.</summary>
    public bool IsRunning => !_isBroken;

    /// <summary>How long the flush has been running that runs now, with all its tries; zero between flushes.</summary>
    public TimeSpan FlushingFor => Volatile.Read(ref _flushBegan) is var began and not 0 ? Stopwatch.GetElapsedTime(began) : TimeSpan.Zero;

    /// <summary>Why the store cannot be written to at present; null when it can.</summary>
    public string? Trouble => _lastTrouble;

    /// <summary>Completes when the row is durable; fails with <see cref="RowConflictException"/> if its version was another one.</summary>
    public Task WriteAsync(RowChange change)
    {
        var pending = new PendingRow(change);
        lock (Gate)
        {
            ObjectDisposedException.ThrowIf(_isStopping, this);
            _rows.Add(pending);
            Urge();
        }

        return pending.Written.Task;
    }

    /// <summary>The journal has something to be written. Called under the gate.</summary>
    public void Add(QueueJournal journal, bool isUrgent)
    {
        if (!journal.IsGathered)
        {
            journal.IsGathered = true;
            _dirty.Add(journal);
            if (_dirty.Count == 1 && !isUrgent)
            {
                Monitor.Pulse(Gate);
            }
        }

        if (isUrgent)
        {
            Urge();
        }
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
            while (Take() is { } flush)
            {
                var started = Stopwatch.GetTimestamp();
                Volatile.Write(ref _flushBegan, started);
                if (!TryWrite(flush, out var result))
                {
                    Abandon();
                    return;
                }

                Volatile.Write(ref _flushBegan, 0);
                Statistics.Add(flush, Stopwatch.GetElapsedTime(started));
                Complete(result);
            }
        }
        catch (Exception exception)
        {
            // Nothing is confirmed any more, and nothing is lost but what was not confirmed.
            _isBroken = true;
            LogBroken(exception);
            Tell("the store is broken");
        }
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

                if (!_isUrgent && !_isStopping && _dirty.Count > 0)
                {
                    Monitor.Wait(Gate, Leisure);
                }

                if ((_isUrgent || _dirty.Count > 0) && Gather() is { IsEmpty: false } flush)
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

    private bool HasWork => _isUrgent || _isStopping || _dirty.Count > 0;

    /// <summary>Whether there is more to tidy at once.</summary>
    private bool TidyStep()
    {
        try
        {
            return Wait(_store.TidyAsync(_stop.Token));
        }
        catch (Exception exception) when (exception is StoreUnavailableException or OperationCanceledException)
        {
            LogNotTidied(exception);
            return false;
        }
    }

    private Flush Gather()
    {
        var flush = new Flush { MustSync = _isUrgent };
        (_flushing, _dirty) = (_dirty, _flushing);
        (_flushingRows, _rows) = (_rows, _flushingRows);
        _isUrgent = false;
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
            flush.Rows.Add(row.Change);
        }

        return flush;
    }

    private bool TryWrite(Flush flush, out FlushResult result)
    {
        for (var failures = 0; ; failures++)
        {
            try
            {
                result = Wait(_store.FlushAsync(flush, _stop.Token));
                if (failures > 0)
                {
                    LogWorksAgain();
                    Tell(null);
                }

                return true;
            }
            catch (Exception exception) when (exception is StoreUnavailableException or StoreException)
            {
                if (failures == 0)
                {
                    LogUnavailable(exception, exception.Message);
                    Tell(exception.Message);
                }

                if (_stop.Token.WaitHandle.WaitOne(RetryAfter))
                {
                    LogGaveUp(flush.Queues.Count);
                    result = FlushResult.Complete;
                    return false;
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                LogGaveUp(flush.Queues.Count);
                result = FlushResult.Complete;
                return false;
            }
        }
    }

    private void Tell(string? trouble)
    {
        _lastTrouble = trouble;
        _trouble(trouble);
    }

    private void Complete(FlushResult result)
    {
        List<PendingRow> refused = [];
        lock (Gate)
        {
            foreach (var journal in _flushing)
            {
                journal.Complete(isFenced: result.Fenced.Count > 0 && result.Fenced.Contains(journal.Queue));
            }

            // What gathers meanwhile may build on what was just refused.
            foreach (var conflict in result.Conflicts)
            {
                refused.AddRange(_rows.Where(row => row.Change.Key == conflict.Key && row.Change.Expected is not null));
            }

            _rows.RemoveAll(refused.Contains);
        }

        foreach (var row in refused)
        {
            row.Written.SetException(new RowConflictException(row.Change.Key));
        }

        foreach (var row in _flushingRows)
        {
            if (result.Conflicts.Contains(row.Change))
            {
                row.Written.SetException(new RowConflictException(row.Change.Key));
            }
            else
            {
                row.Written.SetResult();
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

    private void Abandon()
    {
        foreach (var row in _flushingRows)
        {
            row.Written.SetException(new StoreUnavailableException("The node stops while the store is out of reach."));
        }
    }

    /// <summary>The thread is there to wait; stores that write files have finished by now.</summary>
    private static T Wait<T>(ValueTask<T> task) => task.IsCompleted ? task.GetAwaiter().GetResult() : task.AsTask().GetAwaiter().GetResult();

    [LoggerMessage(3301, LogLevel.Error, "The store cannot be written to: {Reason}. Publishers are held until it can")]
    private partial void LogUnavailable(Exception exception, string reason);

    [LoggerMessage(3302, LogLevel.Warning, "The store can be written to again")]
    private partial void LogWorksAgain();

    [LoggerMessage(3303, LogLevel.Critical, "The store is broken; nothing durable is confirmed until the node is restarted")]
    private partial void LogBroken(Exception exception);

    [LoggerMessage(3304, LogLevel.Error, "The node stops while the store is out of reach: what {Queues} queues had for it, and had not confirmed, is not stored")]
    private partial void LogGaveUp(int queues);

    [LoggerMessage(3305, LogLevel.Warning, "The store could not be tidied; trying again later")]
    private partial void LogNotTidied(Exception exception);

    private sealed class PendingRow(RowChange change)
    {
        public RowChange Change { get; } = change;

        public TaskCompletionSource Written { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>Somebody else changed the row meanwhile.</summary>
internal sealed class RowConflictException(RowKey key) : Exception($"Row '{key.Key}' of '{key.Table}' has another version than expected.");
