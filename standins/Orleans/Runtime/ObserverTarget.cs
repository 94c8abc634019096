using Orleans.Runtime;

namespace Orleans.StandIn;

/// <summary>An object that grains call back, held weakly; its calls run one after the other on the thread pool.</summary>
internal sealed class ObserverTarget(Silo silo, GrainId grainId, IGrainObserver observer) : CallTarget(silo, grainId), ITurn
{
    private readonly WeakReference<IGrainObserver> _observer = new(observer);
    private readonly Queue<Call> _waiting = new();
    private bool _scheduled;
    private bool _busy;
    private bool _deleted;

    /// <summary>A call to an observer that is gone is dropped: who waits for its answer gets a time-out.</summary>
    public override bool TryAccept(Call call)
    {
        lock (Gate)
        {
            Track(call);
            if (_deleted)
            {
                Silo.Directory.Join(this);
                return true;
            }

            _waiting.Enqueue(call);
            Schedule();
        }

        return true;
    }

    public override bool Finish(Call call)
    {
        lock (Gate)
        {
            _busy = false;
            Schedule();
            return EndTracking(call);
        }
    }

    /// <summary>Whether nothing comes from here any more, not even a time-out.</summary>
    public bool IsOver => (_deleted || !_observer.TryGetTarget(out _)) && !HasUnanswered;

    public bool Delete()
    {
        lock (Gate)
        {
            var first = !_deleted;
            _deleted = true;
            _waiting.Clear();
            return first;
        }
    }

    void ITurn.Run()
    {
        while (true)
        {
            Call? call;
            lock (Gate)
            {
                if (_busy || !_waiting.TryDequeue(out call))
                {
                    _scheduled = false;
                    return;
                }

                if (call is { Expired: true, AnswerLost: false })
                {
                    continue;
                }

                _busy = true;
            }

            if (_observer.TryGetTarget(out var instance))
            {
                call.Start(instance);
            }
            else
            {
                Delete();
                Silo.Directory.Join(this);
            }
        }
    }

    /// <summary>Under the gate.</summary>
    private void Schedule()
    {
        if (!_scheduled && !_busy && _waiting.Count > 0)
        {
            _scheduled = true;
            TurnThread.Schedule(this);
        }
    }
}
