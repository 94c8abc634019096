using Orleans.Runtime;

namespace Orleans.StandIn;

/// <summary>What calls go to: an activation, a set of stateless workers, or an observer. Knows the calls that are not answered yet.</summary>
internal abstract class CallTarget(Silo silo, GrainId grainId)
{
    protected readonly Lock Gate = new();
    private Call? _oldest;
    private Call? _newest;

    public Silo Silo { get; } = silo;

    public GrainId GrainId { get; } = grainId;

    protected bool HasUnanswered => _oldest is not null;

    /// <summary>Takes the call, or says that this target has ended and another one is to be asked for.</summary>
    public abstract bool TryAccept(Call call);

    /// <summary>Ends the call's part here; false if nobody waits for the answer any more.</summary>
    public abstract bool Finish(Call call);

    public override string ToString() => GrainId.ToString();

    /// <summary>Gives the callers of overdue calls their time-out.</summary>
    public void ExpireOverdue(long now)
    {
        if (_oldest is null)
        {
            return;
        }

        List<Call>? overdue = null;
        lock (Gate)
        {
            for (var call = _oldest; call is not null; call = call.Newer)
            {
                if (call.Deadline <= now)
                {
                    (overdue ??= []).Add(call);
                }
            }

            foreach (var call in overdue ?? [])
            {
                call.Expired = true;
                Untrack(call);
            }
        }

        foreach (var call in overdue ?? [])
        {
            call.Abandon(call.Overdue());
        }
    }

    /// <summary>Gives one caller its time-out now, if it still waits.</summary>
    public void Expire(Call call)
    {
        lock (Gate)
        {
            if (call.Expired || !call.Tracked)
            {
                return;
            }

            call.Expired = true;
            Untrack(call);
        }

        call.Abandon(call.Overdue());
    }

    /// <summary>Under the gate.</summary>
    protected void Track(Call call)
    {
        call.Target = this;
        if (call.IsOneWay)
        {
            return;
        }

        call.Tracked = true;
        call.Older = _newest;
        call.Newer = null;
        if (_newest is null)
        {
            _oldest = call;
        }
        else
        {
            _newest.Newer = call;
        }

        _newest = call;
    }

    /// <summary>Under the gate: says whether to answer. A call whose answer gets lost stays until its time-out.</summary>
    protected bool EndTracking(Call call)
    {
        if (call.AnswerLost)
        {
            return false;
        }

        Untrack(call);
        return !call.Expired;
    }

    /// <summary>Under the gate.</summary>
    protected void Untrack(Call call)
    {
        if (!call.Tracked)
        {
            return;
        }

        call.Tracked = false;
        if (call.Older is null)
        {
            _oldest = call.Newer;
        }
        else
        {
            call.Older.Newer = call.Newer;
        }

        if (call.Newer is null)
        {
            _newest = call.Older;
        }
        else
        {
            call.Newer.Older = call.Older;
        }

        call.Older = call.Newer = null;
    }
}
