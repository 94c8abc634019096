using Granary.Core.Threads;

namespace Granary.Silo.Storage;

internal sealed partial class GroupCommit
{
    /// <summary>
    /// While a flush finds no room: writes ahead of it what frees some, of the flush itself and of what has gathered behind it. Consumers go on by that, and in the end there is room.
    /// </summary>
    private void FreeSpace()
    {
        List<(QueueJournal Journal, QueueChanges Changes)> freeing = [];
        lock (Gate)
        {
            foreach (var journal in _flushing.Concat(_dirty.Where(static journal => !journal.IsFlushing)))
            {
                if (journal.TakeFreeing() is { } changes)
                {
                    freeing.Add((journal, changes));
                }
            }
        }

        IReadOnlyCollection<StoredQueue>? leftOut = null;
        try
        {
            leftOut = Wait(_store.FreeSpaceAsync([.. freeing.Select(static one => one.Changes)], _stop.Token));
        }
        catch (StoreUnavailableException)
        {
            // It waits as the flush does.
        }
        finally
        {
            lock (Gate)
            {
                foreach (var (journal, changes) in freeing)
                {
                    journal.CompleteFreeing(changes, isWritten: leftOut?.Contains(journal.Queue) == false);
                }
            }
        }

        QueueJournal[] journals = [.. freeing.Select(static one => one.Journal)];
        SameThreadContext.Run(TellAll, journals);
    }
}
