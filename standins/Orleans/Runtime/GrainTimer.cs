using Orleans.Runtime;

namespace Orleans.StandIn;

/// <summary>A timer of an activation: each tick is a request, the next is due when the last has ended.</summary>
internal sealed class GrainTimer : IGrainTimer
{
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(0xfffffffe);

    private readonly Activation _activation;
    private readonly Func<CancellationToken, Task> _callback;
    private readonly GrainTimerCreationOptions _options;
    private readonly CancellationTokenSource _disposed = new();
    private readonly ITimer _timer;
    private TimeSpan _dueTime;
    private TimeSpan _period;
    private bool _firing;
    private bool _changed;

    public GrainTimer(Activation activation, Func<CancellationToken, Task> callback, GrainTimerCreationOptions options)
    {
        _activation = activation;
        _callback = callback;
        _options = options;
        using (ExecutionContext.SuppressFlow())
        {
            _timer = activation.Silo.Time.CreateTimer(
                static timer => ((GrainTimer)timer!).Tick(),
                this,
                Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan);
        }
    }

    public void Change(TimeSpan dueTime, TimeSpan period)
    {
        Check(dueTime, nameof(dueTime));
        Check(period, nameof(period));
        _dueTime = dueTime;
        _period = period;
        _changed = true;
        if (!_firing && !_disposed.IsCancellationRequested)
        {
            _timer.Change(dueTime, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose()
    {
        if (!_disposed.IsCancellationRequested)
        {
            _disposed.Cancel();
            _timer.Dispose();
            _activation.Forget(this);
        }
    }

    private static void Check(TimeSpan span, string name)
    {
        if (span != Timeout.InfiniteTimeSpan && (span < TimeSpan.Zero || span > Longest))
        {
            throw new ArgumentOutOfRangeException(name, span, "A timer's span is infinite, or between 0 and 49 days.");
        }
    }

    private void Tick()
    {
        _firing = true;
        _activation.TryAccept(new TimerTick(this));
    }

    private async Task RunAsync()
    {
        if (_disposed.IsCancellationRequested)
        {
            return;
        }

        _changed = false;
        try
        {
            await (_callback(_disposed.Token) ?? Task.CompletedTask);
        }
        catch (Exception exception)
        {
            _activation.Silo.Log.TimerFailed(exception, _activation.GrainId);
        }

        _firing = false;
        if (!_disposed.IsCancellationRequested)
        {
            _timer.Change(_changed ? _dueTime : _period, Timeout.InfiniteTimeSpan);
        }
    }

    private sealed class TimerTick(GrainTimer timer) : TaskCall
    {
        public override CallTraits Traits => timer._options.Interleave ? CallTraits.OneWay | CallTraits.AlwaysInterleave : CallTraits.OneWay;

        public override string Name => "timer";

        internal override bool IsBoundToActivation => true;

        internal override bool KeepsActive => timer._options.KeepAlive;

        protected override Task Invoke(object instance) => timer.RunAsync();

        protected override void Recycle()
        {
        }
    }
}
