using Microsoft.Extensions.Time.Testing;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>Time that stands until a test moves it, and that can be looked at and passed over.</summary>
internal sealed class FakeClock : FakeTimeProvider
{
    private readonly Lock _gate = new();
    private readonly HashSet<DateTimeOffset> _dues = [];
    private long _skipped;

    /// <summary>What another thread does just when the time is read.</summary>
    public Action? AtRead { get; set; }

    public override long GetTimestamp()
    {
        AtRead?.Invoke();
        return base.GetTimestamp() + Interlocked.Read(ref _skipped);
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        if (dueTime != Timeout.InfiniteTimeSpan)
        {
            lock (_gate)
            {
                _dues.Add(GetUtcNow() + dueTime);
            }
        }

        return timer;
    }

    /// <summary>Whether somebody has begun to wait for what is just that long from now.</summary>
    public bool HasTimerDueIn(TimeSpan time)
    {
        lock (_gate)
        {
            return _dues.Contains(GetUtcNow() + time);
        }
    }

    /// <summary>Time passes for a process that does not run: no timer fires.</summary>
    public void Skip(TimeSpan by) => Interlocked.Add(ref _skipped, by.Ticks);
}
