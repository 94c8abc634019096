using System.Collections.Concurrent;
using Orleans.Runtime;

namespace Orleans.StandIn;

/// <summary>The targets of calls that are alive, by identity.</summary>
internal sealed class GrainDirectory(Silo silo)
{
    private readonly ConcurrentDictionary<GrainId, CallTarget> _grains = new();
    private readonly ConcurrentDictionary<CallTarget, bool> _others = new();
    private readonly Lock _creation = new();

    public CallTarget Resolve(GrainId grainId, GrainClass grainClass)
    {
        if (_grains.TryGetValue(grainId, out var found))
        {
            return found;
        }

        lock (_creation)
        {
            if (_grains.TryGetValue(grainId, out found))
            {
                return found;
            }

            if (grainClass.Workers is { } workers)
            {
                return _grains[grainId] = new StatelessWorkers(silo, grainClass, grainId, workers);
            }

            var activation = new Activation(silo, grainClass, grainId);
            _grains[grainId] = activation;
            activation.Begin();
            return activation;
        }
    }

    public void Forward(Call call, Activation ended)
    {
        while (!Resolve(ended.GrainId, ended.Class).TryAccept(call))
        {
            Thread.Yield();
        }
    }

    public void Remove(Activation activation)
    {
        if (!_grains.TryRemove(new(activation.GrainId, activation)) && _grains.TryGetValue(activation.GrainId, out var found))
        {
            (found as StatelessWorkers)?.Remove(activation);
        }

        Leave(activation);
    }

    /// <summary>Lets the time-outs of calls to a target be watched that is not itself found by identity.</summary>
    public void Join(CallTarget target) => _others[target] = true;

    public void Leave(CallTarget target) => _others.TryRemove(target, out _);

    public void ExpireOverdue()
    {
        var now = Environment.TickCount64;
        foreach (var (_, target) in _grains)
        {
            target.ExpireOverdue(now);
        }

        foreach (var (target, _) in _others)
        {
            target.ExpireOverdue(now);
            if (target is ObserverTarget { IsOver: true })
            {
                Leave(target);
            }
        }
    }

    public void CollectIdle()
    {
        var now = Environment.TickCount64;
        var reason = new DeactivationReason(DeactivationReasonCode.ActivationIdle, "The activation was idle.");
        foreach (var activation in Activations())
        {
            var age = activation.Class.AgeLimit ?? silo.Collection.AgeOf(activation.Class.Type);
            if (age != TimeSpan.MaxValue && now - activation.LastActive >= age.TotalMilliseconds)
            {
                activation.DeactivateIfIdle(reason);
            }
        }
    }

    public async Task DeactivateAllAsync(CancellationToken cancellationToken)
    {
        var reason = new DeactivationReason(DeactivationReasonCode.ShuttingDown, "The silo is stopping.");
        var ends = new List<Task>();
        foreach (var activation in Activations())
        {
            activation.Deactivate(reason, cancellationToken);
            ends.Add(activation.Deactivated);
        }

        try
        {
            await Task.WhenAll(ends).WaitAsync(silo.Collection.DeactivationTimeout, cancellationToken);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            foreach (var activation in Activations())
            {
                silo.Log.DeactivationFailed(exception, activation.GrainId);
            }
        }
    }

    private IEnumerable<Activation> Activations()
        => _grains.Values.OfType<Activation>().Concat(_others.Keys.OfType<Activation>());
}
