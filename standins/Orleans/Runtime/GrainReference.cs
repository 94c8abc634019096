using System.ComponentModel;
using Orleans.StandIn;

namespace Orleans.Runtime;

/// <summary>What a generated proxy is made from.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public readonly struct ReferenceSeed
{
    internal ReferenceSeed(Silo silo, GrainId grainId, GrainClass? grainClass, CallTarget? target)
    {
        Silo = silo;
        GrainId = grainId;
        Class = grainClass;
        Target = target;
    }

    internal Silo Silo { get; }

    internal GrainId GrainId { get; }

    internal GrainClass? Class { get; }

    internal CallTarget? Target { get; }
}

/// <summary>A reference to a grain or an observer; equal to every other reference to the same one.</summary>
public class GrainReference : IAddressable, IEquatable<GrainReference>
{
    private readonly ReferenceSeed _seed;
    private CallTarget? _target;

    protected GrainReference(ReferenceSeed seed)
    {
        _seed = seed;
        _target = seed.Target;
    }

    public GrainId GrainId => _seed.GrainId;

    internal CallTarget? Target => _target;

    internal Silo Silo => _seed.Silo;

    public static bool operator ==(GrainReference? reference1, GrainReference? reference2)
        => reference1 is null ? reference2 is null : reference1.Equals(reference2);

    public static bool operator !=(GrainReference? reference1, GrainReference? reference2) => !(reference1 == reference2);

    public virtual TGrainInterface Cast<TGrainInterface>() => (TGrainInterface)Proxies.Of(typeof(TGrainInterface))(_seed);

    public bool Equals(GrainReference? other) => other is not null && GrainId.Equals(other.GrainId);

    public override bool Equals(object? obj) => obj is GrainReference other && Equals(other);

    public override int GetHashCode() => GrainId.GetHashCode();

    public sealed override string ToString() => $"GrainReference:{GrainId}";

    internal static GrainReference Untyped(ReferenceSeed seed) => new(seed);

    internal void Deliver(Call call)
    {
        var target = _target;
        while (target is null || !target.TryAccept(call))
        {
            target = _target = _seed.Silo.Directory.Resolve(_seed.GrainId, _seed.Class!);
        }
    }

    protected void Send(VoidCall call) => Post(call);

    protected Task Send(TaskCall call)
    {
        if (call.IsOneWay)
        {
            Post(call);
            return Task.CompletedTask;
        }

        var answer = call.AsTaskOfT();
        Post(call);
        return answer;
    }

    protected Task<T> Send<T>(TaskCall<T> call)
    {
        var answer = call.AsTaskOfT();
        Post(call);
        return answer;
    }

    protected ValueTask Send(ValueTaskCall call)
    {
        if (call.IsOneWay)
        {
            Post(call);
            return default;
        }

        var answer = call.AsValueTask();
        Post(call);
        return answer;
    }

    protected ValueTask<T> Send<T>(ValueTaskCall<T> call)
    {
        var answer = call.AsValueTaskOfT();
        Post(call);
        return answer;
    }

    private void Post(Call call)
    {
        var silo = _seed.Silo;
        if (!silo.IsOpen)
        {
            call.Abandon(new SiloUnavailableException($"The silo has not started or is stopping; {call.Name} on {GrainId} is refused."));
            return;
        }

        var timeout = call.TimeoutMilliseconds;
        call.Deadline = Environment.TickCount64 + (timeout == 0 ? silo.ResponseTimeoutMilliseconds : timeout);
        if (silo.Unkindness is { } unkindness && unkindness.TakesOver(this, call))
        {
            return;
        }

        Deliver(call);
    }
}
