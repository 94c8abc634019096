using Granary.Core.Messages;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues;

/// <summary>
/// Which priorities stored messages of a queue have. A store does not know that: it is found by reading all of them, once, when the queue is taken over.
/// </summary>
internal sealed class StoredPriorities
{
    private const int ReadAtOnce = 4 * 1024 * 1024;

    private readonly SortedDictionary<byte, Found> _found = [];

    public static async Task<StoredPriorities> ReadAsync(IMessageStore store, StoredQueue queue, PriorityRule rule, CancellationToken cancellation)
    {
        var priorities = new StoredPriorities();
        var backlog = queue.Backlog;
        for (var at = backlog.First; backlog.Count > 0 && at < backlog.NextOffset;)
        {
            var runs = await store.ReadAsync(queue, at, backlog.NextOffset, ReadAtOnce, cancellation).ConfigureAwait(false);
            foreach (var run in runs)
            {
                priorities.Add(run, rule);
            }

            at = runs.Length == 0 ? backlog.NextOffset : runs[^1].End;
        }

        return priorities;
    }

    /// <summary>Has the queue take them for paged out.</summary>
    public void Recover(PriorityMessages ready)
    {
        ready.SeparateFrom(long.MinValue);
        foreach (var (priority, found) in _found)
        {
            ready.LaneOf(priority).Recover(found.Messages, found.BodyBytes, found.MayExpire);
        }
    }

    private void Add(in MessageRun run, PriorityRule rule)
    {
        Found? found = null;
        var (priority, first, bytes) = ((byte)0, run.First, 0L);
        var records = run.Records.Span;
        for (var offset = run.First; offset < run.End; offset++)
        {
            var record = new MessageRecord(records);
            var own = rule.Of(record);
            if (found is null || own != priority)
            {
                found?.Messages.Extend(first, offset - first, bytes, isAmongOthers: true);
                (priority, first, bytes) = (own, offset, 0);
                found = FoundOf(own);
                found.MayExpire |= run.Due != MessageRun.Never;
            }

            bytes += record.Length;
            found.BodyBytes += record.Body.Length;
            records = records[record.Length..];
        }

        found?.Messages.Extend(first, run.End - first, bytes, isAmongOthers: true);
    }

    private Found FoundOf(byte priority)
    {
        if (!_found.TryGetValue(priority, out var found))
        {
            _found.Add(priority, found = new Found());
        }

        return found;
    }

    /// <summary>Of one priority.</summary>
    private sealed class Found
    {
        public PagedMessages Messages;

        public long BodyBytes { get; set; }

        public bool MayExpire { get; set; }
    }
}
