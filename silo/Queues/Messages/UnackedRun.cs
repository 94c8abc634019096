using Granary.Core.Messages;
using Granary.Silo.Queues.Consumers;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Messages;

/// <summary>Messages delivered together, and which of them are settled: a prefix by a number, any others by a bitmap made when it is needed.</summary>
internal struct UnackedRun(MessageRun run, Consumer? consumer) : IOffsetRun
{
    private MessageRun _run = run;

    /// <summary>How many at the start are settled.</summary>
    private int _settled;

    private RunHoles? _holes;

    /// <summary>Who got them; null for a get.</summary>
    public Consumer? Consumer { get; } = consumer;

    public readonly MessageRun Run => _run;

    public readonly long First => _run.First + _settled;

    public readonly long End => _run.End;

    /// <summary>It was handed to the store for that its memory can be given up.</summary>
    public bool IsHanded { get; set; }

    /// <summary>How many are not settled yet.</summary>
    public int Live { get; private set; } = run.Count;

    /// <summary>Takes in messages that follow, if they went to the same consumer.</summary>
    public bool TryExtend(in MessageRun next, Consumer? consumer)
    {
        if (consumer != Consumer || _holes is not null || IsHanded || !MessageRun.TryJoin(_run, next, out var joined))
        {
            return false;
        }

        _run = joined;
        Live += next.Count;
        return true;
    }

    /// <summary>Settles what is between two offsets and still live; what that was is added to <paramref name="live"/> when it is wanted, and told to <paramref name="gone"/>.</summary>
    /// <returns>How many messages were settled.</returns>
    public int Settle(long from, long to, List<MessageRun>? live, QueueJournal? gone)
    {
        var start = (int)(Math.Max(from, First) - _run.First);
        var end = (int)(Math.Min(to, End) - _run.First);
        if (start >= end)
        {
            return 0;
        }

        int settled;
        if (_holes is null && start == _settled)
        {
            live?.Add(Slice(start, end));
            gone?.Settle(_run.First + start, _run.First + end);
            settled = end - start;
            _settled = end;
            if (live is null)
            {
                // A large record is a run of its own.
                LargeRecord.LetGo(_run.Records);
            }
        }
        else
        {
            _holes ??= new RunHoles(_run.Count);
            settled = 0;
            for (var at = _holes.NextLive(start, end); at < end; at = _holes.NextLive(at, end))
            {
                var stop = _holes.NextSettled(at, end);
                live?.Add(Slice(at, stop));
                gone?.Settle(_run.First + at, _run.First + stop);
                _holes.Settle(at, stop);
                settled += stop - at;
                at = stop;
            }

            _settled = _holes.NextLive(_settled, _run.Count);
        }

        Live -= settled;
        return settled;
    }

    /// <summary>
    /// Makes room for messages that come back into a hole of this run, which ends before it from now on.
    /// Answers with what there is after the hole; nothing of that may be live.
    /// </summary>
    public UnackedRun SplitAround(long from, long to)
    {
        var end = (int)(from - _run.First);
        var next = (int)(Math.Min(to, End) - _run.First);
        var upper = next < _run.Count ? Part(next, _run.Count) : default;
        this = Part(0, end);
        return upper;
    }

    /// <summary>A part of this run that knows by itself what is settled in it.</summary>
    private readonly UnackedRun Part(int start, int end)
    {
        var part = new UnackedRun(Slice(start, end), Consumer) { Live = 0 };
        var holes = new RunHoles(end - start);
        var settled = start;
        for (var live = NextLive(Math.Max(start, _settled), end); live < end; live = NextLive(live, end))
        {
            holes.Settle(settled - start, live - start);
            settled = _holes?.NextSettled(live, end) ?? end;
            part.Live += settled - live;
            live = settled;
        }

        holes.Settle(settled - start, end - start);
        part._holes = holes;
        part._settled = holes.NextLive(0, end - start);
        return part;
    }

    /// <summary>Gives up the memory: only the store has the messages from now on.</summary>
    public void LetGo()
    {
        // A large record is a run of its own.
        var large = _run.Records;
        _run = _run.LetGoUnread();
        LargeRecord.LetGo(large);
    }

    /// <summary>Takes in a run of which the memory was given up, too, and that follows; so many of them cost no more than one.</summary>
    public bool TryTakeIn(in UnackedRun next)
    {
        // Without what is settled: the run of a consumer that always holds some would grow with all that it ever gets.
        if (next.Consumer != Consumer || _holes is not null || next._holes is not null || next._settled > 0 || _run.IsLoaded || next._run.IsLoaded
            || !MessageRun.TryJoin(Slice(_settled, _run.Count), next._run, out var joined))
        {
            return false;
        }

        (_run, _settled) = (joined, 0);
        Live += next.Live;
        return true;
    }

    /// <summary>Adds each stretch of live messages to <paramref name="stretches"/>.</summary>
    public readonly void AddLive(List<MessageRun> stretches)
    {
        for (var at = NextLive(_settled, _run.Count); at < _run.Count; at = NextLive(at, _run.Count))
        {
            var stop = _holes?.NextSettled(at, _run.Count) ?? _run.Count;
            stretches.Add(Slice(at, stop));
            at = stop;
        }
    }

    /// <summary>Whether the live messages are better copied out of their array, by the average size of a message.</summary>
    public readonly bool IsWasteful => SparseMemory.IsWasted(_run.Records, (int)((long)_run.Length * Live / _run.Count));

    /// <summary>The live messages, each stretch in an array of its own, or nothing if that would take about as much memory.</summary>
    public readonly UnackedRun[] Rewrite()
    {
        const int CostOfRun = 128;
        var stretches = new List<UnackedRun>();
        var bytes = 0;
        var limit = MessageRun.PinnedBy(_run.Records) / 2;
        for (var at = NextLive(_settled, _run.Count); at < _run.Count; at = NextLive(at, _run.Count))
        {
            var stop = _holes?.NextSettled(at, _run.Count) ?? _run.Count;
            var slice = Slice(at, stop);
            bytes += slice.Length + CostOfRun;
            if (bytes > limit)
            {
                return [];
            }

            stretches.Add(new UnackedRun(slice with { Records = slice.Records.ToArray() }, Consumer));
            at = stop;
        }

        return [.. stretches];
    }

    private readonly int NextLive(int from, int end) => _holes?.NextLive(from, end) ?? from;

    private readonly MessageRun Slice(int start, int end)
    {
        if (start == 0 && end == _run.Count)
        {
            return _run;
        }

        if (!_run.IsLoaded)
        {
            return _run with { First = _run.First + start, Count = end - start };
        }

        var from = PositionOf(start);
        var length = end == _run.Count ? _run.Length - from
            : _holes is null ? _run.After(start, from).LengthOf(end - start)
            : PositionOf(end) - from;
        return _run with { Records = _run.Records.Slice(from, length), First = _run.First + start, Count = end - start };
    }

    private readonly int PositionOf(int index) => _holes is null ? _run.LengthOf(index) : _holes.PositionOf(index, _run);
}
