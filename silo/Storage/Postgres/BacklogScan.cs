using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage.Postgres;

/// <summary>
/// Sums up what a queue has when it is taken over. Most batches are counted by what is known of them; those of which only some messages are left are
/// named in <see cref="Unclear"/>, to be read and counted one by one. Afterwards everything that is not there counts as settled.
/// </summary>
internal sealed class BacklogScan(long low, QueueIdentity identity)
{
    private readonly long _low = low;
    private long _count;
    private long _bytes;
    private long _bodies;
    private long _nextOffset;
    private MessageFlags _flags;
    private long _nextDue = MessageRun.Never;

    // Nothing of a stream is ever skipped unread.
    private readonly PagedPieces? _pieces = identity.IsStream ? null : new PagedPieces();
    private readonly BacklogTimes? _times = identity.IsStream ? null : new BacklogTimes(identity.HasTimes);
    private bool _isUnclear;

    public SettledOffsets Settled { get; } = new(low);

    /// <summary>Ranges of whole batches.</summary>
    public List<(long From, long End)> Unclear { get; } = [];

    /// <summary>No batch reaches beyond it.</summary>
    public long StoredEnd { get; private set; }

    /// <summary>The next batch, by ascending offsets.</summary>
    public void Add(long first, int count, int size, int bodies, short flags, long due)
    {
        var end = first + count;
        Settled.Add(StoredEnd, first, storedEnd: 0);
        StoredEnd = end;
        if (((MessageFlags)(byte)flags & MessageFlags.Persistent) == 0)
        {
            // Paged out by an earlier activation, and gone with it.
            Settled.Add(first, end, end);
            return;
        }

        if (!Settled.TryFindUnsettled(first, end, out var from, out var last))
        {
            return;
        }

        _flags |= (MessageFlags)(byte)flags;
        if (from == first && last == end && (flags & StoredBatch.Mixed) == 0)
        {
            _nextDue = Math.Min(_nextDue, due);
            _count += count;
            _bytes += size;
            _bodies += bodies;
            _pieces?.Add(new PagedPiece(end, count, size, bodies));
            _times?.Add(new TimedRun(first, count, due, size, bodies));
            _isUnclear = false;
            return;
        }

        _pieces?.Break();
        _times?.Expect(due);
        if (_isUnclear)
        {
            Unclear[^1] = (Unclear[^1].From, end);
        }
        else
        {
            Unclear.Add((first, end));
            _isUnclear = true;
        }
    }

    /// <summary>All batches were added.</summary>
    public void End(long offsetBound)
    {
        _nextOffset = Math.Max(Math.Max(offsetBound, StoredEnd), _low);
        Settled.Add(StoredEnd, _nextOffset, storedEnd: 0);
    }

    /// <summary>Messages of another of the <see cref="Unclear"/> are counted next.</summary>
    public void BeginUnclear() => _pieces?.Break();

    /// <summary>Counts the messages of an unclear batch that are still there.</summary>
    public void Count(in MessageRun run)
    {
        var offset = run.First;
        var stretch = new TimedRun(offset, 0, run.Due, 0, 0);
        for (var records = run.Records.Span; !records.IsEmpty; offset++)
        {
            var record = new MessageRecord(records);
            if (record.IsPersistent)
            {
                // Of a batch whose transient messages alone are left, nothing will be there to expire.
                _nextDue = Math.Min(_nextDue, run.Due);
                _count++;
                _bytes += record.Length;
                _bodies += record.Body.Length;
                _pieces?.Add(new PagedPiece(offset + 1, 1, record.Length, record.Body.Length));
                stretch = stretch with { Count = stretch.Count + 1, Length = stretch.Length + record.Length, Bodies = stretch.Bodies + record.Body.Length };
            }
            else
            {
                AddTimes(stretch);
                stretch = new TimedRun(offset + 1, 0, run.Due, 0, 0);
                Settled.Add(offset, offset + 1, StoredEnd);
            }

            records = records[record.Length..];
        }

        AddTimes(stretch);
    }

    private void AddTimes(in TimedRun stretch)
    {
        if (stretch.Count > 0)
        {
            _times?.Add(stretch);
        }
    }

    public StoredBacklog ToBacklog(long deliveredBound, IReadOnlyList<PublishProgress> links) =>
        new(Settled.Low, _nextOffset, deliveredBound, _count, _bytes, _bodies, _flags, _nextDue, links)
        {
            Pieces = _pieces?.InOrder() ?? [],
            Runs = _times?.Runs ?? [],
            LastDue = _times?.Latest ?? MessageRun.Never,
        };
}
