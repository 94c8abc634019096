using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Messages;

/// <summary>
/// The memory of what one queue has delivered and nobody has settled, over all its links. Consumers without a prefetch may hold a backlog of any size: beyond
/// a budget the oldest deliveries are in the store only, and are read back if they return.
/// </summary>
internal sealed class UnackedMemory
{
    private readonly HashSet<UnackedMessages> _holders = [];
    private readonly List<UnackedMessages> _asked = [];
    private long _lookedAt = -1;

    /// <summary>Record bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>What one link holds has changed.</summary>
    public void Change(UnackedMessages holder, long before, long after)
    {
        Bytes += after - before;
        if (before == 0)
        {
            _holders.Add(holder);
        }
        else if (after == 0)
        {
            _holders.Remove(holder);
        }
    }

    /// <summary>
    /// Gives up memory while more than <paramref name="budget"/> bytes are used: of what is stored at once, of the rest when it is; it is added to
    /// <paramref name="copies"/> for that.
    /// </summary>
    public void LetGo(long budget, QueueJournal journal, bool isDurable, List<MessageRun> copies)
    {
        var storedEnd = journal.StoredEnd;
        if (Bytes <= budget || storedEnd == _lookedAt)
        {
            return;
        }

        var goal = budget - (budget / 4);
        var isDone = false;
        _asked.AddRange(_holders);
        foreach (var holder in _asked)
        {
            if (Bytes <= goal)
            {
                break;
            }

            isDone |= holder.LetGo(Bytes - goal, storedEnd, journal, isDurable, copies);
        }

        _asked.Clear();

        // Until something else is stored, looking again would find the same.
        _lookedAt = isDone ? -1 : storedEnd;
    }
}
