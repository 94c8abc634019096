namespace Granary.Node.Memory;

/// <summary>
/// Decides when the collector should give memory back. It collects when so much has been allocated, which a node that has become quiet does not do for hours:
/// what a burst left behind would stay with the process.
/// </summary>
internal sealed class QuietHeap
{
    /// <summary>How much garbage there has to be at least.</summary>
    public const long WorthCollecting = 2L << 20;

    /// <summary>So much garbage is collected at the first quiet look, however soon after the last time.</summary>
    public const long WorthCollectingAtOnce = 32L << 20;

    /// <summary>Moving what is in use takes about a millisecond for each of these megabytes at worst; with more in use than this, clients would notice.</summary>
    public const long MostMoved = 256L << 20;

    /// <summary>
    /// The share of one processor below which the process has little to do but its timers. They alone take 2 to 2.5 hundredths of a fast processor, and twice that
    /// of one that is slow or shared.
    /// </summary>
    public const double QuietShare = 0.1;

    /// <summary>Who publishes now and then notices a collection, as it stops all threads for some 10 to 30 ms: for less garbage there is at most one in this time.</summary>
    public static readonly TimeSpan Spacing = TimeSpan.FromSeconds(30);

    private TimeSpan _processorTime;
    private TimeSpan _sinceThen = Spacing;
    private long _allocatedThen;

    /// <param name="elapsed">Since the last look.</param>
    /// <param name="processorTime">What the process has used since its start.</param>
    /// <param name="allocated">
    /// Bytes that may have become garbage since its start: those allocated, and once more those of large arrays that were given up, as they may have been in use
    /// when the heap was last collected.
    /// </param>
    /// <returns>Whether a collection is worth its time now. If so it has to follow.</returns>
    public bool IsDue(TimeSpan elapsed, TimeSpan processorTime, long allocated)
    {
        var isQuiet = processorTime - _processorTime < elapsed * QuietShare;
        _processorTime = processorTime;
        _sinceThen += elapsed;
        if (!isQuiet || allocated - _allocatedThen < (_sinceThen < Spacing ? WorthCollectingAtOnce : WorthCollecting))
        {
            return false;
        }

        _allocatedThen = allocated;
        _sinceThen = TimeSpan.Zero;
        return true;
    }

    /// <summary>Whether so much is kept from the system that moving what is in use, to give the rest back, is worth its time.</summary>
    /// <param name="committed">Bytes that the heap has of the system.</param>
    /// <param name="inUse">Bytes of them that objects take, without the gaps between them.</param>
    public static bool IsWorthMoving(long committed, long inUse) => committed - inUse >= WorthCollecting && inUse <= MostMoved;
}
