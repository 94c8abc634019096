using Granary.Core.Messages;
using Granary.Silo.Queues.Definition;

namespace Granary.Silo.Queues.Messages;

/// <summary>
/// All messages that can be taken from a queue with priorities: the highest first, in the order of their offsets among themselves. The offsets are those of any
/// queue; only the order in which they are taken is another one. As rabbit_priority_queue has it, and rabbit_fifo.
/// </summary>
internal sealed class PriorityMessages : IReadyMessages
{
    private const int SmallHead = 64 * 1024;

    /// <summary>In requests to read back, instead of a priority: those that came before any with a priority.</summary>
    private const byte EarlierLane = 255;

    private readonly PriorityRule _rule;

    /// <summary>By their priorities; null as long as there was no such message.</summary>
    private readonly ReadyMessages?[] _byPriority;

    /// <summary>The highest first. There is always one.</summary>
    private readonly List<ReadyMessages> _lanes = [];

    /// <summary>
    /// What came before the first message that says its priority, where most queues never have one: it is kept, paged out and recovered as in a queue without priorities.
    /// Null: in such a queue priorities are rare, and none is looked for.
    /// </summary>
    private readonly ReadyMessages? _earlier;

    /// <summary>All offsets below are of <see cref="_earlier"/>.</summary>
    private long _earlierEnd = long.MaxValue;

    private int _head = ReadyMessages.LargestHead;
    private bool _countsBodies;

    public PriorityMessages(bool countsBodies, PriorityRule rule)
    {
        (_countsBodies, _rule) = (countsBodies, rule);
        _byPriority = new ReadyMessages?[rule.Highest + 1];
        if (rule.IsRare)
        {
            _lanes.Add(_earlier = new ReadyMessages(countsBodies));
        }
    }

    /// <summary>Where messages are put in place that an earlier activation had, none of which says its priority; null: it is not known that there are such.</summary>
    public ReadyMessages? Earlier => _earlier;

    public IReadOnlyList<ReadyMessages> Lanes => _lanes;

    public long Count => Sum(static lane => lane.Count);

    public long Bytes => Sum(static lane => lane.Bytes);

    public long MemoryBytes => Sum(static lane => lane.MemoryBytes);

    public long BodyBytes => Sum(static lane => lane.BodyBytes);

    public long PagedCount => Sum(static lane => lane.PagedCount);

    public bool IsEmpty => Top.IsEmpty;

    public long FirstOffset
    {
        get
        {
            var first = long.MaxValue;
            foreach (var lane in _lanes)
            {
                first = Math.Min(first, lane.FirstOffset);
            }

            return first;
        }
    }

    public bool NeedsTidy => _lanes.Exists(static lane => lane.NeedsTidy);

    public long NextDue
    {
        get
        {
            var due = MessageRun.Never;
            foreach (var lane in _lanes)
            {
                due = Math.Min(due, lane.NextDue);
            }

            return due;
        }
    }

    public ReadyMessages Top
    {
        get
        {
            foreach (var lane in _lanes)
            {
                if (!lane.IsEmpty)
                {
                    return lane;
                }
            }

            return _earlier ?? LaneOf(0);
        }
    }

    /// <summary>The messages of one priority.</summary>
    public ReadyMessages LaneOf(byte priority)
    {
        priority = Math.Min(priority, _rule.Highest);
        if (_byPriority[priority] is { } lane)
        {
            return lane;
        }

        lane = _byPriority[priority] = new ReadyMessages(_countsBodies, priority);
        var at = _lanes.FindIndex(other => (other == _earlier ? _rule.Absent : other.Lane) < priority);
        _lanes.Insert(at < 0 ? _lanes.Count : at, lane);
        return lane;
    }

    public void CountBodies(bool isWanted)
    {
        _countsBodies = isWanted;
        foreach (var lane in _lanes)
        {
            lane.CountBodies(isWanted);
        }
    }

    /// <summary>From this offset on messages are kept by their priorities.</summary>
    public void SeparateFrom(long offset) => _earlierEnd = Math.Min(_earlierEnd, offset);

    public void Append(in MessageRun run)
    {
        for (var rest = run; rest.Count > 0;)
        {
            var part = SplitOff(ref rest, out var lane);
            lane.Append(part);
        }
    }

    public void Return(in MessageRun run)
    {
        if (_earlier is null || run.First >= _earlierEnd)
        {
            LaneOf(run.Lane).Return(run);
        }
        else if (run.End <= _earlierEnd)
        {
            _earlier.Return(run);
        }
        else
        {
            var count = (int)(_earlierEnd - run.First);
            var length = run.IsLoaded ? run.LengthOf(count) : 0;
            _earlier.Return(run.Head(count, length));
            LaneOf(run.Lane).Return(run.After(count, length));
        }
    }

    public void AppendBack(in MessageRun run, long redeliveredBelow)
    {
        for (var rest = run; rest.Count > 0;)
        {
            var part = SplitOff(ref rest, out var lane);
            lane.AppendBack(part, redeliveredBelow);
        }
    }

    public bool Expire(long limit)
    {
        var isAll = true;
        foreach (var lane in _lanes)
        {
            isAll &= lane.Expire(limit);
        }

        return isAll;
    }

    public MessageRun[] TakeExpired()
    {
        MessageRun[] expired = [];
        foreach (var lane in _lanes)
        {
            var some = lane.TakeExpired();
            expired = some.Length == 0 ? expired : expired.Length == 0 ? some : [.. expired, .. some];
        }

        return expired;
    }

    public void EndTurn()
    {
        foreach (var lane in _lanes)
        {
            lane.EndTurn();
        }
    }

    public void Tidy(long now)
    {
        foreach (var lane in _lanes)
        {
            lane.Tidy(now);
        }
    }

    public long Clear(Action<long, long>? gone)
    {
        var count = 0L;
        foreach (var lane in _lanes)
        {
            count += lane.Clear(gone);
        }

        return count;
    }

    public void AddLoaded(List<MessageRun> runs)
    {
        foreach (var lane in _lanes)
        {
            lane.AddLoaded(runs);
        }
    }

    /// <summary>The lowest go first: they are what is taken last.</summary>
    public void PageOut(long budget, long storedEnd, bool isDurable, long redeliveredBelow, List<MessageRun> copies)
    {
        _head = (int)Math.Clamp(budget / 4, SmallHead, ReadyMessages.LargestHead);
        var used = MemoryBytes;
        for (var i = _lanes.Count - 1; i >= 0 && used > budget; i--)
        {
            var before = _lanes[i].MemoryBytes;
            var own = Math.Max(0, before - (used - budget));
            _lanes[i].PageOut(own, storedEnd, isDurable, redeliveredBelow, copies);

            // Of what has to be stored first the memory is given up later.
            used -= Math.Max(0, before - Math.Max(own, SmallHead));
        }
    }

    public PageRequest? NextLoad()
    {
        var before = 0L;
        foreach (var lane in _lanes)
        {
            // What stands behind enough others need not be in memory, unless nobody else knows when it expires.
            var isNeeded = before <= _head / 2;
            var request = isNeeded ? lane.NextLoad(_head, before) : lane.MayExpireUnseen ? lane.NextLoad(SmallHead, 0) : null;
            if (request is { } next)
            {
                return lane == _earlier ? next with { Lane = EarlierLane } : next;
            }

            before += lane.Bytes;
        }

        return null;
    }

    public long Load(PageRequest request, MessageRun[]? runs, long redeliveredBelow, long now) =>
        (_earlier is not null && request.Lane == EarlierLane ? _earlier : LaneOf(request.Lane)).Load(request, runs, redeliveredBelow, now);

    /// <summary>Takes the first messages of a run that have the same priority, and says where they belong.</summary>
    private MessageRun SplitOff(ref MessageRun run, out ReadyMessages to)
    {
        if (_earlier is not null && (run.Flags & MessageFlags.HasPriority) == 0)
        {
            // No record has to be looked at.
            var all = run;
            run = run.After(run.Count, run.Length);
            to = all.End <= _earlierEnd ? _earlier : LaneOf(_rule.Absent);
            return to == _earlier ? all : all with { Lane = _rule.Absent };
        }

        SeparateFrom(run.First);
        var records = run.Records.Span;
        var lane = PriorityOf(records);
        var (count, length) = (0, 0);
        do
        {
            length += MessageRecord.LengthOf(records[length..]);
            count++;
        }
        while (count < run.Count && PriorityOf(records[length..]) == lane);

        var part = run.Head(count, length) with { Lane = lane };
        run = run.After(count, length);
        to = LaneOf(lane);
        return part;
    }

    private byte PriorityOf(ReadOnlySpan<byte> record) => _rule.Of(new MessageRecord(record));

    private long Sum(Func<ReadyMessages, long> figure)
    {
        var sum = 0L;
        foreach (var lane in _lanes)
        {
            sum += figure(lane);
        }

        return sum;
    }
}
