using System.Runtime.InteropServices;
using Granary.Amqp;
using Granary.Core.Links;
using Granary.Core.Messages;

namespace Granary.Silo.Queues.Messages;

/// <summary>
/// How often messages of a quorum queue were given out in vain: each return counts. And until when they wait to be delivered again, if they do. Only messages that came
/// back are in here, in blocks of neighbours, which are what the store has of them. What is delivered again says its count in a header.
/// </summary>
internal sealed class DeliveryCounts
{
    /// <summary>The offsets of one block.</summary>
    public const int BlockSize = 64;

    private const string Header = "x-delivery-count";

    private readonly Dictionary<long, int[]> _blocks = [];
    private readonly Dictionary<long, long[]> _waits = [];
    private readonly HashSet<long> _changed = [];

    /// <summary>No message has come back that is still there.</summary>
    public bool IsEmpty => _blocks.Count == 0;

    public bool HasChanges => _changed.Count > 0;

    /// <summary>How often a message came back.</summary>
    public int this[long offset] => _blocks.TryGetValue(offset / BlockSize, out var counts) ? counts[offset % BlockSize] : 0;

    /// <summary>The message came back once more; says how often it has now.</summary>
    public int Increment(long offset)
    {
        var block = offset / BlockSize;
        ref var counts = ref CollectionsMarshal.GetValueRefOrAddDefault(_blocks, block, out _);
        counts ??= new int[BlockSize];
        _changed.Add(block);
        return ++counts[offset % BlockSize];
    }

    /// <summary>These came back, and are not to be delivered before <paramref name="due"/>; 0: they have waited for long enough.</summary>
    public void Wait(long first, long end, long due)
    {
        for (var offset = first; offset < end; offset++)
        {
            var block = offset / BlockSize;
            if (due != 0 || _waits.ContainsKey(block))
            {
                ref var waits = ref CollectionsMarshal.GetValueRefOrAddDefault(_waits, block, out _);
                waits ??= new long[BlockSize];
                waits[offset % BlockSize] = due;
                NoteWaits(block, waits);
            }
        }
    }

    /// <summary>Those that have to wait beyond now, by their offsets, in their order.</summary>
    public List<(long Offset, long Due)> ListWaiting(long now)
    {
        List<(long Offset, long Due)> waiting = [];
        foreach (var (block, waits) in _waits.OrderBy(static block => block.Key))
        {
            for (var i = 0; i < BlockSize; i++)
            {
                if (waits[i] > now)
                {
                    waiting.Add(((block * BlockSize) + i, waits[i]));
                }
            }
        }

        return waiting;
    }

    /// <summary>The messages from <paramref name="first"/> to below <paramref name="end"/> are gone.</summary>
    public void Forget(long first, long end)
    {
        if (IsEmpty || first >= end)
        {
            return;
        }

        var (from, to) = (first / BlockSize, (end - 1) / BlockSize);
        if (to - from < _blocks.Count)
        {
            for (var block = from; block <= to; block++)
            {
                Forget(block, first, end);
            }

            return;
        }

        foreach (var block in _blocks.Keys.Where(block => block >= from && block <= to).ToArray())
        {
            Forget(block, first, end);
        }
    }

    /// <summary>Puts in place what the store has of a block.</summary>
    public void Restore(DeliveryCountBlock block)
    {
        _blocks[block.Number] = block.Counts!;
        if (block.Waits is { } waits)
        {
            _waits[block.Number] = waits;
        }
    }

    /// <summary>What the store is to have of blocks that changed since the last time.</summary>
    public DeliveryCountBlock[] TakeChanges()
    {
        var changes = _changed.Select(block => new DeliveryCountBlock(
            block,
            _blocks.TryGetValue(block, out var counts) ? (int[])counts.Clone() : null,
            _waits.TryGetValue(block, out var waits) ? (long[])waits.Clone() : null)).ToArray();
        _changed.Clear();
        return changes;
    }

    /// <summary>How many messages at the start of a run can be delivered together: one that came back by itself, others up to the next that did.</summary>
    public int CountAlike(in MessageRun run)
    {
        if (this[run.First] > 0)
        {
            return 1;
        }

        var at = run.First;
        while (at < run.End && this[at] == 0)
        {
            at = _blocks.ContainsKey(at / BlockSize) ? at + 1 : ((at / BlockSize) + 1) * BlockSize;
        }

        return (int)(Math.Min(at, run.End) - run.First);
    }

    /// <summary>What is sent of messages that are delivered together: one that came back in a copy that says how often, others as they are.</summary>
    public DeliverySlice SliceOf(in MessageRun run) => this[run.First] is > 0 and var count ? Tell(run, count).ToSlice() : run.ToSlice();

    private void Forget(long block, long first, long end)
    {
        if (!_blocks.TryGetValue(block, out var counts))
        {
            return;
        }

        var start = block * BlockSize;
        var gone = counts.AsSpan((int)Math.Max(first - start, 0)..(int)Math.Min(end - start, BlockSize));
        if (!gone.ContainsAnyExcept(0))
        {
            return;
        }

        gone.Clear();
        _changed.Add(block);
        if (_waits.TryGetValue(block, out var waits))
        {
            waits.AsSpan((int)Math.Max(first - start, 0)..(int)Math.Min(end - start, BlockSize)).Clear();
            NoteWaits(block, waits);
        }

        if (!counts.AsSpan().ContainsAnyExcept(0))
        {
            _blocks.Remove(block);
        }
    }

    private void NoteWaits(long block, long[] waits)
    {
        _changed.Add(block);
        if (!waits.AsSpan().ContainsAnyExcept(0))
        {
            _waits.Remove(block);
        }
    }

    /// <summary>The same message with its count among its headers, as RabbitMQ's quorum queues have it (rabbit_fifo_client's add_delivery_count_header).</summary>
    private static MessageRun Tell(in MessageRun message, int count)
    {
        var record = new MessageRecord(message.Records.Span);
        var view = BasicPropertiesView.Read(record.Properties);
        var headers = view.TryGetHeaders(out var content) ? FieldTable.Decode(content) : FieldTable.Empty;
        var properties = BasicPropertiesEdit.WithHeaders(record.Properties, headers.With(Header, (long)count));
        var copy = new byte[record.Length - record.Properties.Length + properties.Length];
        var at = MessageRecord.WriteHead(
            copy, record.Flags, record.Priority, record.Expiry ?? 0, record.Exchange, record.RoutingKey, properties, record.Body.Length);
        record.Body.CopyTo(copy.AsSpan(at));
        return message with { Records = copy };
    }
}

/// <summary>What the store has of neighbouring messages that came back.</summary>
/// <param name="Number">Of the block: the first offset is this times <see cref="DeliveryCounts.BlockSize"/>.</param>
/// <param name="Counts">How often each came back; null: none of them is there any more.</param>
/// <param name="Waits">Until when each has to wait, 0: it does not; null: none of them does.</param>
internal sealed record DeliveryCountBlock(long Number, int[]? Counts, long[]? Waits);
