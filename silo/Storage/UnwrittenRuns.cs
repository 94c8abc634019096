using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Storage;

/// <summary>Runs on their way to the store, by ascending offsets, held as long as they are here. What is settled before it was written leaves: it needs no write any more.</summary>
internal sealed class UnwrittenRuns
{
    private readonly List<MessageRun> _runs = [];

    /// <summary>How many at the start of the list are gone: taking away from the front moves nothing.</summary>
    private int _start;

    public bool IsEmpty => _runs.Count == _start;

    /// <summary>The first offset, or <see cref="long.MaxValue"/>.</summary>
    public long First => IsEmpty ? long.MaxValue : _runs[_start].First;

    public void Add(in MessageRun run)
    {
        LargeRecord.Hold(run.Records);
        if (IsEmpty || _runs[^1].End <= run.First)
        {
            _runs.Add(run);
            return;
        }

        _runs.Insert(Find(run.First), run);
    }

    /// <summary>Takes out what there is of the messages from <paramref name="first"/> to below <paramref name="end"/>.</summary>
    public void Remove(long first, long end)
    {
        if (IsEmpty || end <= First)
        {
            return;
        }

        for (var at = Find(first); at < _runs.Count && _runs[at].First < end;)
        {
            var run = _runs[at];
            if (first <= run.First && run.End <= end)
            {
                RemoveAt(ref at);
                continue;
            }

            var before = (int)(first - run.First);
            var after = (int)(end - run.First);
            if (before > 0)
            {
                _runs[at] = run.Head(before, run.LengthOf(before));
                at++;
            }

            if (after < run.Count)
            {
                var rest = run.After(after, run.LengthOf(after));
                if (before > 0)
                {
                    _runs.Insert(at, rest);
                }
                else
                {
                    _runs[at] = rest;
                }

                return;
            }
        }
    }

    /// <summary>Any of the messages from <paramref name="first"/> to below <paramref name="end"/> is here.</summary>
    public bool Touches(long first, long end) => !IsEmpty && Find(first) is var at && at < _runs.Count && _runs[at].First < end;

    /// <summary>Copies all of them to <paramref name="runs"/>.</summary>
    public void CopyTo(List<MessageRun> runs)
    {
        for (var i = _start; i < _runs.Count; i++)
        {
            runs.Add(_runs[i]);
        }
    }

    public void Clear()
    {
        for (var i = _start; i < _runs.Count; i++)
        {
            LargeRecord.LetGo(_runs[i].Records);
        }

        _runs.Clear();
        _start = 0;
    }

    private void RemoveAt(ref int at)
    {
        LargeRecord.LetGo(_runs[at].Records);
        if (at == _start)
        {
            _runs[at] = default;
            at = ++_start;
            if (_start == _runs.Count)
            {
                Clear();
                at = 0;
            }
        }
        else
        {
            _runs.RemoveAt(at);
        }
    }

    /// <summary>The index of the first run that ends after <paramref name="offset"/>.</summary>
    private int Find(long offset)
    {
        int low = _start, high = _runs.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_runs[middle].End <= offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
