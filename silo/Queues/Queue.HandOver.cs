using System.Runtime.InteropServices;
using Granary.Core.Messages;
using Granary.Silo.Queues.Deduplication;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues;

/// <summary>What the next activation would not find in the store, when one ends in good order.</summary>
internal sealed partial class Queue
{
    /// <summary>So many bytes are handed over at the most: a silo that leaves is waited for.</summary>
    private const long MostHandedOver = 64 * 1024 * 1024;

    /// <summary>Of what is handed over, all below it may have been delivered.</summary>
    private long _deliveredEnd;

    /// <summary>Null: it can be handed over without losing anything, all is in memory, of a size that is stored soon. Others stay where they are until they are shorter.</summary>
    public string? WhyNotMoved =>
        _recovery is not null ? "it waits for connections that hold some of it"
        : _ready.PagedCount > 0 ? "some of it is paged out"
        : _ready.MemoryBytes + _unacked.Bytes + (_retries?.MemoryBytes ?? 0) >= MostHandedOver / 4 ? $"more than {MostHandedOver / 4 / (1024 * 1024)} MiB of it are in memory"
        : !CanAllBeStored() ? "some of it would be lost: messages that are not persistent, published together with some that are, or paged out"
        : null;

    private bool CanAllBeStored()
    {
        List<MessageRun> runs = [];
        _ready.AddLoaded(runs);
        _retries?.AddLoaded(runs);
        var isLoaded = true;
        foreach (var session in _sessions.All)
        {
            isLoaded &= session.Link.Unacked.AddLoaded(runs);
        }

        return _journal is null ? isLoaded : !runs.Exists(static run => run.IsPersistent && CountTransient(run.Records.Span) > 0);
    }

    /// <summary>
    /// Stores messages that are in memory only, ready and unacknowledged ones, each in its place. What is lost is what is not stored: messages that were published in
    /// one batch with persistent ones, those that are paged out, and what is beyond the limit.
    /// </summary>
    /// <param name="borrowed">Takes those of a queue that is not durable.</param>
    /// <returns>How many messages were stored, and how many in memory were not.</returns>
    public (long Stored, long Lost) HandOver(QueueJournal? borrowed)
    {
        List<MessageRun> runs = [];
        _ready.AddLoaded(runs);
        _retries?.AddLoaded(runs);
        _deliveredEnd = runs.Where(run => run.Redelivered).Select(run => run.End).DefaultIfEmpty().Max();
        var ready = runs.Count;
        foreach (var session in _sessions.All)
        {
            session.Link.Unacked.AddLoaded(runs);
        }

        _deliveredEnd = runs.Skip(ready).Select(run => run.End).Append(_deliveredEnd).Max();
        var journal = _journal ?? borrowed;
        if (journal is null)
        {
            return (0, runs.Sum(run => run.Count));
        }

        var (stored, lost, bytes) = (0L, 0L, 0L);
        foreach (var run in runs)
        {
            if (run.IsPersistent && borrowed is null)
            {
                lost += CountTransient(run.Records.Span);
            }
            else if (bytes + run.Length > MostHandedOver || journal.Has(run.First, run.End) != Holding.None)
            {
                lost += run.Count;
            }
            else
            {
                (stored, bytes) = (stored + run.Count, bytes + run.Length);
                _copies.Add(Persistent(run));
            }
        }

        if (lost == 0)
        {
            LeaveProgress(journal);
        }

        _seen?.StoreAll(journal);
        if (_asked is { } asked)
        {
            journal.NoteProgress(MessageKey.Write(asked));
        }

        journal.EndTurn(_nextOffset, Math.Max(_bound.Wanted, _deliveredEnd), isWaitedFor: false, CollectionsMarshal.AsSpan(_copies));
        _copies.Clear();
        return (stored, lost);
    }

    /// <summary>Takes what an activation before handed over of a queue that is not durable, in the order of their offsets, before anything else happens.</summary>
    public void TakeOver(IEnumerable<MessageRun> runs, StoredBacklog backlog, long now)
    {
        foreach (var run in runs)
        {
            _ready.AppendBack(run with { Since = now }, backlog.DeliveredBound);
        }

        NoteEarlier(backlog.Sessions);
    }

    private static MessageRun Persistent(in MessageRun run)
    {
        // What was published is shared with other queues.
        var records = run.Records.ToArray();
        MessageRecord.MarkPersistent(records);
        return run with { Records = records, Flags = run.Flags | MessageFlags.Persistent };
    }

    private static long CountTransient(ReadOnlySpan<byte> records)
    {
        var count = 0L;
        while (!records.IsEmpty)
        {
            var record = new MessageRecord(records);
            count += record.IsPersistent ? 0 : 1;
            records = records[record.Length..];
        }

        return count;
    }
}
