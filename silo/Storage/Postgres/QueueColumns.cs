namespace Granary.Silo.Storage.Postgres;

/// <summary>What a flush changes besides messages, column by column.</summary>
internal sealed class QueueColumns
{
    public List<long> CreatedIds { get; } = [];

    public List<string> CreatedKeys { get; } = [];

    public List<Guid> CreatedIncarnations { get; } = [];

    public List<long> Ids { get; } = [];

    public List<long> Epochs { get; } = [];

    public List<long> OffsetBounds { get; } = [];

    public List<long> DeliveredBounds { get; } = [];

    public List<long> Lows { get; } = [];

    public List<bool> Deletions { get; } = [];

    public List<long> SettledQueues { get; } = [];

    public List<long> SettledChunks { get; } = [];

    public List<byte[]?> SettledBits { get; } = [];

    public List<long> LinkQueues { get; } = [];

    public List<Guid> SessionIds { get; } = [];

    public List<long> LinkNumbers { get; } = [];

    public List<long> ReplacedQueues { get; } = [];

    public List<long> ReplacedFirsts { get; } = [];

    public RowColumns Rows { get; } = new();

    /// <summary>Rows that change only if no queue is fenced.</summary>
    public RowColumns Guarded { get; } = new();

    /// <summary>Of a later part of the same flush: the queues, for their epochs, and nothing that the first part has done.</summary>
    public QueueColumns Later()
    {
        var later = new QueueColumns();
        later.Ids.AddRange(Ids);
        later.Epochs.AddRange(Epochs);
        later.OffsetBounds.AddRange(OffsetBounds);
        later.DeliveredBounds.AddRange(DeliveredBounds);
        later.Lows.AddRange(Lows);
        later.Deletions.AddRange(Deletions);
        return later;
    }

    public void AddQueue(PostgresQueue queue, QueueChanges changes)
    {
        if (changes.IsCreated)
        {
            CreatedIds.Add(queue.Id);
            CreatedKeys.Add(TextColumn.Encode(queue.Identity.Key));
            CreatedIncarnations.Add(queue.Identity.Incarnation);
        }

        (queue.OffsetBound, queue.DeliveredBound) = (changes.OffsetBound, changes.DeliveredBound);
        foreach (var range in changes.Settled)
        {
            queue.Settled.Add(range.First, range.End, queue.StoredEnd);
        }

        AddState(queue, changes.IsDeleted);
        AddLinks(queue.Id, changes.Sessions);
    }

    /// <summary>What was written of a queue already and may be lost.</summary>
    public void AddAgain(PostgresQueue queue) => AddState(queue, isDeleted: false);

    private void AddState(PostgresQueue queue, bool isDeleted)
    {
        Ids.Add(queue.Id);
        Epochs.Add(queue.Epoch);
        OffsetBounds.Add(queue.OffsetBound);
        DeliveredBounds.Add(queue.DeliveredBound);
        Deletions.Add(isDeleted);
        Lows.Add(queue.Settled.Low);
        queue.Settled.TakeChanges((chunk, bits) =>
        {
            SettledQueues.Add(queue.Id);
            SettledChunks.Add(chunk);
            SettledBits.Add(bits);
        });
    }

    // Of several numbers of one link the last one counts.
    private void AddLinks(long queue, List<PublishProgress> links)
    {
        Dictionary<Guid, int>? known = links.Count > 1 ? new(links.Count) : null;
        foreach (var (link, number) in links)
        {
            if (known is not null && !known.TryAdd(link.Value, SessionIds.Count))
            {
                LinkNumbers[known[link.Value]] = number;
                continue;
            }

            LinkQueues.Add(queue);
            SessionIds.Add(link.Value);
            LinkNumbers.Add(number);
        }
    }
}
