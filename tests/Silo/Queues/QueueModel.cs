using Granary.Core.Links;

namespace Granary.Silo.Tests.Queues;

/// <summary>The plainest possible queue: one entry per message. It says what a real one must have done, not how.</summary>
internal sealed class QueueModel
{
    private readonly SortedDictionary<long, bool> _ready = [];
    private readonly Dictionary<long, Unacked> _unacked = [];
    private readonly Dictionary<(TestLink Link, int Number), ModelConsumer> _consumers = [];
    private readonly HashSet<long> _gone = [];
    private long _next;

    public int ReadyCount => _ready.Count;

    public IEnumerable<ModelConsumer> Consumers => _consumers.Values;

    public IReadOnlyCollection<long> UnackedOf(TestLink link) => [.. _unacked.Where(entry => entry.Value.Link == link).Select(entry => entry.Key)];

    /// <summary>The ids are the offsets.</summary>
    public long Publish(int count, bool resent)
    {
        var first = _next;
        for (; _next < first + count; _next++)
        {
            _ready.Add(_next, resent);
        }

        return first;
    }

    public void Purge()
    {
        _gone.UnionWith(_ready.Keys);
        _ready.Clear();
    }

    public void Attach(TestLink link, int number, bool noAck, int prefetch, bool shared, Window window) =>
        _consumers.Add((link, number), new ModelConsumer { Link = link, Number = number, NoAck = noAck, Prefetch = prefetch, Shared = shared, Window = window });

    public void Detach(TestLink link, int number) => _consumers.Remove((link, number));

    public void Renew(TestLink link, int number, Window window)
    {
        var consumer = _consumers[(link, number)];
        consumer.Window = new Window(Math.Max(window.Messages, consumer.Window.Messages), Math.Max(window.Bytes, consumer.Window.Bytes));
    }

    public void Share(TestLink link, int number, bool shared) => (_consumers[(link, number)].Shared, _consumers[(link, number)].Lent) = (shared, 0);

    public void Lend(TestLink link, int number, int count) => _consumers[(link, number)].Lent += count;

    public void Settle(TestLink link, Settlement settlement, OffsetRange range)
    {
        for (var offset = range.First; offset < range.End; offset++)
        {
            if (!_unacked.TryGetValue(offset, out var unacked) || unacked.Link != link)
            {
                continue;
            }

            _unacked.Remove(offset);
            if (unacked.Consumer is { } consumer)
            {
                consumer.Unacked--;
            }

            if (settlement is Settlement.Ack or Settlement.Reject)
            {
                _gone.Add(offset);
            }
            else
            {
                _ready.Add(offset, unacked.Redelivered || settlement == Settlement.Requeue);
            }
        }
    }

    public void Close(TestLink link)
    {
        foreach (var (key, _) in _consumers.Where(entry => entry.Key.Link == link).ToArray())
        {
            _consumers.Remove(key);
        }

        foreach (var offset in UnackedOf(link))
        {
            Settle(link, Settlement.Requeue, new OffsetRange(offset, 1));
        }
    }

    public void Got(TestLink link, GotItem item, bool noAck)
    {
        if (item.Message is not { } slice)
        {
            Assert.Empty(_ready);
            return;
        }

        var id = Assert.Single(Batches.Ids(slice));
        Assert.Equal(_ready.Keys.First(), id);
        Take(link, null, slice, id, noAck);
        Assert.Equal(_ready.Count, item.MessageCount);
    }

    /// <summary>Checks all deliveries of one turn together.</summary>
    public void Deliver(IEnumerable<(TestLink Link, DeliveryItem Item)> deliveries)
    {
        var before = _ready.Keys.ToArray();
        var taken = new List<long>();
        foreach (var consumer in _consumers.Values)
        {
            consumer.GivenNow = 0;
        }

        foreach (var (link, item) in deliveries)
        {
            Assert.True(_consumers.TryGetValue((link, item.Consumer), out var consumer), "Delivered to a consumer that is not attached.");
            var last = -1L;
            foreach (var slice in item.Slices)
            {
                foreach (var (id, i) in Batches.Ids(slice).Select((id, i) => (id, i)))
                {
                    Assert.Equal(slice.FirstOffset + i, id);
                    Assert.True(id > last, "Deliveries of one turn to one consumer are in the order of their offsets.");
                    Assert.True(consumer.IsAble, "Delivered beyond prefetch, window or loan.");
                    last = id;
                    Take(link, consumer, slice, id, consumer.NoAck);
                    taken.Add(id);
                    consumer.Take(RecordLength(slice));
                }
            }
        }

        taken.Sort();
        Assert.Equal(before.Take(taken.Count), taken);
        var able = _consumers.Values.Where(consumer => consumer.IsAble).ToArray();
        Assert.True(_ready.Count == 0 || able.Length == 0, "Messages were left though a consumer could have taken them.");
        Assert.True(able.Length == 0 || able.Max(consumer => consumer.GivenNow) - able.Min(consumer => consumer.GivenNow) <= 1, "Consumers took unequal turns.");
        foreach (var consumer in _consumers.Values)
        {
            consumer.Lent = 0;
        }
    }

    public void CheckThatNothingIsLost() => Assert.Equal(_next, _ready.Count + _unacked.Count + _gone.Count);

    private static int RecordLength(DeliverySlice slice) => slice.Batch.Records.Length / slice.Batch.Count;

    private void Take(TestLink link, ModelConsumer? consumer, DeliverySlice slice, long id, bool noAck)
    {
        Assert.True(_ready.Remove(id, out var redelivered), $"Message {id} was not ready.");
        Assert.Equal(redelivered, slice.Redelivered);
        if (noAck)
        {
            _gone.Add(id);
        }
        else
        {
            _unacked.Add(id, new Unacked(link, consumer, redelivered));
        }
    }

    private sealed record Unacked(TestLink Link, ModelConsumer? Consumer, bool Redelivered);
}

/// <summary>A consumer in the model.</summary>
internal sealed class ModelConsumer
{
    private long _messages;
    private long _bytes;

    public required TestLink Link { get; init; }

    public required int Number { get; init; }

    public required bool NoAck { get; init; }

    public required int Prefetch { get; init; }

    public required bool Shared { get; set; }

    public required Window Window { get; set; }

    public int Unacked { get; set; }

    public int Lent { get; set; }

    public int GivenNow { get; set; }

    public bool IsAble => _messages < Window.Messages && _bytes < Window.Bytes
        && (NoAck || Prefetch == 0 || Unacked < Prefetch) && (!Shared || Lent > 0);

    public void Take(int length)
    {
        _messages++;
        _bytes += length;
        GivenNow++;
        Unacked += NoAck ? 0 : 1;
        Lent -= Shared ? 1 : 0;
    }
}
