namespace Granary.Core.Routing;

/// <summary>
/// When the first lease of the snapshots that a router holds runs out, at the earliest: one read tells that none has. A lease that was made longer
/// since is counted by its former end until all are looked at again.
/// </summary>
internal sealed class LeaseEnds
{
    private readonly Lock _gate = new();
    private long _first = long.MaxValue;
    private long _begun;

    /// <summary>Some lease may have run out by then.</summary>
    public bool AnyMayBeOver(long now) => now >= Volatile.Read(ref _first);

    /// <summary>A lease begins.</summary>
    public void Add(long end)
    {
        lock (_gate)
        {
            _begun++;
            Volatile.Write(ref _first, Math.Min(_first, end));
        }
    }

    /// <summary>To be called before all leases are looked at.</summary>
    public long BeginLook()
    {
        lock (_gate)
        {
            return _begun;
        }
    }

    /// <summary>The first end that was seen; not taken if a lease has begun since, which may not have been looked at.</summary>
    public void EndLook(long look, long first)
    {
        lock (_gate)
        {
            if (look == _begun)
            {
                Volatile.Write(ref _first, first);
            }
        }
    }
}
