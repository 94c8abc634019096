namespace Granary.Core.Routing;

/// <summary>
/// For how long a holder that nobody hears from may route by a snapshot. Changes wait for silent holders, and the clocks of two processes
/// run equally fast at the best, so the holder gives up well before the exchange stops waiting for it.
/// </summary>
public static class SnapshotLease
{
    /// <summary>An exchange waits this long for a holder, from the last time it heard from it.</summary>
    public static readonly TimeSpan Length = TimeSpan.FromSeconds(3);

    /// <summary>A holder stops routing by a snapshot this long after it sent the last renewal that was answered.</summary>
    public static readonly TimeSpan HolderLimit = TimeSpan.FromSeconds(2);

    public static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(0.5);
}
