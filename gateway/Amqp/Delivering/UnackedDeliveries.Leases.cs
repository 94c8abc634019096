using System.Runtime.InteropServices;

namespace Granary.Gateway.Amqp.Delivering;

/// <summary>Deliveries that may be kept for a while only: whose lease is over is no longer waiting, and what is said of it later is neither an error nor has it any effect.</summary>
internal sealed partial class UnackedDeliveries
{
    // By tag: when the lease is over, as a timestamp, instead of what queue and consumer say.
    private Dictionary<ulong, long>? _extended;

    private LateTags? _lateTags;
    private int _late;

    /// <summary>How many deliveries were settled too late since the last time.</summary>
    public int TakeLate()
    {
        var late = _late;
        _late = 0;
        return late;
    }

    /// <summary>Its lease is over.</summary>
    public bool IsLate(ulong tag) => _lateTags is { } late && late.Contains(tag);

    /// <summary>Has the lease of a delivery end at another time. False when the tag is not waiting (any more), and never was too late.</summary>
    /// <param name="until">As a timestamp; null: the time that it had at first begins anew.</param>
    public bool TryExtend(ulong tag, AckPatience patience, TimeSpan? ofConsumer, long? until)
    {
        var index = Find(tag);
        if (index < 0 || _runs[index].IsSettled(tag))
        {
            return NoteLate(tag, multiple: false);
        }

        if (LeaseOf(_runs[index], ofConsumer) is { } lease)
        {
            (_extended ??= [])[tag] = until ?? patience.In(lease);
        }

        return true;
    }

    /// <summary>Takes the deliveries whose lease is over; to be called when <see cref="AckPatience.LooksForLeases"/>.</summary>
    /// <param name="ofConsumer">What the only consumer asked for, where there is but one and it is not named with each delivery.</param>
    public void EndLeases(AckPatience patience, TimeSpan? ofConsumer, Action<SettledDelivery> ended)
    {
        ForgetSettled();
        for (var i = _head; i < _tail; i++)
        {
            ref var run = ref _runs[i];
            if (run.IsEmpty || LeaseOf(run, ofConsumer) is not { } lease)
            {
                continue;
            }

            var isOver = patience.IsLeaseOver(run.Since, lease);
            if (_extended is not null)
            {
                EndOneByOne(ref run, patience, isOver, ended);
            }
            else if (isOver)
            {
                Take(ref run, int.MaxValue, delivery => End(delivery, ended));
            }
        }

        DropEmptyHead();
    }

    /// <summary>What was taken from here, but is not settled yet, is too late.</summary>
    public void NoteEnded(in SettledDelivery delivery) => (_lateTags ??= new LateTags()).Add(delivery.FirstTag, delivery.Offsets.Count);

    public static TimeSpan? LeaseOf(in SettledDelivery delivery) => delivery.Consumer is { Lease: { } own } ? own : delivery.Session.MessageLease;

    private static TimeSpan? LeaseOf(in Run run, TimeSpan? ofConsumer) => run.Consumer is { Lease: { } own } ? own : ofConsumer ?? run.Session.MessageLease;

    private void EndOneByOne(ref Run run, AckPatience patience, bool isOver, Action<SettledDelivery> ended)
    {
        // Before anything of the run is taken, which moves what is left.
        var over = new List<ulong>();
        for (var at = 0; at < run.Count; at++)
        {
            var tag = run.FirstTag + (ulong)at;
            if (!run.IsSettled(tag) && (_extended!.TryGetValue(tag, out var until) ? until <= patience.Now : isOver))
            {
                over.Add(tag);
            }
        }

        foreach (var tag in over)
        {
            TakeOne(ref run, tag, delivery => End(delivery, ended));
        }
    }

    private void End(SettledDelivery delivery, Action<SettledDelivery> ended)
    {
        NoteEnded(delivery);
        ended(delivery);
    }

    private void ForgetSettled()
    {
        foreach (var tag in _extended?.Keys.ToArray() ?? [])
        {
            var index = Find(tag);
            if (index < 0 || _runs[index].IsSettled(tag))
            {
                _extended!.Remove(tag);
            }
        }

        _extended = _extended is { Count: > 0 } ? _extended : null;
    }

    /// <summary>Counts what is settled too late; false if nothing is.</summary>
    private bool NoteLate(ulong tag, bool multiple)
    {
        if (_lateTags is not { } tags)
        {
            return false;
        }

        var isLate = tags.Contains(tag);
        _late += multiple ? tags.TakeThrough(tag) : isLate ? 1 : 0;
        return isLate;
    }

    /// <summary>Which tags were of deliveries whose lease is over, in ranges. Those that are settled altogether are forgotten.</summary>
    private sealed class LateTags
    {
        // A client that settles every other delivery in time would have one for each of the others.
        private const int Most = 10_000;

        private readonly List<(ulong First, ulong End)> _ranges = [];

        public bool Contains(ulong tag)
        {
            var at = Find(tag);
            return at < _ranges.Count && _ranges[at].First <= tag;
        }

        public void Add(ulong first, int count)
        {
            var end = first + (ulong)count;
            var at = Find(first);
            var ranges = CollectionsMarshal.AsSpan(_ranges);
            var joinsLower = at > 0 && ranges[at - 1].End == first;
            var joinsUpper = at < ranges.Length && ranges[at].First == end;
            if (joinsLower)
            {
                ranges[at - 1].End = joinsUpper ? ranges[at].End : end;
                if (joinsUpper)
                {
                    _ranges.RemoveAt(at);
                }
            }
            else if (joinsUpper)
            {
                ranges[at].First = first;
            }
            else
            {
                _ranges.Insert(at, (first, end));
                if (_ranges.Count > Most)
                {
                    // What lies between the two oldest was settled, and who settles it again is not told that it cannot be.
                    _ranges[1] = (_ranges[0].First, _ranges[1].End);
                    _ranges.RemoveAt(0);
                }
            }
        }

        /// <summary>Forgets those up to one; says how many there were.</summary>
        public int TakeThrough(ulong tag)
        {
            var (count, at) = (0UL, 0);
            for (; at < _ranges.Count && _ranges[at].End - 1 <= tag; at++)
            {
                count += _ranges[at].End - _ranges[at].First;
            }

            if (at < _ranges.Count && _ranges[at].First <= tag)
            {
                count += tag + 1 - _ranges[at].First;
                _ranges[at] = (tag + 1, _ranges[at].End);
            }

            _ranges.RemoveRange(0, at);
            return (int)count;
        }

        /// <summary>The first range that ends behind a tag.</summary>
        private int Find(ulong tag)
        {
            var (low, high) = (0, _ranges.Count);
            while (low < high)
            {
                var middle = (low + high) >>> 1;
                (low, high) = _ranges[middle].End > tag ? (low, middle) : (middle + 1, high);
            }

            return low;
        }
    }
}
