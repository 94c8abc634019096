namespace Granary.Silo.Queues.Messages;

internal sealed partial class DelayedMessages
{
    private const int ReadAtOnce = 4 * 1024 * 1024;

    // What an earlier activation left in the store: when it is due is found by reading it once.
    private long _unreadFirst;
    private long _unreadEnd;
    private long _unreadCount;
    private long _unreadBytes;
    private long _unreadDue = MessageRun.Never;
    private bool _isReading;
    private int _generation;

    /// <summary>It is not known yet when all of it is due.</summary>
    public bool IsReading => _unreadCount > 0;

    /// <summary>Takes over what the store has. Nothing leaves before all of it was read, so that all leaves in the order of its times.</summary>
    /// <param name="due">When the first of it is due.</param>
    public void Recover(long first, long end, long count, long bytes, long due)
    {
        if (count > 0)
        {
            (_unreadFirst, _unreadEnd, _unreadCount, _unreadBytes, _unreadDue) = (first, end, count, bytes, due);
            (Count, Bytes, PagedCount) = (Count + count, Bytes + bytes, PagedCount + count);
        }
    }

    public PageRequest? NextLoad()
    {
        if (_isReading || _unreadCount == 0)
        {
            return null;
        }

        _isReading = true;
        return new PageRequest(_unreadFirst, _unreadEnd, ReadAtOnce, _generation);
    }

    public long Load(PageRequest request, MessageRun[]? runs, long redeliveredBelow, long now)
    {
        _isReading = false;
        _lookedAt = now;
        if (runs is null || request.Generation != _generation)
        {
            return 0;
        }

        var (count, bytes) = (0L, 0L);
        foreach (var run in runs)
        {
            (count, bytes) = (count + run.Count, bytes + run.Length);
            _unreadFirst = run.End;
        }

        var isAll = runs.Length == 0 || _unreadFirst >= _unreadEnd || count >= _unreadCount;
        var missing = isAll ? Math.Max(0, _unreadCount - count) : 0;
        ForgetUnread(isAll ? _unreadCount : count, isAll ? _unreadBytes : Math.Min(bytes, _unreadBytes));
        foreach (var run in runs)
        {
            // All of it was read together: what is kept of it would keep the rest in memory.
            Add(run.LetGo(), run.Length);
        }

        return missing;
    }

    public void PageOut(long budget, long storedEnd, bool isDurable, long redeliveredBelow, List<MessageRun> copies)
    {
        if (!isDurable || MemoryBytes <= budget)
        {
            // What is not to outlive the process is kept in memory.
            return;
        }

        List<long> emptied = [];
        foreach (var key in _loadedSteps.Reverse())
        {
            // Some more than has to be, so that this is not done for each message.
            if (MemoryBytes <= budget / 4 * 3)
            {
                break;
            }

            var step = _steps[key];
            var (count, bytes) = step.LetGo(storedEnd);
            (MemoryBytes, PagedCount) = (MemoryBytes - bytes, PagedCount + count);
            if (!step.HasLoaded)
            {
                emptied.Add(key);
            }
        }

        _loadedSteps.ExceptWith(emptied);
    }

    private void ForgetUnread(long count, long bytes)
    {
        (Count, Bytes, PagedCount) = (Count - count, Bytes - bytes, PagedCount - count);
        (_unreadCount, _unreadBytes) = (_unreadCount - count, _unreadBytes - bytes);
        _unreadDue = _unreadCount == 0 ? MessageRun.Never : _unreadDue;
    }

    private void ClearUnread(Action<long, long>? gone)
    {
        if (_unreadCount > 0)
        {
            gone?.Invoke(_unreadFirst, _unreadEnd);
        }

        (_unreadCount, _unreadBytes, _unreadDue) = (0, 0, MessageRun.Never);
        _generation++;
    }
}
