using Granary.Core.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage.Memory;

/// <summary>
/// A store that forgets with its process, for brokers whose messages need not outlive it and for tests. To everything above it is like any other.
/// What it has stays when it is closed: it may be opened again, as a file would be.
/// </summary>
internal sealed class MemoryStore : IMessageStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<QueueIdentity, MemoryQueue> _queues = [];
    private readonly Dictionary<string, Dictionary<string, Row>> _tables = new(StringComparer.Ordinal);

    public Task OpenAsync(CancellationToken cancellation) => Task.CompletedTask;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>What the next process would find if this one ended now.</summary>
    public MemoryStore Copy()
    {
        var copy = new MemoryStore();
        lock (_gate)
        {
            foreach (var (identity, queue) in _queues)
            {
                copy._queues.Add(identity, queue.Copy());
            }

            foreach (var (table, rows) in _tables)
            {
                copy._tables.Add(table, new Dictionary<string, Row>(rows, StringComparer.Ordinal));
            }
        }

        return copy;
    }

    public StoredQueue Create(QueueIdentity identity, long epoch) => new Handle(identity, epoch);

    public Task<StoredQueue> TakeOverAsync(QueueIdentity identity, long atLeast, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (!_queues.TryGetValue(identity, out var queue))
            {
                queue = new MemoryQueue();
                _queues.Add(identity, queue);
            }

            queue.Epoch = Math.Max(queue.Epoch + 1, atLeast);
            return Task.FromResult<StoredQueue>(new Handle(identity, queue.Epoch) { Backlog = queue.TakeOver(identity) });
        }
    }

    public ValueTask<FlushResult> FlushAsync(Flush flush, CancellationToken cancellation)
    {
        List<StoredQueue> fenced = [];
        List<RowChange> conflicts = [];
        lock (_gate)
        {
            foreach (var changes in flush.Queues)
            {
                if (!TryApply(changes))
                {
                    fenced.Add(changes.Queue);
                }
            }

            foreach (var change in flush.Rows)
            {
                // What was built on a change that did not happen does not happen either, even if the version is the one it expects.
                var isLost = change.Expected is not null && conflicts.Exists(conflict => conflict.Key == change.Key);
                if (isLost || (change.IsGuarded && fenced.Count > 0) || !TryApply(change))
                {
                    conflicts.Add(change);
                }
            }
        }

        return ValueTask.FromResult(fenced.Count == 0 && conflicts.Count == 0 ? FlushResult.Complete : new FlushResult(fenced, conflicts));
    }

    public ValueTask<MessageRun[]> ReadAsync(StoredQueue queue, long from, long end, int bytes, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return ValueTask.FromResult(_queues.TryGetValue(queue.Identity, out var stored) ? stored.Read(from, end, bytes) : []);
        }
    }

    public ValueTask<MessageRun[]> ReadAsync(StoredQueue queue, IReadOnlyList<OffsetRange> ranges, int bytes, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return ValueTask.FromResult(_queues.TryGetValue(queue.Identity, out var stored) ? stored.Read(ranges, bytes) : []);
        }
    }

    public Task<IReadOnlyList<(QueueIdentity Queue, long Messages)>> CountMessagesAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<(QueueIdentity Queue, long Messages)>>(
                [.. _queues.Select(queue => (queue.Key, queue.Value.Count)).Where(queue => queue.Count > 0)]);
        }
    }

    public Task<Row?> ReadRowAsync(RowKey key, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return Task.FromResult(_tables.GetValueOrDefault(key.Table)?.GetValueOrDefault(key.Key));
        }
    }

    public Task<IReadOnlyList<Row>> ReadRowsAsync(string table, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<Row>>(_tables.TryGetValue(table, out var rows) ? [.. rows.Values] : []);
        }
    }

    public Task<IReadOnlyList<Row>> ReadTablesAsync(string prefix, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<Row>>(
                [.. _tables.Where(table => table.Key.StartsWith(prefix, StringComparison.Ordinal)).SelectMany(table => table.Value.Values)]);
        }
    }

    private bool TryApply(QueueChanges changes)
    {
        var (identity, epoch) = (changes.Queue.Identity, changes.Queue.Epoch);
        if (!_queues.TryGetValue(identity, out var queue))
        {
            if (!changes.IsCreated)
            {
                // Deleted, by this activation or by a later one.
                return false;
            }

            queue = new MemoryQueue { Epoch = epoch };
            _queues.Add(identity, queue);
        }

        if (queue.Epoch != epoch)
        {
            return false;
        }

        queue.Apply(changes);
        if (changes.IsDeleted)
        {
            _queues.Remove(identity);
        }

        return true;
    }

    private bool TryApply(RowChange change)
    {
        var ((table, key), value, expected) = (change.Key, change.Value, change.Expected);
        var rows = _tables.GetValueOrDefault(table);
        var version = rows?.GetValueOrDefault(key)?.Version ?? 0;
        if (expected is { } asked && asked != version)
        {
            return false;
        }

        if (value is { } bytes)
        {
            if (rows is null)
            {
                rows = new Dictionary<string, Row>(StringComparer.Ordinal);
                _tables.Add(table, rows);
            }

            rows[key] = new Row(change.Key, bytes, version + 1);
        }
        else if (rows is not null && rows.Remove(key) && rows.Count == 0)
        {
            _tables.Remove(table);
        }

        return true;
    }

    private sealed class Handle(QueueIdentity identity, long epoch) : StoredQueue(identity, epoch);
}
