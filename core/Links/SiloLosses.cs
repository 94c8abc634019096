namespace Granary.Core.Links;

/// <summary>
/// Counts the silos that this process has seen go. A session that only receives sends nothing, and would wait for ever for an activation that was lost with its
/// silo: when one goes, every session asks.
/// </summary>
public sealed class SiloLosses
{
    private int _count;

    public int Count => Volatile.Read(ref _count);

    /// <summary>A silo has gone.</summary>
    public void Note() => Interlocked.Increment(ref _count);
}
