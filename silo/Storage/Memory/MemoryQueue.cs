using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage.Memory;

/// <summary>What <see cref="MemoryStore"/> has of one queue.</summary>
internal sealed class MemoryQueue
{
    private static readonly Comparer<MessageRun> ByFirst = Comparer<MessageRun>.Create(static (left, right) => left.First.CompareTo(right.First));

    private readonly SortedSet<MessageRun> _runs = new(ByFirst);
    private readonly Dictionary<SessionId, long> _links = [];
    private long _offsetBound;
    private long _deliveredBound;

    public long Epoch { get; set; }

    /// <summary>Messages, without those that were only paged out.</summary>
    public long Count => _runs.Where(static run => (run.Flags & MessageFlags.Persistent) != 0).Sum(static run => (long)run.Count);

    public MemoryQueue Copy()
    {
        var copy = new MemoryQueue { Epoch = Epoch, _offsetBound = _offsetBound, _deliveredBound = _deliveredBound };
        copy._runs.UnionWith(_runs);
        foreach (var (link, number) in _links)
        {
            copy._links.Add(link, number);
        }

        return copy;
    }

    public void Apply(QueueChanges changes)
    {
        foreach (var run in changes.Runs)
        {
            Remove(run.First, run.End);

            // Never let go of: copies of this queue have it, too.
            LargeRecord.Hold(run.Records);
            _runs.Add(run with { Redelivered = false, Since = 0 });
        }

        foreach (var range in changes.Settled)
        {
            Remove(range.First, range.End);
        }

        _offsetBound = Math.Max(_offsetBound, changes.OffsetBound);
        _deliveredBound = changes.DeliveredBound;
        foreach (var progress in changes.Sessions)
        {
            if (progress.IsOver)
            {
                _links.Remove(progress.Session);
            }
            else
            {
                _links[progress.Session] = progress.Number;
            }
        }
    }

    /// <summary>Forgets what was only paged out, and says what there is.</summary>
    public StoredBacklog TakeOver(QueueIdentity identity)
    {
        // With the offset after the last that there is.
        var goesOn = identity.IsStream;
        foreach (var run in _runs.ToArray())
        {
            RemoveTransient(run);
        }

        var (count, bytes, bodies, flags, due) = (0L, 0L, 0L, MessageFlags.None, MessageRun.Never);
        var pieces = new PagedPieces();
        var times = new BacklogTimes(identity.HasTimes);
        foreach (var run in _runs)
        {
            var own = run.BodyLength();
            count += run.Count;
            bytes += run.Length;
            bodies += own;
            pieces.Add(new PagedPiece(run.End, run.Count, run.Length, own));
            flags |= run.Flags;
            due = Math.Min(due, run.Due);
            times.Add(new TimedRun(run.First, run.Count, run.Due, run.Length, (int)own));
        }

        var next = goesOn ? _runs.Max.End : _offsetBound;
        return new StoredBacklog(
            _runs.Count == 0 ? next : _runs.Min.First, next, _deliveredBound, count, bytes, bodies, flags, due,
            [.. _links.Select(link => new PublishProgress(link.Key, link.Value))])
        {
            Pieces = goesOn ? [] : pieces.InOrder(),
            Runs = goesOn ? [] : times.Runs,
            LastDue = times.Latest,
        };
    }

    public MessageRun[] Read(long from, long end, int bytes)
    {
        List<MessageRun> read = [];
        AddTo(read, from, end, bytes);
        return [.. read];
    }

    public MessageRun[] Read(IReadOnlyList<OffsetRange> ranges, int bytes)
    {
        List<MessageRun> read = [];
        for (var i = 0; i < ranges.Count && bytes > 0; i++)
        {
            bytes = AddTo(read, ranges[i].First, ranges[i].End, bytes);
        }

        return [.. read];
    }

    /// <returns>How many of the bytes are left.</returns>
    private int AddTo(List<MessageRun> read, long from, long end, int bytes)
    {
        foreach (var stored in Between(from, end))
        {
            var run = Clip(stored, from, end);
            read.Add(run);
            bytes -= run.Length;
            if (bytes <= 0)
            {
                break;
            }
        }

        return bytes;
    }

    private static MessageRun Clip(MessageRun run, long from, long end)
    {
        if (run.First < from)
        {
            var before = (int)(from - run.First);
            run = run.After(before, run.LengthOf(before));
        }

        if (end < run.End)
        {
            var count = (int)(end - run.First);
            run = run.Head(count, run.LengthOf(count));
        }

        return run;
    }

    private static MessageRun Probe(long offset) => new(default, offset, 1, Redelivered: false, MessageFlags.None, Since: 0);

    /// <summary>The runs that have any of these messages.</summary>
    private IEnumerable<MessageRun> Between(long from, long end)
    {
        if (_runs.Count == 0 || end <= from)
        {
            yield break;
        }

        // At most one run begins before and reaches in.
        if (from > long.MinValue)
        {
            var before = _runs.GetViewBetween(Probe(long.MinValue), Probe(from - 1)).Max;
            if (before.Count > 0 && before.End > from)
            {
                yield return before;
            }
        }

        foreach (var run in _runs.GetViewBetween(Probe(from), Probe(end - 1)))
        {
            yield return run;
        }
    }

    private void Remove(long first, long end)
    {
        foreach (var run in Between(first, end).ToArray())
        {
            _runs.Remove(run);
            if (run.First < first)
            {
                _runs.Add(Clip(run, run.First, first));
            }

            if (end < run.End)
            {
                _runs.Add(Clip(run, end, run.End));
            }
        }
    }

    private void RemoveTransient(in MessageRun run)
    {
        if ((run.Flags & MessageFlags.Persistent) == 0)
        {
            _runs.Remove(run);
            return;
        }

        var records = run.Records.Span;
        for (var offset = run.First; !records.IsEmpty; offset++)
        {
            var record = new MessageRecord(records);
            if (!record.IsPersistent)
            {
                Remove(offset, offset + 1);
            }

            records = records[record.Length..];
        }
    }
}
