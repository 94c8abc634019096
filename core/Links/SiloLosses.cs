namespace Granary.Core.Links;

/// <summary>
/// Counts the members of the cluster that this process has seen go. A session that only receives sends nothing, and would wait for ever for an activation that was
/// lost with its silo: when a member goes, every session asks.
/// </summary>
/// <param name="own">What other members know this one by.</param>
public sealed class SiloLosses(string own)
{
    private int _count;

    /// <summary>What other members know this one by, and see go.</summary>
    public string Own => own;

    public int Count => Volatile.Read(ref _count);

    /// <summary>A member has gone.</summary>
    public void Note() => Interlocked.Increment(ref _count);
}
