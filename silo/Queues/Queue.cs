using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Topology;
using Granary.Silo.Queues.Consumers;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues;

/// <summary>
/// One declared queue: its messages, consumers and unsettled deliveries. It knows no time, no runtime and no store: a turn applies the items of a
/// packet and ends with <see cref="EndTurn"/>, which gives out what can be given.
/// </summary>
internal sealed class Queue(QueueDefinition definition, Guid incarnation)
{
    private readonly ReadyMessages _ready = new();
    private readonly ConsumerRing _ring = new();
    private readonly HashSet<string> _bindingSources = new(StringComparer.Ordinal);
    private readonly HashSet<QueueLink> _untidy = [];
    private Consumer? _exclusiveConsumer;
    private long _nextOffset;

    public QueueDefinition Definition { get; } = definition;

    public Guid Incarnation { get; } = incarnation;

    public long ReadyCount => _ready.Count;

    /// <summary>Record bytes of the ready messages.</summary>
    public long ReadyBytes => _ready.Bytes;

    public int ConsumerCount { get; private set; }

    /// <summary>Its last consumer went, and it is one that is deleted then. Whatever comes in the rest of the turn meets a queue that is gone.</summary>
    public bool IsDoomed { get; private set; }

    /// <summary>Every offset below needs no store any more. Whoever stores moves it.</summary>
    public long Watermark { get; private set; }

    /// <summary>The offset that the next message gets.</summary>
    public long NextOffset => _nextOffset;

    /// <summary>Exchanges that have, or may have, bindings to this queue.</summary>
    public IReadOnlyCollection<string> BindingSources => _bindingSources;

    /// <summary>Memory may have to be given back some time.</summary>
    public bool NeedsTidy => _ready.NeedsTidy || _untidy.Count > 0;

    public QueueAnswer Describe() => new(null, ReadyCount, ConsumerCount, Incarnation);

    public void AddBindingSource(string exchange) => _bindingSources.Add(exchange);

    /// <summary>Everything up to <paramref name="offset"/> is stored, or need not be.</summary>
    public void AdvanceWatermark(long offset) => Watermark = Math.Max(Watermark, offset);

    public void Open(QueueLink link) => link.Send(new OpenedItem(Incarnation));

    public void Apply(QueueLink link, LinkUpItem item, long now)
    {
        switch (item)
        {
            case PublishItem publish:
                Publish(link, publish, now);
                break;
            case SettleItem settle:
                Settle(link, settle, now);
                break;
            case WindowItem window when link.Consumers.TryGetValue(window.Consumer, out var consumer):
                consumer.Renew(window.Window);
                _ring.Refresh(consumer);
                break;
            case PrefetchItem prefetch when link.Consumers.TryGetValue(prefetch.Consumer, out var consumer):
                consumer.Prefetch = prefetch.Prefetch;
                _ring.Refresh(consumer);
                break;
            case LendItem lend when link.Consumers.TryGetValue(lend.Consumer, out var borrower):
                _ring.Lend(borrower, lend.Count);
                break;
            case LendItem lend:
                // The consumer went while the offer was under way.
                link.Send(new UnusedItem(lend.Consumer, lend.Count));
                break;
            case GetItem get:
                Get(link, get, now);
                break;
            case AttachItem attach:
                Attach(link, attach);
                break;
            case DetachItem detach:
                Detach(link, detach.Consumer);
                link.Send(new DetachedItem(detach.Consumer));
                break;
            case CloseItem:
                Close(link, now);
                break;
        }
    }

    /// <summary>Gives out what can be given.</summary>
    public void EndTurn(long now)
    {
        if (!IsDoomed)
        {
            _ring.Deliver(_ready, _untidy, now);
        }

        _ready.EndTurn();
    }

    /// <summary>Removes the ready messages and says how many there were.</summary>
    public long Purge() => _ready.Clear();

    public void Tidy(long now)
    {
        if (_ready.NeedsTidy)
        {
            _ready.Tidy(now);
        }

        foreach (var link in _untidy)
        {
            link.Unacked.Tidy(now);
            if (!link.Unacked.NeedsTidy)
            {
                _untidy.Remove(link);
            }
        }
    }

    private void Publish(QueueLink link, PublishItem publish, long now)
    {
        var batch = publish.Batch;
        link.Send(new PublishedItem(_nextOffset, null));
        _ready.Append(new MessageRun(batch.Records, _nextOffset, batch.Count, publish.Resent, now));
        _nextOffset += batch.Count;
        link.PublishedEnd = _nextOffset;
    }

    private void Settle(QueueLink link, SettleItem settle, long now)
    {
        foreach (var range in settle.Offsets)
        {
            link.Unacked.Settle(range.First, range.End, settle.Settlement, _ready, _ring, now);
        }

        NoteUntidy(link);
    }

    private void Get(QueueLink link, GetItem get, long now)
    {
        if (RefusalFor(link) is { } error)
        {
            link.Send(new GotItem(get.Request, null, 0, error));
            return;
        }

        if (_ready.IsEmpty)
        {
            link.Send(new GotItem(get.Request, null, 0, null));
            return;
        }

        var length = MessageRecord.LengthOf(_ready.First.Records.Span);
        var message = _ready.Take(1, length) with { Since = now };
        if (!get.NoAck)
        {
            link.Unacked.Add(message, consumer: null);
            NoteUntidy(link);
        }

        link.Send(new GotItem(get.Request, message.ToSlice(), _ready.Count, null));
    }

    private void Attach(QueueLink link, AttachItem attach)
    {
        var error = RefusalFor(link) ?? ExclusiveRefusal(attach) ?? ConsumerArguments.Check(Definition, attach.Arguments);
        if (error is null && link.Consumers.ContainsKey(attach.Consumer))
        {
            error = new BrokerError(ReplyCode.NotAllowed, $"attempt to reuse consumer tag '{attach.Tag}'");
        }

        link.Send(new AttachedItem(attach.Consumer, error));
        if (error is not null)
        {
            return;
        }

        var consumer = new Consumer(link, attach);
        link.Consumers.Add(attach.Consumer, consumer);
        ConsumerCount++;
        if (attach.Exclusive)
        {
            _exclusiveConsumer = consumer;
        }

        _ring.Add(consumer);
    }

    private BrokerError? ExclusiveRefusal(AttachItem attach) =>
        _exclusiveConsumer is not null || (attach.Exclusive && ConsumerCount > 0)
            ? BrokerError.QueueInExclusiveUse(Definition.Vhost, Definition.Name)
            : null;

    private BrokerError? RefusalFor(QueueLink link) =>
        IsDoomed ? BrokerError.NoQueue(Definition.Vhost, Definition.Name) : Definition.CheckAccess(link.Connection);

    private void Detach(QueueLink link, int number)
    {
        if (!link.Consumers.Remove(number, out var consumer))
        {
            return;
        }

        consumer.Leave();
        ConsumerCount--;
        if (_exclusiveConsumer == consumer)
        {
            _exclusiveConsumer = null;
        }

        IsDoomed |= Definition.AutoDelete && ConsumerCount == 0;
    }

    private void Close(QueueLink link, long now)
    {
        foreach (var number in link.Consumers.Keys.ToArray())
        {
            Detach(link, number);
        }

        link.Unacked.Settle(0, long.MaxValue, Settlement.Requeue, _ready, _ring, now);
        _untidy.Remove(link);
        link.Send(new ClosedItem());
        link.End(now);
    }

    private void NoteUntidy(QueueLink link)
    {
        if (link.Unacked.NeedsTidy)
        {
            _untidy.Add(link);
        }
    }
}
