using Granary.Core.Links;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Storage.Tests;

/// <summary>What a store should have, kept in the plainest way.</summary>
internal sealed class StoreModel
{
    public List<QueueModel> Queues { get; } = [];

    public Dictionary<RowKey, (byte[] Value, long Version)> Rows { get; } = [];

    /// <summary>Applies the row changes of a flush as the store should; those that are conflicts.</summary>
    public List<RowChange> Apply(IEnumerable<RowChange> changes)
    {
        var refused = new HashSet<RowKey>();
        return [.. changes.Where(change => IsConflict(change, refused))];
    }

    private bool IsConflict(RowChange change, HashSet<RowKey> refused)
    {
        var version = Rows.TryGetValue(change.Key, out var row) ? row.Version : 0;
        if (change.Expected is { } expected && (expected != version || refused.Contains(change.Key)))
        {
            refused.Add(change.Key);
            return true;
        }

        if (change.Value is { } value)
        {
            Rows[change.Key] = (value.ToArray(), version + 1);
        }
        else
        {
            Rows.Remove(change.Key);
        }

        return false;
    }

    /// <summary>A process ended: what was transient is gone, and every queue is to be taken over.</summary>
    public void EndActivations()
    {
        foreach (var queue in Queues)
        {
            queue.EndActivation();
        }
    }
}

/// <summary>What a store should have of one queue.</summary>
internal sealed class QueueModel(StoredQueue handle)
{
    private long _deliveredBound;

    public StoredQueue Handle { get; set; } = handle;

    /// <summary>A handle that a take-over fenced.</summary>
    public StoredQueue? Stale { get; set; }

    public long NextOffset { get; set; }

    public long OffsetBound { get; private set; }

    public SortedDictionary<long, (Message Message, int Length)> Messages { get; } = [];

    public Dictionary<SessionId, long> Sessions { get; } = [];

    public void Apply(QueueChanges changes)
    {
        foreach (var run in changes.Runs)
        {
            foreach (var message in Tests.Messages.Of(run))
            {
                Messages[message.Offset] = (message, (int)Tests.Messages.BytesOf(run.Head(1, run.LengthOf(1))));
            }
        }

        foreach (var range in changes.Settled)
        {
            foreach (var offset in Messages.Keys.Where(offset => offset >= range.First && offset < range.End).ToList())
            {
                Messages.Remove(offset);
            }
        }

        OffsetBound = Math.Max(OffsetBound, changes.OffsetBound);
        _deliveredBound = changes.DeliveredBound;
        foreach (var progress in changes.Sessions)
        {
            if (progress.Number < 0)
            {
                Sessions.Remove(progress.Session);
            }
            else
            {
                Sessions[progress.Session] = progress.Number;
            }
        }
    }

    public void EndActivation()
    {
        foreach (var offset in Messages.Where(pair => !pair.Value.Message.IsPersistent).Select(pair => pair.Key).ToList())
        {
            Messages.Remove(offset);
        }

        NextOffset = Math.Max(NextOffset, OffsetBound);
    }

    public void ExpectBacklog(StoredBacklog backlog)
    {
        Assert.Equal(OffsetBound, backlog.NextOffset);
        Assert.Equal(_deliveredBound, backlog.DeliveredBound);
        Assert.Equal(Messages.Count, backlog.Count);
        Assert.Equal(Messages.Values.Sum(pair => (long)pair.Length), backlog.Bytes);
        Assert.Equal(Messages.Count == 0 ? backlog.NextOffset : Messages.Keys.First(), backlog.First);
        Assert.Equal(Messages.Count == 0 ? MessageRun.Never : Messages.Values.Min(pair => pair.Message.Due), backlog.NextDue);
        Assert.Equal(Sessions.OrderBy(link => link.Key.Value), backlog.Sessions.Select(link => KeyValuePair.Create(link.Session, link.Number)).OrderBy(link => link.Key.Value));
    }
}
