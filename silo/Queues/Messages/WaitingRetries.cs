using Granary.Core.Messages;

namespace Granary.Silo.Queues.Messages;

/// <summary>Messages of a quorum queue that came back and are to be delivered again, but not yet. They are part of the queue, and none of those that can be taken.</summary>
internal sealed class WaitingRetries
{
    private readonly PriorityQueue<MessageRun, (long Due, long First)> _runs = new();

    public long Count { get; private set; }

    /// <summary>The record bytes of all of them.</summary>
    public long Bytes { get; private set; }

    /// <summary>The record bytes of those in memory.</summary>
    public long MemoryBytes { get; private set; }

    /// <summary>The body bytes of all of them.</summary>
    public long Bodies { get; private set; }

    /// <summary>When the first of them can be taken again, or <see cref="MessageRun.Never"/>.</summary>
    public long NextDue => _runs.TryPeek(out _, out var next) ? next.Due : MessageRun.Never;

    /// <summary>When the last of them can be taken again. Only if there are any.</summary>
    public long LastDue { get; private set; }

    /// <param name="run">In memory that it shares with nothing that is to go sooner (<see cref="Own"/>), or in the store only.</param>
    public void Add(in MessageRun run, long due)
    {
        LastDue = Count == 0 ? due : Math.Max(LastDue, due);
        Note(run, 1);
        _runs.Enqueue(run, (due, run.First));
    }

    /// <summary>Takes out the next that has waited for long enough.</summary>
    public bool TryTake(long now, out MessageRun run)
    {
        if (NextDue > now)
        {
            run = default;
            return false;
        }

        run = _runs.Dequeue();
        Note(run, -1);
        return true;
    }

    /// <summary>Removes everything and says how many messages there were.</summary>
    /// <param name="gone">Told the first offset of each stretch of them, and the one after it.</param>
    public long Clear(Action<long, long> gone)
    {
        var count = Count;
        foreach (var (run, _) in _runs.UnorderedItems)
        {
            gone(run.First, run.End);
        }

        _runs.Clear();
        (Count, Bytes, MemoryBytes, Bodies) = (0, 0, 0, 0);
        return count;
    }

    /// <summary>Adds those that are in memory, in no order.</summary>
    public void AddLoaded(List<MessageRun> runs) => runs.AddRange(_runs.UnorderedItems.Select(static item => item.Element).Where(static run => run.IsLoaded));

    private void Note(in MessageRun run, int sign)
    {
        var (bytes, bodies) = run.Size();
        (Count, Bytes, MemoryBytes, Bodies) = (Count + (sign * run.Count), Bytes + (sign * bytes), MemoryBytes + (sign * run.Length), Bodies + (sign * bodies));
    }

    /// <summary>The same messages in memory of their own: they may wait for long, and must not keep the array of their batch.</summary>
    public static MessageRun Own(in MessageRun run) =>
        !run.IsLoaded || LargeRecord.Of(run.Records) is not null || MessageRun.PinnedBy(run.Records) == run.Length ? run : run with { Records = run.Records.ToArray() };
}
