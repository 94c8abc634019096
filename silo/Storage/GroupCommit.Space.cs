using Granary.Core.Threads;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage;

internal sealed partial class GroupCommit
{
    private bool _cannotTidy;

    /// <summary>Whether there is more to tidy at once.</summary>
    private bool TidyStep()
    {
        try
        {
            var hasMore = Wait(_store.TidyAsync(_stop.Token));
            _cannotTidy = false;
            return hasMore;
        }
        catch (Exception exception) when (exception is StoreUnavailableException or StoreException or OperationCanceledException)
        {
            // Told once: it is tried again every second.
            if (!_cannotTidy)
            {
                _cannotTidy = true;
                LogNotTidied(exception);
            }

            return false;
        }
    }

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

    [LoggerMessage(3305, LogLevel.Warning, "The store could not be tidied; trying again later")]
    private partial void LogNotTidied(Exception exception);
}
