using Granary.Core.Messages;

namespace Granary.Silo.Queues.Messages;

/// <summary>
/// All messages that can be taken from a queue with priorities: the highest first, in the order of their offsets among themselves. The offsets are those of any
/// queue; only the order in which they are taken is another one. As rabbit_priority_queue has it.
/// </summary>
/// <param name="highest">Priorities above it are as good as it.</param>
internal sealed class PriorityMessages(bool countsBodies, byte highest) : IReadyMessages
{
    private const int SmallHead = 64 * 1024;

    /// <summary>By their priorities; null as long as there was no such message.</summary>
    private readonly ReadyMessages?[] _byPriority = new ReadyMessages?[highest + 1];

    /// <summary>The highest first. The lowest is always there.</summary>
    private readonly List<ReadyMessages> _lanes = [];

    private int _head = ReadyMessages.LargestHead;
    private bool _countsBodies = countsBodies;

    public IReadOnlyList<ReadyMessages> Lanes => _lanes;

    public long Count => Sum(static lane => lane.Count);

    public long Bytes => Sum(static lane => lane.Bytes);

    public long MemoryBytes => Sum(static lane => lane.MemoryBytes);

    public long BodyBytes => Sum(static lane => lane.BodyBytes);

    public long PagedCount => Sum(static lane => lane.PagedCount);

    public bool IsEmpty => Top.IsEmpty;

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

            return LaneOf(0);
        }
    }

    /// <summary>The messages of one priority.</summary>
    public ReadyMessages LaneOf(byte priority)
    {
        priority = Math.Min(priority, highest);
        if (_byPriority[priority] is { } lane)
        {
            return lane;
        }

        lane = _byPriority[priority] = new ReadyMessages(_countsBodies, priority);
        var at = _lanes.FindIndex(other => other.Lane < priority);
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

    public void Append(in MessageRun run)
    {
        for (var rest = run; rest.Count > 0;)
        {
            var part = SplitOff(ref rest);
            LaneOf(part.Lane).Append(part);
        }
    }

    public void Return(in MessageRun run) => LaneOf(run.Lane).Return(run);

    public void AppendBack(in MessageRun run, long redeliveredBelow)
    {
        for (var rest = run; rest.Count > 0;)
        {
            var part = SplitOff(ref rest);
            LaneOf(part.Lane).AppendBack(part, redeliveredBelow);
        }
    }

    public void Expire(long limit)
    {
        foreach (var lane in _lanes)
        {
            lane.Expire(limit);
        }
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
            // What stands behind enough others need not be in memory, but for that it may expire.
            var isNeeded = before <= _head / 2;
            var request = isNeeded ? lane.NextLoad(_head, before) : lane.MayExpireUnseen ? lane.NextLoad(SmallHead, 0) : null;
            if (request is not null)
            {
                return request;
            }

            before += lane.Bytes;
        }

        return null;
    }

    public long Load(PageRequest request, MessageRun[]? runs, long redeliveredBelow, long now) =>
        LaneOf(request.Lane).Load(request, runs, redeliveredBelow, now);

    /// <summary>Takes the first messages of a run that have the same priority.</summary>
    private MessageRun SplitOff(ref MessageRun run)
    {
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
        return part;
    }

    private byte PriorityOf(ReadOnlySpan<byte> record) => Math.Min(new MessageRecord(record).Priority, highest);

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
