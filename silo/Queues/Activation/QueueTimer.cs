namespace Granary.Silo.Queues.Activation;

/// <summary>Comes when something is due by itself, at the earliest of the times it was armed for. All but its coming happens in turns.</summary>
internal sealed class QueueTimer : IDisposable
{
    /// <summary>What is due later is looked at again after a day, in milliseconds: timers know no ten years.</summary>
    private const long LongestWait = 86_400_000;

    private readonly ITimer _timer;
    private readonly Action _came;
    private long _armedFor = long.MaxValue;
    private volatile bool _hasCome;

    /// <param name="came">Called on any thread: it may do no more than note that a turn has to look.</param>
    public QueueTimer(TimeProvider time, Action came)
    {
        _came = came;
        using (ExecutionContext.SuppressFlow())
        {
            _timer = time.CreateTimer(static timer => ((QueueTimer)timer!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Has it come at <paramref name="due"/>, unless it comes before and is armed again then. Both in milliseconds of the queue's clock.</summary>
    public void ArmFor(long due, long now)
    {
        if (due < _armedFor)
        {
            _armedFor = due;
            _timer.Change(TimeSpan.FromMilliseconds(Math.Clamp(due - now, 0, LongestWait)), Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Whether it has come since the last time this was asked; it is not armed then.</summary>
    public bool TakeCome()
    {
        if (!_hasCome)
        {
            return false;
        }

        _hasCome = false;
        _armedFor = long.MaxValue;
        return true;
    }

    public void Dispose() => _timer.Dispose();

    private void OnTimer()
    {
        _hasCome = true;
        _came();
    }
}
