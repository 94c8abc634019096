using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;

namespace Orleans.StandIn;

internal sealed partial class Activation
{
    private readonly AsyncServiceScope _scope;
    private readonly TaskCompletionSource _deactivated = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<GrainTimer> _timers = [];
    private Phase _phase;
    private object? _instance;
    private bool _ending;
    private DeactivationReason _reason;
    private GrainReference? _reference;
    private long _keepUntil;

    private enum Phase
    {
        Activating,
        Active,
        Deactivating,
        Ended,
    }

    /// <summary>The activation whose grain's constructor runs on this thread.</summary>
    [field: ThreadStatic]
    public static Activation? Constructing { get; private set; }

    public GrainReference GrainReference => _reference ??= Silo.Factory.Untyped(GrainId, Class);

    public object? GrainInstance => _instance;

    public IServiceProvider ActivationServices => _scope.ServiceProvider;

    public Task Deactivated => _deactivated.Task;

    public long LastActive { get; private set; }

    public List<Func<CancellationToken, Task>> Preparations { get; } = [];

    /// <summary>Whether it has nothing to do; read without the gate, so a hint only.</summary>
    public bool LooksIdle => _phase == Phase.Active && _running == 0 && _ready.Count == 0 && _waiting.Count == 0;

    public bool Equals(IGrainContext? other) => ReferenceEquals(this, other);

    public void Begin() => _ = Task.Factory.StartNew(ActivateAsync, CancellationToken.None, TaskCreationOptions.DenyChildAttach, _scheduler);

    public void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default)
    {
        lock (Gate)
        {
            if (_ending || _phase == Phase.Ended)
            {
                return;
            }

            _reason = deactivationReason;
            _ending = true;
            if (_phase == Phase.Active)
            {
                BeginDeactivating();
            }
        }
    }

    public void DeactivateIfIdle(DeactivationReason reason)
    {
        lock (Gate)
        {
            if (!LooksIdle || Environment.TickCount64 < _keepUntil)
            {
                return;
            }
        }

        Deactivate(reason);
    }

    public void DelayDeactivation(TimeSpan timeSpan)
    {
        _keepUntil = timeSpan == TimeSpan.MaxValue || timeSpan == Timeout.InfiniteTimeSpan
            ? long.MaxValue
            : Environment.TickCount64 + (long)timeSpan.TotalMilliseconds;
    }

    public IGrainTimer RegisterTimer(Func<CancellationToken, Task> callback, GrainTimerCreationOptions options)
    {
        if (!ReferenceEquals(Current, this))
        {
            throw new InvalidOperationException("A timer can be registered from a turn of its own grain only.");
        }

        var timer = new GrainTimer(this, callback, options);
        lock (_timers)
        {
            _timers.Add(timer);
        }

        timer.Change(options.DueTime, options.Period);
        return timer;
    }

    public void Forget(GrainTimer timer)
    {
        lock (_timers)
        {
            _timers.Remove(timer);
        }
    }

    private async Task ActivateAsync()
    {
        using var limit = new CancellationTokenSource(Silo.Collection.ActivationTimeout);
        try
        {
            Constructing = this;
            try
            {
                _instance = Class.Create(this);
            }
            finally
            {
                Constructing = null;
            }

            foreach (var prepare in Preparations)
            {
                await prepare(limit.Token);
            }

            await ((IGrainBase)_instance).OnActivateAsync(limit.Token).WaitAsync(limit.Token);
        }
        catch (Exception exception)
        {
            Silo.Log.ActivationFailed(exception, GrainId);
            await EndAsync(exception);
            return;
        }

        lock (Gate)
        {
            _phase = Phase.Active;
            LastActive = Environment.TickCount64;
            if (_ending)
            {
                BeginDeactivating();
            }
            else
            {
                StartWaiting();
            }
        }
    }

    /// <summary>Under the gate.</summary>
    private void BeginDeactivating()
    {
        _phase = Phase.Deactivating;
        if (_running == 0)
        {
            MakeReady(EndTurn);
        }
    }

    private async Task DeactivateAsync()
    {
        GrainTimer[] timers;
        lock (_timers)
        {
            timers = [.. _timers];
        }

        foreach (var timer in timers)
        {
            timer.Dispose();
        }

        using var limit = new CancellationTokenSource(Silo.Collection.DeactivationTimeout);
        try
        {
            await ((IGrainBase)_instance!).OnDeactivateAsync(_reason, limit.Token).WaitAsync(limit.Token);
        }
        catch (Exception exception)
        {
            Silo.Log.DeactivationFailed(exception, GrainId);
        }

        await EndAsync(null);
    }

    /// <summary>Leaves the directory; calls that waited get the error, or go to the next activation.</summary>
    private async Task EndAsync(Exception? failure)
    {
        Call[] left;
        lock (Gate)
        {
            _phase = Phase.Ended;
            left = [.. _waiting.Where(call => !call.Expired && !call.IsBoundToActivation)];
            _waiting.Clear();
            foreach (var call in left)
            {
                Untrack(call);
            }
        }

        Silo.Directory.Remove(this);
        foreach (var call in left)
        {
            if (failure is null)
            {
                Silo.Directory.Forward(call, this);
            }
            else
            {
                call.Abandon(failure);
            }
        }

        try
        {
            if (_instance is IAsyncDisposable asyncDisposable)
            {
                await asyncDisposable.DisposeAsync();
            }
            else
            {
                (_instance as IDisposable)?.Dispose();
            }

            await _scope.DisposeAsync();
        }
        catch (Exception exception)
        {
            Silo.Log.DeactivationFailed(exception, GrainId);
        }

        _deactivated.TrySetResult();
    }
}
