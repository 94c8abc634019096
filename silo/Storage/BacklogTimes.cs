namespace Granary.Silo.Storage;

/// <summary>Gathers, while a store sums up a backlog, when its messages are due.</summary>
/// <param name="isOfAll">All are wanted. Else only those that expire sooner than any before them: whatever else expires is first in its queue by then.</param>
internal sealed class BacklogTimes(bool isOfAll)
{
    private readonly List<TimedRun> _runs = [];

    /// <summary>What was gathered.</summary>
    public IReadOnlyList<TimedRun> Runs => _runs;

    /// <summary>When the last of all that were told of is due; <see cref="long.MinValue"/>: there were none.</summary>
    public long Latest { get; private set; } = long.MinValue;

    /// <summary>There are messages that are due then, of which <see cref="Add"/> tells later, as far as they are still there.</summary>
    public void Expect(long due) => Latest = Math.Max(Latest, due);

    /// <summary>The next messages, by ascending offsets, but for those that were expected.</summary>
    public void Add(in TimedRun run)
    {
        if (isOfAll || run.Due < Latest)
        {
            _runs.Add(run);
        }

        Latest = Math.Max(Latest, run.Due);
    }
}
