using System.Diagnostics.CodeAnalysis;

namespace Granary.Gateway.Links;

/// <summary>
/// The runs of one publisher in the order in which they were published, from the first whose outcome is not known or not told. Those behind it that
/// were told early are let go of as soon as they are the larger part: one queue that does not answer costs nothing for what goes to others.
/// </summary>
internal sealed class OpenRuns
{
    private readonly Queue<PublishRun> _runs = new();
    private int _told;

    public int Count => _runs.Count;

    /// <summary>Messages of runs that were not told: a look at each of them.</summary>
    public int Untold => _runs.Sum(run => run.IsAnnounced ? 0 : run.Count);

    public void Add(PublishRun run) => _runs.Enqueue(run);

    public bool TryPeek([MaybeNullWhen(false)] out PublishRun run) => _runs.TryPeek(out run);

    /// <summary>Takes the first run away if its outcome is known.</summary>
    public bool TryTakeSettled([MaybeNullWhen(false)] out PublishRun run)
    {
        if (!_runs.TryPeek(out run) || !run.IsSettled)
        {
            return false;
        }

        _runs.Dequeue();
        _told -= run.IsAnnounced ? 1 : 0;
        return true;
    }

    /// <summary>The publisher is told of a run that is not the first.</summary>
    public void Announce(PublishRun run)
    {
        run.IsAnnounced = true;
        if (++_told * 2 > _runs.Count)
        {
            for (var left = _runs.Count; left > 0; left--)
            {
                var next = _runs.Dequeue();
                if (!next.IsAnnounced)
                {
                    _runs.Enqueue(next);
                }
            }

            _told = 0;
        }
    }
}
