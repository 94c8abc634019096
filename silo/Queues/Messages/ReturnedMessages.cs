namespace Granary.Silo.Queues.Messages;

/// <summary>Messages that were taken and came back; they stand before the backlog, in the order of their offsets.</summary>
internal sealed class ReturnedMessages
{
    private readonly SortedRuns<Entry> _runs = new();

    public long Count { get; private set; }

    public long Bytes { get; private set; }

    public bool IsEmpty => _runs.IsEmpty;

    public MessageRun First => _runs.First.Run;

    public void Add(in MessageRun run)
    {
        Count += run.Count;
        Bytes += run.Length;

        if (!_runs.TryFind(run.First, out var next))
        {
            if (_runs.IsEmpty || !TryJoin(ref _runs.Last.Run, run))
            {
                _runs.Append(new Entry(run));
            }

            return;
        }

        var joinsPrevious = _runs.TryPrevious(next, out var previous) && TryJoin(ref _runs[previous].Run, run);
        ref var left = ref joinsPrevious ? ref _runs[previous].Run : ref System.Runtime.CompilerServices.Unsafe.AsRef(in run);
        if (MessageRun.TryJoin(left, _runs[next].Run, out var joined))
        {
            _runs[next].Run = joined;
            if (joinsPrevious)
            {
                _runs.Remove(previous);
            }
        }
        else if (!joinsPrevious)
        {
            _runs.Insert(new Entry(run));
        }
    }

    /// <summary>Takes the first <paramref name="count"/> messages of the first run, which take <paramref name="length"/> bytes.</summary>
    public MessageRun Take(int count, int length)
    {
        Count -= count;
        Bytes -= length;
        ref var first = ref _runs.First.Run;
        var taken = first;
        if (count == first.Count)
        {
            _runs.RemoveFirst();
            return taken;
        }

        taken = first.Head(count, length);
        first = first.After(count, length);
        return taken;
    }

    public bool Tidy(long now, ref TidyScan scan)
    {
        while (scan.Continue && _runs.TryFind(scan.Next, out var position))
        {
            ref var run = ref _runs[position].Run;
            scan.Advance(run.End);
            if (!SparseMemory.IsWasted(run.Records))
            {
                continue;
            }

            if (now - run.Since < SparseMemory.AgeLimit)
            {
                scan.SawYoung();
                continue;
            }

            run = run with { Records = run.Records.ToArray() };
        }

        return scan.EndPass();
    }

    public void ForEach(Action<MessageRun> action)
    {
        var next = long.MinValue;
        while (_runs.TryFind(next, out var position))
        {
            var run = _runs[position].Run;
            action(run);
            next = run.End;
        }
    }

    public void Clear()
    {
        _runs.Clear();
        Count = 0;
        Bytes = 0;
    }

    private static bool TryJoin(ref MessageRun left, in MessageRun right)
    {
        if (!MessageRun.TryJoin(left, right, out var joined))
        {
            return false;
        }

        left = joined;
        return true;
    }

    private struct Entry(MessageRun run) : IOffsetRun
    {
        public MessageRun Run = run;

        public readonly long First => Run.First;

        public readonly long End => Run.End;
    }
}
