using Granary.Silo.Queues.Consumers;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Messages;

/// <summary>What was delivered over one link and is not settled, by offset.</summary>
internal sealed class UnackedMessages
{
    private readonly SortedRuns<UnackedRun> _runs = new();
    private readonly List<MessageRun> _stretches = [];
    private TidyScan _scan;
    private long _bytes;
    private long _reported;

    /// <summary>Whatever is below it was looked at, and its memory given up.</summary>
    private long _letGoEnd;

    public long Count { get; private set; }

    /// <summary>The lowest offset of any; <see cref="long.MaxValue"/>: there is none.</summary>
    public long FirstOffset => _runs.IsEmpty ? long.MaxValue : _runs.First.First;

    /// <summary>Memory may have to be given back some time.</summary>
    public bool NeedsTidy { get; private set; }

    /// <summary>Where the memory of all links of the queue is counted; null: nowhere, as nothing is stored.</summary>
    public UnackedMemory? Memory { get; set; }

    public void Add(in MessageRun run, Consumer? consumer)
    {
        Count += run.Count;
        NeedsTidy = true;
        _bytes += run.Length;
        _letGoEnd = Math.Min(_letGoEnd, run.First);
        Insert(run, consumer);
        Report();
    }

    private void Insert(in MessageRun run, Consumer? consumer)
    {
        if (_runs.IsEmpty || _runs.Last.End <= run.First)
        {
            if (_runs.IsEmpty || !_runs.Last.TryExtend(run, consumer))
            {
                _runs.Append(new UnackedRun(run, consumer));
            }

            return;
        }

        // Redelivered: it may belong into a hole of a run whose other messages are still out.
        if (_runs.TryFind(run.First, out var around) && _runs[around].First < run.First)
        {
            _bytes -= _runs[around].Run.Length;
            var upper = _runs[around].SplitAround(run.First, run.End);
            _bytes += _runs[around].Run.Length + (upper.Live > 0 ? upper.Run.Length : 0);
            if (upper.Live > 0)
            {
                _runs.Insert(upper);
            }
        }

        _runs.Insert(new UnackedRun(run, consumer));
    }

    /// <summary>Settles the live ones of a range; what they were is added to <paramref name="live"/> when it is wanted, and told to <paramref name="gone"/>.</summary>
    /// <param name="dispatch">Told how many each consumer has settled; null: they still have them.</param>
    /// <param name="holders">Takes who got it for each of <paramref name="live"/>; null for a get.</param>
    /// <returns>How many messages were settled.</returns>
    public long Settle(long from, long to, List<MessageRun>? live, QueueJournal? gone, Dispatch? dispatch, List<Consumer?>? holders = null)
    {
        var before = Count;
        var at = from;
        while (at < to && _runs.TryFind(at, out var position) && _runs[position].First < to)
        {
            // Runs that are settled altogether leave their block together.
            var inBlock = _runs.CountInBlock(position);
            var whole = 0;
            while (whole < inBlock)
            {
                ref var run = ref _runs[position with { Index = position.Index + whole }];
                if (run.First >= to)
                {
                    at = to;
                    break;
                }

                at = run.End;
                var settled = run.Settle(from, to, live, gone);
                Count -= settled;
                while (holders?.Count < live?.Count)
                {
                    holders.Add(run.Consumer);
                }

                if (run.Consumer is { } consumer)
                {
                    dispatch?.Settled(consumer, settled);
                }

                if (run.Live > 0)
                {
                    break;
                }

                _bytes -= run.Run.Length;
                whole++;
            }

            if (whole > 0)
            {
                _runs.Remove(position, whole);
            }
        }

        NeedsTidy = Count > 0;
        Report();
        return before - Count;
    }

    public void Clear()
    {
        _runs.Clear();
        Count = 0;
        NeedsTidy = false;
        _bytes = 0;
        Report();
    }

    /// <summary>Gives up the memory of the oldest, about so many bytes of it; see <see cref="UnackedMemory.LetGo"/>.</summary>
    /// <returns>Whether there is, or soon will be, less of it.</returns>
    public bool LetGo(long bytes, long storedEnd, QueueJournal journal, bool isDurable, List<MessageRun> copies)
    {
        const int MostSteps = 4096;
        var before = _bytes;
        var goal = _bytes - bytes;
        var handed = 0;
        var isWhole = true;
        var at = _letGoEnd;
        for (var steps = 0; steps < MostSteps && _bytes > goal && handed < ReadyMessages.LargestHead && _runs.TryFind(at, out var position); steps++)
        {
            ref var run = ref _runs[position];
            at = run.End;
            if (run.Run.IsLoaded)
            {
                var isKept = isDurable && run.Run.IsPersistent;
                var copied = isKept || run.IsHanded ? 0 : HandOver(ref run, journal, copies);
                handed += copied;
                if (copied > 0 || !(isKept || run.IsHanded) || run.End > storedEnd)
                {
                    // The store does not have it yet; of what is handed over in this turn not even the journal knows.
                    isWhole = false;
                    continue;
                }

                _bytes -= run.Run.Length;
                run.LetGo();
            }

            if (_runs.TryPrevious(position, out var previous) && _runs[previous].TryTakeIn(run))
            {
                _runs.Remove(position);
            }

            _letGoEnd = isWhole ? at : _letGoEnd;
        }

        Report();
        return _bytes < before || handed > 0;
    }

    /// <summary>Adds those that are in memory; false if others are only in the store.</summary>
    public bool AddLoaded(List<MessageRun> runs)
    {
        var isAll = true;
        for (var at = long.MinValue; _runs.TryFind(at, out var position);)
        {
            ref var run = ref _runs[position];
            at = run.End;
            if (run.Run.IsLoaded)
            {
                run.AddLive(runs);
            }
            else
            {
                isAll = false;
            }
        }

        return isAll;
    }

    /// <summary>Tells of each stretch that is not settled, and who got it; null: for a get.</summary>
    public void ForEachLive(Action<MessageRun, Consumer?> action)
    {
        for (var at = long.MinValue; _runs.TryFind(at, out var position);)
        {
            ref var run = ref _runs[position];
            at = run.End;
            run.AddLive(_stretches);
            foreach (var stretch in _stretches)
            {
                action(stretch, run.Consumer);
            }

            _stretches.Clear();
        }
    }

    /// <summary>Gives up arrays of which little is left unsettled.</summary>
    public void Tidy(long now)
    {
        if (!NeedsTidy)
        {
            return;
        }

        _scan.BeginStep();
        while (_scan.Continue && _runs.TryFind(_scan.Next, out var position))
        {
            ref var run = ref _runs[position];
            _scan.Advance(run.End);
            if (!run.IsWasteful)
            {
                continue;
            }

            if (now - run.Run.Since < SparseMemory.AgeLimit)
            {
                _scan.SawYoung();
                continue;
            }

            var rewritten = run.Rewrite();
            if (rewritten.Length > 0)
            {
                _bytes -= run.Run.Length;
                _runs.Remove(position);
                foreach (var stretch in rewritten)
                {
                    _bytes += stretch.Run.Length;
                    _runs.Insert(stretch);
                }
            }
        }

        NeedsTidy = _scan.EndPass() && Count > 0;
        Report();
    }

    /// <summary>Has what is live of a run stored, unless it is. Says how many bytes that are.</summary>
    private int HandOver(ref UnackedRun run, QueueJournal journal, List<MessageRun> copies)
    {
        run.AddLive(_stretches);
        var bytes = 0;
        if (_stretches.TrueForAll(stretch => journal.Has(stretch.First, stretch.End) != Holding.Part))
        {
            foreach (var stretch in _stretches)
            {
                if (journal.Has(stretch.First, stretch.End) == Holding.None)
                {
                    copies.Add(stretch);
                    bytes += stretch.Length;
                }
            }

            run.IsHanded = true;
        }

        _stretches.Clear();
        return bytes;
    }

    private void Report()
    {
        if (Memory is not null && _bytes != _reported)
        {
            Memory.Change(this, _reported, _bytes);
            _reported = _bytes;
        }
    }
}
