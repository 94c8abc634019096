using System.Collections.Concurrent;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues;

/// <summary>Where the queues of a silo keep their messages.</summary>
/// <param name="durable">Takes those of durable queues; null keeps everything in memory.</param>
/// <param name="scratch">Takes what other queues page out; null keeps that in memory.</param>
/// <param name="isInCluster">The name of a queue that another silo has leads there: nothing has to be left alone here.</param>
/// <param name="openedAt">When the store was opened, Unix milliseconds: for a queue that nobody has used since, that counts as its last use.</param>
internal sealed class QueueStores(GroupCommit? durable, GroupCommit? scratch, MemoryBudget budget, long openedAt = 0, bool isInCluster = false)
{
    /// <summary>
    /// For so long a queue that another process took over is left to it, in milliseconds. In a cluster its name leads there by then; without one two processes
    /// share a database that should not, and would take the queue from each other for ever.
    /// </summary>
    private const long LeftAlone = 30_000;

    private readonly ConcurrentDictionary<string, long> _fenced = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<QueueIdentity, SessionId[]> _left = new();

    /// <summary>When the store was opened, in Unix milliseconds.</summary>
    public long OpenedAt => openedAt;

    /// <summary>Writes durable queues and their definitions; null if nothing is.</summary>
    public GroupCommit? Durable => durable;

    /// <summary>The storage of a queue that is being declared. It is created in the store with the end of the turn.</summary>
    public QueueStorage? Create(QueueDefinition definition, QueueIdentity identity, long epoch) =>
        (definition.Durable ? durable : scratch) is { } commit
            ? new QueueStorage(new QueueJournal(commit, commit.Store.Create(identity, epoch), isNew: true, isLazy: !definition.Durable), definition.Durable, budget)
            : null;

    /// <summary>The storage of a durable queue of an earlier activation, which is fenced from then on.</summary>
    public async Task<QueueStorage?> TakeOverAsync(QueueIdentity identity, long atLeast, CancellationToken cancellation)
    {
        if (durable is null)
        {
            return null;
        }

        var queue = await durable.Store.TakeOverAsync(identity, atLeast, cancellation);
        return new QueueStorage(new QueueJournal(durable, queue, isNew: false), IsDurable: true, budget);
    }

    /// <summary>Finds out which priorities the messages have that were taken over. Where the store knows that none says its own, nothing is read.</summary>
    public async Task<QueueStorage> ReadPrioritiesAsync(QueueStorage storage, PriorityRule rule, CancellationToken cancellation)
    {
        if (rule.IsRare && (storage.Backlog.Flags & MessageFlags.HasPriority) == 0)
        {
            return storage;
        }

        var read = Task.Run(() => StoredPriorities.ReadAsync(durable!.Store, storage.Journal.Queue, rule, cancellation), cancellation);
        return storage with { Priorities = await read.ConfigureAwait(false) };
    }

    /// <summary>An activation ends that sessions have something of: the next one waits for them.</summary>
    public void LeaveSessions(QueueIdentity queue, IReadOnlyCollection<SessionId> sessions)
    {
        if (sessions.Count > 0)
        {
            _left[queue] = [.. sessions];
        }
    }

    /// <summary>Sessions that the activation before had, in this process.</summary>
    public SessionId[] TakeSessions(QueueIdentity queue) => _left.TryRemove(queue, out var sessions) ? sessions : [];

    /// <summary>Another process took the queue over a moment ago.</summary>
    public bool IsLeftAlone(string key) => !isInCluster && _fenced.TryGetValue(key, out var since) && Environment.TickCount64 - since < LeftAlone;

    /// <summary>Another process has the queue.</summary>
    public void NoteFenced(string key) => _fenced[key] = Environment.TickCount64;
}
