using Granary.Core.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Messages;

/// <summary>Messages that were taken and came back; they stand before the backlog, in the order of their offsets.</summary>
internal sealed class ReturnedMessages
{
    private const int MostReadTogether = 1024;

    /// <summary>A store reads so few messages that are between two runs sooner than it is asked again.</summary>
    private const int MostBetween = 32;

    private readonly SortedRuns<Entry> _runs = new();

    /// <summary>Those of which nothing is known (<see cref="MessageRun.IsUnseen"/>). Null: there never were any.</summary>
    private OffsetSet? _unseen;

    public long Count { get; private set; }

    /// <summary>The record bytes of those in memory.</summary>
    public long Bytes { get; private set; }

    /// <summary>The record bytes of those that only the store has, and of these the bytes of bodies.</summary>
    public (long Bytes, long Bodies) Unread { get; private set; }

    public bool IsEmpty => _runs.IsEmpty;

    public MessageRun First => _runs.First.Run;

    /// <summary>There are some of which nothing is known, not even when they expire.</summary>
    public bool HasUnseen => _unseen is { IsEmpty: false };

    public void Add(in MessageRun run)
    {
        Count += run.Count;
        Bytes += run.Length;
        NoteUnread(run, 1);
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

    /// <summary>Takes out the first messages of any between two offsets. False: there are none.</summary>
    public bool TryTakeAt(long from, long end, out MessageRun taken)
    {
        taken = default;
        if (!_runs.TryFind(from, out var position) || _runs[position].First >= end)
        {
            return false;
        }

        var run = _runs[position].Run;
        var (first, to) = (Math.Max(run.First, from), Math.Min(run.End, end));
        taken = PartOf(run, first, to);
        _runs.Remove(position);
        if (run.First < first)
        {
            _runs.Insert(new Entry(PartOf(run, run.First, first)));
        }

        if (to < run.End)
        {
            _runs.Insert(new Entry(PartOf(run, to, run.End)));
        }

        Count -= taken.Count;
        Bytes -= taken.Length;
        NoteUnread(taken, -1);
        return true;
    }

    /// <summary>Of any between two offsets only the store knows when they expire.</summary>
    public bool HasUnseenIn(long from, long end) => _unseen?.Touches(from, end) == true;

    /// <summary>
    /// What is to be read next, and what follows it closely: the first, if only the store has it; else those of which nothing is known, wherever they stand. Others may
    /// be among them.
    /// </summary>
    public bool TryFindUnread(out long first, out long end)
    {
        (first, end) = _runs.IsEmpty ? default : (First.First, First.End);
        var isNext = !_runs.IsEmpty && !First.IsLoaded;
        if (!isNext && _unseen?.TryFirst(out first, out end) != true)
        {
            return false;
        }

        for (var count = 1; count < MostReadTogether && _runs.TryFind(end, out var position) && _runs[position].First - end < MostBetween; count++)
        {
            var run = _runs[position].Run;
            if (isNext ? run.IsLoaded : !run.IsUnseen)
            {
                break;
            }

            end = run.End;
        }

        return true;
    }

    /// <summary>Puts records in place that were read back for messages that only the store had.</summary>
    /// <returns>Those that were put in place.</returns>
    public List<MessageRun> Load(in MessageRun read, long now)
    {
        List<MessageRun> all = [];
        for (var at = read.First; at < read.End && _runs.TryFind(at, out var position) && _runs[position].First < read.End;)
        {
            var run = _runs[position].Run;
            at = run.End;
            if (run.IsLoaded)
            {
                continue;
            }

            var (from, to) = (Math.Max(run.First, read.First), Math.Min(run.End, read.End));
            var loaded = PartOf(read, from, to) with
            {
                Redelivered = run.Redelivered,
                Due = Math.Min(run.Due, read.Due),
                Since = now,
                Lane = run.Lane,
            };
            NoteUnread(PartOf(run, from, to), -1);
            Replace(position, run, from, to);
            _runs.Insert(new Entry(loaded));
            Bytes += loaded.Length;
            all.Add(loaded);
            at = to;
        }

        return all;
    }

    /// <summary>Gives the memory up again of messages that were just read back: when they expire, and how large they are, is known from now on.</summary>
    public void LetGo(in MessageRun loaded)
    {
        _runs.TryFind(loaded.First, out var position);
        ref var run = ref _runs[position].Run;
        Bytes -= run.Length;
        run = run.LetGoUnread();
        NoteUnread(run, 1);

        // A large record is a run of its own.
        LargeRecord.LetGo(loaded.Records);
    }

    /// <summary>Removes what of a range was not read back, because the store does not have it, and says how many messages that are.</summary>
    public long RemoveUnloaded(long first, long end)
    {
        var removed = 0L;
        while (first < end && _runs.TryFind(first, out var position) && _runs[position].First < end)
        {
            var run = _runs[position].Run;
            var (from, to) = (Math.Max(run.First, first), Math.Min(run.End, end));
            first = to;
            if (!run.IsLoaded)
            {
                NoteUnread(PartOf(run, from, to), -1);
                Replace(position, run, from, to);
                removed += to - from;
            }
        }

        Count -= removed;
        return removed;
    }

    /// <summary>Those from an offset on, in their order.</summary>
    public IEnumerable<MessageRun> From(long offset)
    {
        for (var at = offset; _runs.TryFind(at, out var position); at = _runs[position].End)
        {
            yield return _runs[position].Run.From(offset);
        }
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
        Unread = default;
        _unseen = null;
    }

    private void NoteUnread(in MessageRun run, int sign)
    {
        if (run.IsUnseen)
        {
            _unseen ??= new OffsetSet();
            if (sign > 0)
            {
                _unseen.Add(run.First, run.End);
            }
            else
            {
                _unseen.Remove(run.First, run.End, removed: null);
            }
        }
        else if (!run.IsLoaded)
        {
            var (bytes, bodies) = run.Size();
            Unread = (Unread.Bytes + (sign * bytes), Unread.Bodies + (sign * bodies));
        }
    }

    private static MessageRun PartOf(in MessageRun run, long from, long to)
    {
        var skipped = (int)(from - run.First);
        var rest = skipped == 0 ? run : run.After(skipped, run.LengthOf(skipped));
        var count = (int)(to - from);
        return count == rest.Count ? rest : rest.Head(count, rest.LengthOf(count));
    }

    /// <summary>Leaves of a run without records what is before and after two offsets.</summary>
    private void Replace(RunPosition position, MessageRun run, long from, long to)
    {
        _runs.Remove(position);
        if (from > run.First)
        {
            _runs.Insert(new Entry(run.Head((int)(from - run.First), 0)));
        }

        if (to < run.End)
        {
            _runs.Insert(new Entry(run.After((int)(to - run.First), 0)));
        }
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
