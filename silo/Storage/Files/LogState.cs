namespace Granary.Silo.Storage.Files;

/// <summary>
/// What the log says, all entries of it taken together. Entries are applied when they are written and when they are recovered: in the same way.
/// </summary>
internal sealed class LogState
{
    private readonly Dictionary<ulong, QueueLog> _queues = [];
    private readonly Dictionary<QueueIdentity, QueueLog> _byIdentity = [];

    public LogState() => Rows = new RowIndex(Segments);

    public SegmentList Segments { get; } = new();

    public RowIndex Rows { get; }

    public IReadOnlyCollection<QueueLog> Queues => _queues.Values;

    /// <summary>The number that the next new queue gets. Above all that are in the log.</summary>
    public ulong NextNumber { get; set; } = 1;

    public QueueLog? Find(QueueIdentity identity) => _byIdentity.GetValueOrDefault(identity);

    public QueueLog? Find(ulong number) => _queues.GetValueOrDefault(number);

    /// <summary>Applies the entry that is at <paramref name="position"/> of <paramref name="segment"/>. Nothing of a batch but its head is looked at.</summary>
    public void Apply(LogEntry entry, uint segment, long position)
    {
        switch (entry.Type)
        {
            case EntryType.Batch or EntryType.Reference:
                Put(OwnerOf(entry), entry, segment, position);
                break;
            case EntryType.Settled:
                var batches = OwnerOf(entry).Batches;
                for (var i = 0; i < entry.RangeCount; i++)
                {
                    var (first, end) = entry.Range(i);
                    batches.Settle(first, end);
                }

                break;
            case EntryType.Queue:
                SetQueue(OwnerOf(entry), entry, segment);
                break;
            case EntryType.Progress:
                SetProgress(OwnerOf(entry), entry);
                break;
            case EntryType.QueueDeleted:
                Delete(OwnerOf(entry));
                break;
            case EntryType.Row:
                Rows.Set(entry.RowKey, new StoredRow(segment, position, entry.Length, entry.Version));
                break;
            case EntryType.RowRemoved:
                Rows.Remove(entry.RowKey);
                break;
            default:
                // The records of others, and what only recovery looks at.
                break;
        }
    }

    /// <summary>Forgets a queue of which nothing but parts was found.</summary>
    public void Delete(QueueLog queue)
    {
        queue.Batches.Clear();
        queue.IsDeleted = true;
        _queues.Remove(queue.Number);
        if (queue.Identity is { } identity)
        {
            Segments.Release(queue.StateSegment, queue.StateBytes);
            _byIdentity.Remove(identity);
        }
    }

    private static void Put(QueueLog queue, LogEntry entry, uint segment, long position)
    {
        var batch = new StoredBatch
        {
            First = entry.First,
            Due = entry.Due,
            Count = entry.Count,
            Live = entry.Count,
            Segment = segment,
            Place = (uint)(position / 8),
            RecordsLength = entry.RecordsLength,
            BodiesLength = entry.BodiesLength,
            Flags = entry.Flags,
            Marks = entry.Marks,
            Uses = entry.Uses,
            IsReference = entry.Type == EntryType.Reference,
        };
        queue.Batches.Put(batch);
        queue.BytesInLog += batch.RecordsLength;
        queue.MovedThrough = Math.Min(queue.MovedThrough, batch.First);
        queue.OffsetBound = Math.Max(queue.OffsetBound, batch.End);
    }

    private static void SetProgress(QueueLog queue, LogEntry entry)
    {
        queue.OffsetBound = Math.Max(queue.OffsetBound, entry.OffsetBound);
        queue.DeliveredBound = entry.DeliveredBound;
        for (var i = 0; i < entry.LinkCount; i++)
        {
            var progress = entry.Link(i);
            if (progress.IsOver)
            {
                queue.Sessions.Remove(progress.Session);
            }
            else
            {
                queue.Sessions[progress.Session] = progress.Number;
            }
        }
    }

    private void SetQueue(QueueLog queue, LogEntry entry, uint segment)
    {
        if (queue.Identity is null)
        {
            queue.Identity = entry.Identity;
            _byIdentity[entry.Identity] = queue;
        }
        else
        {
            Segments.Release(queue.StateSegment, queue.StateBytes);
        }

        queue.Epoch = entry.Epoch;
        queue.Sessions.Clear();
        SetProgress(queue, entry);
        queue.StateSegment = segment;
        queue.StateBytes = entry.Length;
        Segments.Hold(segment, entry.Length);
    }

    /// <summary>The queue of an entry. One that is not known has its own entry further on: that was written again when the segment it was in was removed.</summary>
    private QueueLog OwnerOf(LogEntry entry)
    {
        var number = entry.QueueNumber;
        if (!_queues.TryGetValue(number, out var queue))
        {
            queue = new QueueLog(number, Segments);
            _queues.Add(number, queue);
            NextNumber = Math.Max(NextNumber, number + 1);
        }

        return queue;
    }
}
