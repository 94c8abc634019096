using System.ComponentModel;

namespace Orleans.StandIn;

/// <summary>How the methods of a grain interface are marked.</summary>
[Flags]
[EditorBrowsable(EditorBrowsableState.Never)]
public enum CallTraits
{
    None = 0,
    OneWay = 1,
    AlwaysInterleave = 2,
    ReadOnly = 4,
}

/// <summary>One call of one method: arguments, way to the target, and answer. Generated proxies derive a class per method.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public abstract class Call
{
    internal Call? Older;
    internal Call? Newer;
    internal CallTarget? Target;
    internal long Deadline;
    internal bool Tracked;

    /// <summary>The caller got a time-out, so nobody waits for the answer; guarded by the target's gate.</summary>
    internal bool Expired;

    /// <summary>Set by the unkind mode: the call happens, its answer does not arrive.</summary>
    internal bool AnswerLost;

    protected Call()
    {
    }

    public abstract CallTraits Traits { get; }

    /// <summary>How long the caller waits, in milliseconds; 0 takes the silo's setting.</summary>
    public virtual int TimeoutMilliseconds => 0;

    public abstract string Name { get; }

    internal bool IsOneWay => (Traits & CallTraits.OneWay) != 0;

    /// <summary>A call that ends with its activation instead of moving to the next one.</summary>
    internal virtual bool IsBoundToActivation => false;

    internal virtual bool KeepsActive => true;

    /// <summary>Runs the method on the current turn and answers, now or when it ends.</summary>
    internal abstract void Start(object instance);

    internal abstract void Fail(Exception exception);

    /// <summary>Answers with an error without the target having finished; the call object is not used again.</summary>
    internal abstract void Abandon(Exception exception);

    /// <summary>Drops the references to the arguments and puts the object back into its pool.</summary>
    protected abstract void Recycle();

    internal TimeoutException Overdue() => new($"No answer to {Name} on {Target} within the response timeout.");
}
