using Granary.Silo.Queues.Consumers;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Messages;

/// <summary>What was delivered over one link and is not settled, by offset.</summary>
internal sealed class UnackedMessages
{
    private readonly SortedRuns<UnackedRun> _runs = new();
    private TidyScan _scan;

    public long Count { get; private set; }

    /// <summary>Memory may have to be given back some time.</summary>
    public bool NeedsTidy { get; private set; }

    public void Add(in MessageRun run, Consumer? consumer)
    {
        Count += run.Count;
        NeedsTidy = true;
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
            var upper = _runs[around].SplitAround(run.First, run.End);
            if (upper.Live > 0)
            {
                _runs.Insert(upper);
            }
        }

        _runs.Insert(new UnackedRun(run, consumer));
    }

    /// <summary>Settles the live ones of a range; what they were is added to <paramref name="live"/> when it is wanted, and told to <paramref name="gone"/>.</summary>
    /// <returns>How many messages were settled.</returns>
    public long Settle(long from, long to, List<MessageRun>? live, QueueJournal? gone, ConsumerRing ring)
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
                if (run.Consumer is { } consumer)
                {
                    ring.Settled(consumer, settled);
                }

                if (run.Live > 0)
                {
                    break;
                }

                whole++;
            }

            if (whole > 0)
            {
                _runs.Remove(position, whole);
            }
        }

        NeedsTidy = Count > 0;
        return before - Count;
    }

    public void Clear()
    {
        _runs.Clear();
        Count = 0;
        NeedsTidy = false;
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
                _runs.Remove(position);
                foreach (var stretch in rewritten)
                {
                    _runs.Insert(stretch);
                }
            }
        }

        NeedsTidy = _scan.EndPass() && Count > 0;
    }
}
