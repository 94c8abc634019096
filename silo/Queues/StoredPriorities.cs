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
            ready.LaneOf(priority).Recover(found.Messages, found.BodyBytes, found.MayExpire, found.Times.Latest, found.Times.Runs);
        }
    }

    private void Add(in MessageRun run, PriorityRule rule)
    {
        Found? found = null;
        var (priority, first, bytes, bodies) = ((byte)0, run.First, 0, 0);
        var records = run.Records.Span;
        for (var offset = run.First; offset < run.End; offset++)
        {
            var record = new MessageRecord(records);
            var own = rule.Of(record);
            if (found is null || own != priority)
            {
                found?.Add(new TimedRun(first, (int)(offset - first), run.Due, bytes, bodies));
                (priority, first, bytes, bodies) = (own, offset, 0, 0);
                found = FoundOf(own);
            }

            bytes += record.Length;
            bodies += record.Body.Length;
            records = records[record.Length..];
        }

        found?.Add(new TimedRun(first, (int)(run.End - first), run.Due, bytes, bodies));
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

        public BacklogTimes Times { get; } = new(isOfAll: false);

        public long BodyBytes { get; private set; }

        public bool MayExpire { get; private set; }

        public void Add(in TimedRun run)
        {
            Messages.Extend(run.First, run.Count, run.Length, isAmongOthers: true);
            Times.Add(run);
            BodyBytes += run.Bodies;
            MayExpire |= run.Due != MessageRun.Never;
        }
    }
}
