using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Messages;

/// <summary>
/// When messages expire that may do so before some that stand before them, in memory or not. Others need not be here: they are first when they expire. What left
/// otherwise is still here for a while.
/// </summary>
internal sealed class EarlyExpiries
{
    private const int Few = 256;

    private readonly PriorityQueue<Extent, (long Due, long First)> _runs = new();
    private int _pruneAt = Few;

    /// <summary>When the next of them expires, or <see cref="MessageRun.Never"/>.</summary>
    public long NextDue => _runs.TryPeek(out _, out var next) ? next.Due : MessageRun.Never;

    /// <summary>As many are here that <see cref="Prune"/> is worth its time.</summary>
    public bool NeedsPruning => _runs.Count >= _pruneAt;

    public void Add(in TimedRun run) => _runs.Enqueue(new Extent(run.Count, run.Length, run.Bodies), (run.Due, run.First));

    /// <summary>Takes the next that are due before <paramref name="limit"/>: those due first, and of these the first.</summary>
    public bool TryTake(long limit, out TimedRun run)
    {
        run = default;
        if (NextDue >= limit)
        {
            return false;
        }

        _runs.TryDequeue(out var extent, out var next);
        run = new TimedRun(next.First, extent.Count, next.Due, extent.Length, extent.Bodies);
        return true;
    }

    /// <summary>Forgets all but those of which messages may still be there.</summary>
    /// <param name="more">To be here in any case.</param>
    public void Prune(Func<TimedRun, bool> mayBeThere, IEnumerable<TimedRun> more)
    {
        var kept = new HashSet<TimedRun>(more);
        foreach (var (extent, (due, first)) in _runs.UnorderedItems)
        {
            var run = new TimedRun(first, extent.Count, due, extent.Length, extent.Bodies);
            if (mayBeThere(run))
            {
                kept.Add(run);
            }
        }

        _runs.Clear();
        _runs.EnqueueRange(kept.Select(static run => (new Extent(run.Count, run.Length, run.Bodies), (run.Due, run.First))));
        _runs.TrimExcess();
        _pruneAt = Math.Max(Few, _runs.Count * 2);
    }

    public void Clear()
    {
        _runs.Clear();
        _pruneAt = Few;
    }

    private readonly record struct Extent(int Count, int Length, int Bodies);
}
