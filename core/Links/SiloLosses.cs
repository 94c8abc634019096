namespace Granary.Core.Links;

/// <summary>
/// Counts the members of the cluster that this process has seen go. A session that only receives sends nothing, and would wait for ever for an activation that was
/// lost with its silo: when a member goes, every session asks.
/// </summary>
/// <param name="own">What other members know this one by.</param>
public sealed class SiloLosses(string own, TimeProvider time)
{
    private int _count;
    private long _last;

    /// <summary>What other members know this one by, and see go.</summary>
    public string Own => own;

    public int Count => Volatile.Read(ref _count);

    /// <summary>What this process has with queues that may be lost.</summary>
    public LiveSessions Sessions { get; } = new();

    /// <summary>When the last one was seen to go, a timestamp of the clock that it was given; null: none was.</summary>
    public long? Last => Volatile.Read(ref _last) is not 0 and var last ? last : null;

    /// <summary>A member has gone.</summary>
    public void Note()
    {
        See();
        Interlocked.Increment(ref _count);
    }

    /// <summary>A member has gone, of which this process will be told (<see cref="Note"/>).</summary>
    public void See() => Volatile.Write(ref _last, time.GetTimestamp());
}
