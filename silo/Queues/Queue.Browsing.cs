using Granary.Silo.Queues.Browsing;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues;

/// <summary>What somebody sees who looks at the queue: nothing moves, or is marked, by that.</summary>
internal sealed partial class Queue
{
    /// <summary>So many runs are looked up in one turn.</summary>
    private const int MostBrowsed = 1024;

    /// <summary>Ready messages behind a place, in the order in which they are delivered.</summary>
    /// <param name="bytes">About so many bytes of those in memory, which are copied.</param>
    public BrowsedRuns Browse(BrowsePlace after, long bytes)
    {
        List<BrowsedRun> runs = [];
        foreach (var lane in _ready.Lanes)
        {
            var rank = RankOf(lane);
            if (rank > after.Rank)
            {
                continue;
            }

            foreach (var (run, end) in lane.From(rank == after.Rank ? after.Offset + 1 : 0))
            {
                if (bytes <= 0 || runs.Count == MostBrowsed)
                {
                    return new BrowsedRuns(runs, IsAll: false, _redeliveredBelow);
                }

                // What is taken meanwhile may be in memory that is used again.
                runs.Add(new BrowsedRun(run.IsLoaded ? run with { Records = run.Records.ToArray() } : run, end, rank));
                bytes -= run.Length;
            }
        }

        return new BrowsedRuns(runs, IsAll: true, _redeliveredBelow);
    }

    // What came before any priority stands before what says the one that it counts as.
    private int RankOf(ReadyMessages lane) => lane.IsAmongOthers ? 2 * lane.Lane : (2 * (_settings.Priorities?.Absent ?? 0)) + 1;
}
