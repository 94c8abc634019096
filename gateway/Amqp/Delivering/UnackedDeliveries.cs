using Granary.Core.Links;

namespace Granary.Gateway.Amqp.Delivering;

/// <summary>
/// The deliveries of one channel that wait for an acknowledgement, by delivery tag. Tags and offsets grow together, so runs of them are kept,
/// not single ones; a tag settled out of turn is a bit in its run. Settling in order costs a step per run.
/// </summary>
internal sealed partial class UnackedDeliveries
{
    private Run[] _runs = new Run[4];
    private int _head;
    private int _tail;

    /// <summary>How many deliveries are not settled.</summary>
    public int Count { get; private set; }

    /// <summary>Those of them that were delivered to a consumer, and not got.</summary>
    public int CountOfConsumers { get; private set; }

    /// <summary>Adds deliveries with tags above all earlier ones.</summary>
    /// <param name="since">About when they were delivered, as a timestamp; see <see cref="AckPatience.Since"/>.</param>
    public void Add(ulong firstTag, int count, QueueSession session, long firstOffset, AmqpConsumer? consumer, long since)
    {
        Count += count;
        CountOfConsumers += consumer is null ? 0 : count;
        if (_tail > _head)
        {
            ref var last = ref _runs[_tail - 1];
            if (last.Settled is null && last.Since == since && ReferenceEquals(last.Session, session) && ReferenceEquals(last.Consumer, consumer)
                && last.FirstTag + (ulong)last.Count == firstTag && last.FirstOffset + last.Count == firstOffset)
            {
                last.Count += count;
                return;
            }
        }

        if (_tail == _runs.Length)
        {
            MakeRoom();
        }

        _runs[_tail++] = new Run { FirstTag = firstTag, Count = count, Session = session, FirstOffset = firstOffset, Consumer = consumer, Since = since };
    }

    /// <summary>Takes back deliveries that a rolled back transaction had settled; their tags may lie anywhere. For these the time to acknowledge begins anew.</summary>
    public void Restore(IEnumerable<SettledDelivery> deliveries, long since)
    {
        var all = deliveries.Select(delivery => delivery with { Since = since }).ToList();
        TakeAll(all.Add);
        all.Sort((a, b) => a.FirstTag.CompareTo(b.FirstTag));
        foreach (var delivery in all)
        {
            Add(delivery.FirstTag, delivery.Offsets.Count, delivery.Session, delivery.Offsets.First, delivery.Consumer, delivery.Since);
        }
    }

    /// <summary>Settles one delivery, or all up to it. False when the tag is not waiting (any more). For one whose lease is over there is nothing to settle, see <see cref="TakeLate"/>.</summary>
    public bool TrySettle(ulong tag, bool multiple, Action<SettledDelivery> settled)
    {
        if (multiple && tag == 0)
        {
            NoteLate(ulong.MaxValue, multiple);
            TakeAll(settled);
            return true;
        }

        var index = Find(tag);
        if (index < 0 || _runs[index].IsSettled(tag))
        {
            if (!NoteLate(tag, multiple))
            {
                return false;
            }

            if (multiple)
            {
                TakeThrough(tag, settled);
            }

            return true;
        }

        if (multiple)
        {
            NoteLate(tag, multiple);
            TakeThrough(tag, settled);
        }
        else
        {
            TakeOne(ref _runs[index], tag, settled);
            DropEmptyHead();
        }

        return true;
    }

    public void TakeAll(Action<SettledDelivery> settled)
    {
        for (; _head < _tail; _head++)
        {
            Take(ref _runs[_head], int.MaxValue, settled);
            _runs[_head] = default;
        }

        _head = _tail = 0;
    }

    private void TakeThrough(ulong tag, Action<SettledDelivery> settled)
    {
        for (; _head < _tail && _runs[_head].FirstTag + (ulong)_runs[_head].Count <= tag; _head++)
        {
            Take(ref _runs[_head], int.MaxValue, settled);
            _runs[_head] = default;
        }

        if (_head < _tail && _runs[_head].FirstTag <= tag)
        {
            Take(ref _runs[_head], (int)(tag - _runs[_head].FirstTag) + 1, settled);
        }

        DropEmptyHead();
    }

    private void DropEmptyHead()
    {
        while (_head < _tail && _runs[_head].IsEmpty)
        {
            _runs[_head++] = default;
        }

        if (_head == _tail)
        {
            _head = _tail = 0;
        }
    }

    /// <summary>The time that a delivery was to be acknowledged in and has not been; null if there is none.</summary>
    public TimeSpan? FindOverdue(AckPatience patience)
    {
        for (var i = _head; i < _tail; i++)
        {
            ref var run = ref _runs[i];
            if (!run.IsEmpty && patience.IsOver(run.Session, run.Since) is { } timeout)
            {
                return timeout;
            }
        }

        return null;
    }

    private void TakeOne(ref Run run, ulong tag, Action<SettledDelivery> settled)
    {
        var index = (int)(tag - run.FirstTag);
        Settle(run, index, 1, settled);
        if (index == 0)
        {
            run.DropFirst(1);
            return;
        }

        if (index == run.Count - 1)
        {
            run.Count--;
            return;
        }

        run.MarkSettled(index);
    }

    // The first `limit` deliveries of a run, without those settled before.
    private void Take(ref Run run, int limit, Action<SettledDelivery> settled)
    {
        limit = Math.Min(limit, run.Count);
        if (run.Settled is null)
        {
            if (limit > 0)
            {
                Settle(run, 0, limit, settled);
            }
        }
        else
        {
            for (var i = 0; i < limit;)
            {
                if (run.IsSettledAt(i))
                {
                    i++;
                    continue;
                }

                var start = i;
                while (i < limit && !run.IsSettledAt(i))
                {
                    i++;
                }

                Settle(run, start, i - start, settled);
            }
        }

        run.DropFirst(limit);
    }

    private void Settle(in Run run, int index, int count, Action<SettledDelivery> settled)
    {
        Count -= count;
        CountOfConsumers -= run.Consumer is null ? 0 : count;
        settled(run.Slice(index, count));
    }

    private int Find(ulong tag)
    {
        int low = _head, high = _tail - 1;
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            ref var run = ref _runs[middle];
            if (tag < run.FirstTag)
            {
                high = middle - 1;
            }
            else if (tag >= run.FirstTag + (ulong)run.Count)
            {
                low = middle + 1;
            }
            else
            {
                return middle;
            }
        }

        return -1;
    }

    // Empty runs in the middle are dropped here, so that the table grows with what is unsettled and not with time.
    private void MakeRoom()
    {
        var kept = 0;
        for (var i = _head; i < _tail; i++)
        {
            if (!_runs[i].IsEmpty)
            {
                kept++;
            }
        }

        var target = kept * 2 > _runs.Length ? new Run[_runs.Length * 2] : _runs;
        var to = 0;
        for (var i = _head; i < _tail; i++)
        {
            if (!_runs[i].IsEmpty)
            {
                target[to++] = _runs[i];
            }
        }

        Array.Clear(target, to, target.Length - to);
        (_runs, _head, _tail) = (target, 0, to);
    }

    private struct Run
    {
        public ulong FirstTag;
        public int Count;
        public QueueSession Session;
        public long FirstOffset;
        public AmqpConsumer? Consumer;
        public long Since;

        // Bit i + SettledBase: delivery i of the run is settled. Made when a delivery is first settled out of turn.
        public ulong[]? Settled;
        private int _settledBase;
        private int _settledCount;

        public readonly bool IsEmpty => Count == _settledCount;

        public readonly bool IsSettled(ulong tag) => Settled is not null && IsSettledAt((int)(tag - FirstTag));

        public readonly bool IsSettledAt(int index)
        {
            var bit = index + _settledBase;
            return (Settled![bit >> 6] >> (bit & 63) & 1) != 0;
        }

        public readonly SettledDelivery Slice(int index, int count) =>
            new(FirstTag + (ulong)index, Session, new OffsetRange(FirstOffset + index, count), Consumer, Since);

        public void MarkSettled(int index)
        {
            Settled ??= new ulong[(Count + 63) / 64];
            var bit = index + _settledBase;
            Settled[bit >> 6] |= 1UL << (bit & 63);
            _settledCount++;
        }

        public void DropFirst(int count)
        {
            if (Settled is null)
            {
                Advance(count);
                return;
            }

            for (var i = 0; i < count; i++)
            {
                _settledCount -= IsSettledAt(i) ? 1 : 0;
            }

            Advance(count);

            // What was settled out of turn right behind goes along.
            var run = 0;
            while (run < Count && IsSettledAt(run))
            {
                run++;
            }

            _settledCount -= run;
            Advance(run);
            if (_settledCount == 0)
            {
                Settled = null;
                _settledBase = 0;
            }
        }

        private void Advance(int count)
        {
            FirstTag += (ulong)count;
            FirstOffset += count;
            Count -= count;
            _settledBase += Settled is null ? 0 : count;
        }
    }
}
