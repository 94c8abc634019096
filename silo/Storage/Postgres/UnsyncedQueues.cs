using System.Diagnostics;

namespace Granary.Silo.Storage.Postgres;

/// <summary>
/// Queues that were written in flushes nobody waited for. The database answers those before they are on its disk, and a crash may take them; they are there
/// for good when a later flush is synced, for its log is written in order.
/// </summary>
internal sealed class UnsyncedQueues
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly HashSet<PostgresQueue> _unsynced = [];
    private readonly HashSet<PostgresQueue> _lost = [];

    private long _writtenAt;

    /// <summary>Something has to be written again, or nothing was synced for a while.</summary>
    public bool NeedsFlush => _lost.Count > 0 || (_unsynced.Count > 0 && Stopwatch.GetElapsedTime(_writtenAt) > Patience);

    /// <summary>A flush is through.</summary>
    public void NoteWritten(Flush flush)
    {
        _writtenAt = Stopwatch.GetTimestamp();
        foreach (var changes in flush.Queues)
        {
            _unsynced.Add((PostgresQueue)changes.Queue);
        }

        if (flush.MustSync)
        {
            foreach (var queue in _unsynced)
            {
                queue.Settled.NoteSynced();
            }

            _unsynced.Clear();
        }
    }

    /// <summary>A call failed: the database may have crashed.</summary>
    public void NoteFailure()
    {
        foreach (var queue in _unsynced)
        {
            queue.Settled.NoteLost();
        }

        _lost.UnionWith(_unsynced);
    }

    /// <summary>Hands them over to be written again; if that fails, <see cref="NoteFailure"/> brings them back.</summary>
    public PostgresQueue[] TakeLost()
    {
        if (_lost.Count == 0)
        {
            return [];
        }

        PostgresQueue[] lost = [.. _lost];
        _unsynced.UnionWith(_lost);
        _lost.Clear();
        return lost;
    }
}
