using Granary.Amqp;
using Granary.Core.Links;
using Granary.Core.Messages;

namespace Granary.Silo.Tests.Queues;

/// <summary>The plainest possible queue: one entry per message. It says what a real one must have done, not how.</summary>
/// <param name="isSingle">Only one consumer is given messages at a time.</param>
/// <param name="isQuorum">The queue is of that type.</param>
/// <param name="priority">The priority of a message, by its id.</param>
internal sealed class QueueModel(bool isSingle = false, bool isQuorum = false, Func<long, byte>? priority = null)
{
    private readonly SortedDictionary<long, bool> _ready = new(Comparer<long>.Create((left, right) => Compare(left, right, priority)));
    private readonly Dictionary<long, Unacked> _unacked = [];
    private readonly Dictionary<long, int> _returns = [];
    private readonly Dictionary<(TestLink Link, int Number), ModelConsumer> _consumers = [];
    private readonly HashSet<long> _gone = [];
    private long _next;
    private int _attached;
    private ModelConsumer? _active;

    /// <summary>How often a message of a quorum queue may come back.</summary>
    public int DeliveryLimit { get; init; } = 20;

    public bool RefusesGets => isSingle && isQuorum;

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

    /// <returns>Whether it is let in.</returns>
    public bool Attach(TestLink link, AttachItem attach, int priority)
    {
        var isAlone = attach.Exclusive && !isQuorum;
        if (_consumers.Values.Any(consumer => consumer.IsAlone) || (isAlone && (isSingle || _consumers.Count > 0)))
        {
            return false;
        }

        _consumers.Add((link, attach.Consumer), new ModelConsumer
        {
            Link = link,
            Number = attach.Consumer,
            NoAck = attach.NoAck,
            Prefetch = attach.Prefetch,
            Shared = attach.Shared,
            Window = attach.Window,
            Priority = priority,
            IsAlone = isAlone,
            Place = _attached++,
        });
        return true;
    }

    public void Detach(TestLink link, int number) => _consumers.Remove((link, number));

    public void Renew(TestLink link, int number, Window window)
    {
        var consumer = _consumers[(link, number)];
        consumer.Window = new Window(Math.Max(window.Messages, consumer.Window.Messages), Math.Max(window.Bytes, consumer.Window.Bytes));
    }

    public void Share(TestLink link, int number, bool shared)
    {
        var consumer = _consumers[(link, number)];
        (consumer.Shared, consumer.Lent, consumer.IsAsked, consumer.GetsNothing) = (shared, 0, false, false);
    }

    public void Lend(TestLink link, int number, int count)
    {
        var consumer = _consumers[(link, number)];
        consumer.GetsNothing = count == 0 && consumer.IsAsked;
        consumer.IsAsked &= count == 0;
        consumer.Lent += count;
    }

    /// <summary>The queue says that there is something for a consumer under a shared limit.</summary>
    public void Ask(TestLink link, int number) => _consumers[(link, number)].IsAsked = true;

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
            else if (settlement == Settlement.Requeue && isQuorum && (_returns[offset] = _returns.GetValueOrDefault(offset) + 1) > DeliveryLimit)
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
        if (RefusesGets)
        {
            Assert.Equal(ReplyCode.ResourceLocked, item.Error?.Code);
            return;
        }

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
        Choose();
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
                    Assert.True(last < 0 || Compare(last, id, priority) < 0, "Deliveries of one turn to one consumer are in the order of the queue.");
                    Assert.True(consumer.IsAble, "Delivered beyond prefetch, window or loan.");
                    Assert.True(!isSingle || consumer == _active, "Delivered to a consumer that is not the active one.");
                    last = id;
                    Take(link, consumer, slice, id, consumer.NoAck);
                    taken.Add(id);
                    consumer.Take(RecordLength(slice));
                }
            }
        }

        taken.Sort((left, right) => Compare(left, right, priority));
        Assert.Equal(before.Take(taken.Count), taken);
        var able = _consumers.Values.Where(consumer => consumer.IsAble && (!isSingle || consumer == _active)).ToArray();
        Assert.True(_ready.Count == 0 || able.All(IsBehindOthers), "Messages were left though a consumer could have taken them.");
        if (!isSingle)
        {
            Assert.DoesNotContain(_consumers.Values, consumer => consumer.GivenNow > 0 && IsBehindOthers(consumer));
        }

        foreach (var equals in able.GroupBy(consumer => consumer.Priority))
        {
            Assert.True(equals.Max(consumer => consumer.GivenNow) - equals.Min(consumer => consumer.GivenNow) <= 1, "Consumers took unequal turns.");
        }

        foreach (var consumer in _consumers.Values)
        {
            consumer.Lent = 0;
        }
    }

    public void CheckThatNothingIsLost() => Assert.Equal(_next, _ready.Count + _unacked.Count + _gone.Count);

    /// <summary>One of a higher priority could be given the next message.</summary>
    private bool IsBehindOthers(ModelConsumer consumer) => !isSingle && _consumers.Values.Any(
        other => other.Priority > consumer.Priority && (other.IsAble || (other is { Shared: true, Lent: 0, GetsNothing: false } && other.CouldBorrow)));

    /// <summary>The active one stays until it leaves; in a quorum queue until one of a higher priority comes, and it has settled all. The highest priority is next, and the first of equals.</summary>
    private void Choose()
    {
        if (!isSingle || _consumers.Count == 0)
        {
            _active = null;
            return;
        }

        var isThere = _active is { } active && _consumers.ContainsValue(active);
        var next = _consumers.Values.Where(consumer => !isThere || consumer != _active).OrderByDescending(consumer => consumer.Priority).ThenBy(consumer => consumer.Place).FirstOrDefault();
        if (!isThere)
        {
            _active = next;
        }
        else if (isQuorum && next is not null && next.Priority > _active!.Priority)
        {
            _active.IsLeaving = _active.Unacked > 0;
            _active = _active.IsLeaving ? _active : next;
        }
        else
        {
            _active!.IsLeaving = false;
        }
    }

    private static int Compare(long left, long right, Func<long, byte>? priority) =>
        priority is not null && priority(left) != priority(right) ? priority(right).CompareTo(priority(left)) : left.CompareTo(right);

    private static int RecordLength(DeliverySlice slice) => slice.Batch.Records.Length / slice.Batch.Count;

    private void Take(TestLink link, ModelConsumer? consumer, DeliverySlice slice, long id, bool noAck)
    {
        Assert.True(_ready.Remove(id, out var redelivered), $"Message {id} was not ready.");
        Assert.Equal(redelivered, slice.Redelivered);
        Assert.Equal(_returns.TryGetValue(id, out var returns) ? returns : (long?)null, CountTold(slice));
        if (noAck)
        {
            _gone.Add(id);
        }
        else
        {
            _unacked.Add(id, new Unacked(link, consumer, redelivered));
        }
    }

    /// <summary>How often its messages came back, by what they say.</summary>
    private static long? CountTold(DeliverySlice slice)
    {
        var view = BasicPropertiesView.Read(new MessageRecord(slice.Batch.Records.Span).Properties);
        return view.TryGetHeaders(out var headers) && FieldTable.Decode(headers).TryGetValue("x-delivery-count", out var value) && value.TryGetInteger(out var count) ? count : null;
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

    public required int Priority { get; init; }

    /// <summary>It wants the queue for itself.</summary>
    public required bool IsAlone { get; init; }

    /// <summary>Higher than that of those that came before.</summary>
    public required int Place { get; init; }

    /// <summary>It is active, and gets nothing any more: another one follows when it has settled all.</summary>
    public bool IsLeaving { get; set; }

    public bool IsAsked { get; set; }

    /// <summary>Nothing is left of its shared limit.</summary>
    public bool GetsNothing { get; set; }

    public int Unacked { get; set; }

    public int Lent { get; set; }

    public int GivenNow { get; set; }

    public bool CouldBorrow => _messages < Window.Messages && _bytes < Window.Bytes && (NoAck || Prefetch == 0 || Unacked < Prefetch);

    public bool IsAble => CouldBorrow && !IsLeaving && (!Shared || Lent > 0);

    public void Take(int length)
    {
        _messages++;
        _bytes += length;
        GivenNow++;
        Unacked += NoAck ? 0 : 1;
        Lent -= Shared ? 1 : 0;
    }
}
