using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Messages;

namespace Granary.Gateway.Links;

/// <summary>
/// The gateway's end of one link. Numbers give the order, not the calls: a packet is kept until the queue has said that it received it,
/// a batch until the queue's watermark has passed it. Used under the gate of its <see cref="LinkSet"/>.
/// </summary>
internal sealed partial class QueueLink : ILocalLink
{
    private static readonly TimeSpan IdleAfter = TimeSpan.FromSeconds(60);

    private readonly LinkSet _set;
    private readonly IQueueGrain _queue;
    private readonly List<LinkUpItem> _pending = [];
    private readonly LinkStreams _streams;
    private readonly PublishLedger<PublishRun> _published;
    private readonly Dictionary<int, LinkConsumer> _consumers = [];
    private readonly Dictionary<long, (bool NoAck, Action<GotItem> Answer)> _gets = [];
    private readonly List<TaskCompletionSource> _drainWaiters = [];
    private ILocalQueue? _local;
    private OpenRun _open;
    private long _nextGet;
    private bool _closing;

    public QueueLink(LinkSet set, string queueName, IQueueGrain queue)
    {
        (_set, QueueName, _queue) = (set, queueName, queue);
        _streams = new LinkStreams(set.Clock);
        _published = new PublishLedger<PublishRun>(bytes => set.Unaccepted -= bytes, bytes => set.Unpassed -= bytes);
    }

    public LinkId Id => _streams.Id;

    public string QueueName { get; }

    /// <summary>No longer usable; whoever wants the queue opens another link.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>In the set's list of links to flush.</summary>
    public bool IsDirty { get; set; }

    /// <summary>Deliveries of this link that are not settled: it lives as long as there are any.</summary>
    public int Unsettled { get; private set; }

    public bool IsDrained =>
        IsEnded || (!_closing && _pending.Count == 0 && _open.Count == 0 && _streams.AllReceived && _published.AllAnswered);

    /// <summary>Adds messages to the next packet. Untracked neighbours in one array become one batch.</summary>
    public void Publish(in MessageBatch batch, PublishRun? run)
    {
        if (IsEnded || _closing)
        {
            // A path or a transaction held this link for longer than it lived.
            _set.Open(QueueName).Publish(batch, run);
            return;
        }

        _set.MarkDirty(this);
        if (run is null && _open.TryExtend(batch))
        {
            _set.CountPublished(batch.Records.Length);
            return;
        }

        CloseOpenRun();
        _set.CountPublished(batch.Records.Length);
        if (run is null && OpenRun.TryStart(batch, out _open))
        {
            return;
        }

        AddPublish(batch, run);
    }

    /// <summary>Adds an item to the next packet, behind everything before it.</summary>
    public void Enqueue(LinkUpItem item)
    {
        if (IsEnded)
        {
            return;
        }

        CloseOpenRun();
        _pending.Add(item);
        _set.MarkDirty(this);
    }

    public void Attach(LinkConsumer consumer, bool exclusive, int prefetch, bool shared, EncodedTable arguments)
    {
        var id = _set.NextConsumerId();
        var window = consumer.Begin(this, id);
        _consumers.Add(id, consumer);
        Enqueue(new AttachItem(id, consumer.Tag, consumer.NoAck, exclusive, prefetch, shared, arguments, window));
    }

    public void Detach(LinkConsumer consumer) => Enqueue(new DetachItem(consumer.Id));

    public void Get(bool noAck, Action<GotItem> answer)
    {
        var request = ++_nextGet;
        _gets.Add(request, (noAck, answer));
        Enqueue(new GetItem(request, noAck));
    }

    /// <summary>Settles deliveries of this link.</summary>
    public void Settle(Settlement settlement, OffsetRange[] offsets)
    {
        foreach (var range in offsets)
        {
            Unsettled -= range.Count;
        }

        Enqueue(new SettleItem(settlement, offsets));
    }

    /// <summary>Sends what has gathered, unless enough is on its way already.</summary>
    public void Flush()
    {
        if (IsEnded || !_streams.HasRoom)
        {
            return;
        }

        CloseOpenRun();
        if (_pending.Count == 0)
        {
            return;
        }

        var open = _streams.IsNew ? new LinkOpen(_set.Connection, _set.Observer) : null;
        LinkUpItem[] items = [.. _pending];
        _pending.Clear();
        Send(_streams.Add(items, open));
    }

    /// <summary>Completes when the queue has applied and answered everything that was added so far.</summary>
    public Task DrainAsync()
    {
        Flush();
        if (IsDrained)
        {
            return Task.CompletedTask;
        }

        var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _drainWaiters.Add(waiter);
        return waiter.Task;
    }

    /// <summary>Ends the link; the queue requeues what is unsettled.</summary>
    public void Close()
    {
        if (IsEnded || _closing)
        {
            return;
        }

        if (_streams.IsNew && _pending.Count == 0 && _open.Count == 0)
        {
            // The queue has never heard of this link.
            End(isRemembered: false);
            return;
        }

        Enqueue(new CloseItem());
        _closing = true;
        _set.Retire(this);
    }

    /// <summary>Four times a second: sends again what got lost, says what was received, gives up an idle link.</summary>
    public void Tick()
    {
        if (IsEnded)
        {
            return;
        }

        var due = _streams.TakeDue();
        if (due.Length > 0 && due[0].Number > 0)
        {
            LogResend(_set.Log, due.Length, QueueName);
        }

        foreach (var up in due)
        {
            Send(up);
        }

        if (due.Length == 0 && !_closing && _consumers.Count == 0 && Unsettled == 0 && IsDrained && _streams.Idle > IdleAfter)
        {
            Close();
        }
    }

    private void Send(LinkUp up)
    {
        _local ??= _set.FindLocal(QueueName);
        if (_local is not { } local || !local.TrySend(up, this))
        {
            _local = null;
            _ = SendAsync(up);
        }
    }

    private async Task SendAsync(LinkUp up)
    {
        try
        {
            var answer = await _queue.SendAsync(up).ConfigureAwait(false);
            _set.OnAnswer(this, answer);
        }
        catch (Exception exception)
        {
            // Whether the queue has the packet is not known; its number makes sending it again harmless. Tick does.
            LogCallFailed(_set.Log, exception, up.Number, QueueName);
            _set.OnCallFailed(this);
        }
    }

    void ILocalLink.Answer(in LinkAnswer answer) => _set.Note(new LinkNews(this, answer, null, Failed: false));

    void ILocalLink.Fail() => _set.Note(new LinkNews(this, default, null, Failed: true));

    void ILocalLink.Receive(LinkDown down) => _set.Note(new LinkNews(this, default, down, Failed: false));

    // Should it get lost the queue forgets the link by itself, only later. An activation that has ended has forgotten it.
    private void SendLast(LinkUp last)
    {
        if (_local is { } local)
        {
            local.TrySend(last, this);
        }
        else
        {
            _ = SendAsync(last);
        }
    }

    /// <summary>After a defect: what the queue has done with what it was sent, or will, is not known.</summary>
    public void Lose()
    {
        if (!IsEnded)
        {
            EndedByQueue(LinkEnd.Lost);
        }
    }

    /// <summary>Takes what came from a queue in this process.</summary>
    public void Take(in LinkNews news)
    {
        if (news.Down is { } down)
        {
            Pushed(down);
        }
        else if (news.Failed)
        {
            CallFailed();
        }
        else
        {
            Answered(news.Answer);
        }
    }

    public void CallFailed()
    {
        _streams.Failed();
        SendLater();
    }

    public void Answered(in LinkAnswer answer)
    {
        _streams.Answered(answer);
        if (answer.Downs is { } downs)
        {
            foreach (var down in downs)
            {
                Apply(down);
            }
        }

        AfterApply();
    }

    public void Pushed(LinkDown down)
    {
        Apply(down);
        AfterApply();
    }

    private void AfterApply()
    {
        if (_streams.TakeLast() is { } last)
        {
            SendLast(last);
        }

        if (_drainWaiters.Count > 0 && IsDrained)
        {
            foreach (var waiter in _drainWaiters)
            {
                waiter.TrySetResult();
            }

            _drainWaiters.Clear();
        }

        SendLater();
    }

    // What gathered while enough was on its way goes with the next flush.
    private void SendLater()
    {
        if (!IsEnded && (_pending.Count > 0 || _open.Count > 0))
        {
            _set.MarkDirty(this);
        }
    }

    private void Apply(LinkDown first)
    {
        for (var down = _streams.Accept(first); down is not null && !IsEnded; down = _streams.Next())
        {
            foreach (var item in down.Items)
            {
                Apply(item);
            }

            _published.Advance(down.Watermark);
        }
    }

    private void Apply(LinkDownItem item)
    {
        switch (item)
        {
            case PublishedItem published:
                _set.Backlog = published.Backlog;
                _published.Answer(published);
                break;
            case DeliveryItem delivery:
                Deliver(delivery);
                break;
            case AttachedItem attached:
                Attached(attached);
                break;
            case DetachedItem detached:
                if (_consumers.Remove(detached.Consumer, out var gone))
                {
                    gone.Detached();
                }

                break;
            case GotItem got:
                if (_gets.Remove(got.Request, out var get))
                {
                    Unsettled += got.Message is null || get.NoAck ? 0 : 1;
                    get.Answer(got);
                }

                break;
            case ReadyItem ready:
                _consumers.GetValueOrDefault(ready.Consumer)?.OnReady();
                break;
            case UnusedItem unused:
                _consumers.GetValueOrDefault(unused.Consumer)?.OnUnused(unused.Count);
                break;
            case OpenedItem:
                break;
            case ClosedItem:
                _published.PassAll();
                End(isRemembered: true);
                break;
            case EndedItem ended:
                EndedByQueue(ended.Reason);
                break;
            default:
                throw new InvalidOperationException($"A queue sent {item.GetType().Name}, which this gateway does not know.");
        }
    }

    private void Attached(AttachedItem item)
    {
        if (_consumers.TryGetValue(item.Consumer, out var consumer))
        {
            if (item.Error is not null)
            {
                _consumers.Remove(item.Consumer);
            }

            consumer.Attached(item.Error);
        }
    }

    private void Deliver(DeliveryItem item)
    {
        if (!_consumers.TryGetValue(item.Consumer, out var consumer))
        {
            return;
        }

        if (!consumer.NoAck)
        {
            foreach (var slice in item.Slices)
            {
                Unsettled += slice.Batch.Count;
            }
        }

        consumer.OnDelivery(item.Slices);
    }

    private void EndedByQueue(LinkEnd reason)
    {
        CloseOpenRun();
        var consumers = _consumers.Values.ToArray();
        var gets = _gets.ToArray();
        _consumers.Clear();
        _gets.Clear();
        var missing = reason == LinkEnd.Lost ? BrokerError.QueueElsewhere(_set.Vhost, QueueName) : BrokerError.NoQueue(_set.Vhost, QueueName);

        // What was sent before the queue answered is unrouted. What has not been sent yet may be meant for a queue declared since.
        var unsent = _pending.OfType<PublishItem>().Count();
        if (reason == LinkEnd.Lost)
        {
            while (_published.TryTakeUnsafe(unsent, out _, out var lost))
            {
                lost?.Lost();
            }
        }
        else
        {
            _published.PassAnswered();
            _published.Abandon(unsent);
        }

        End(isRemembered: reason == LinkEnd.Deleted);
        while (_published.TryTakeUnanswered(out var batch, out var run))
        {
            _set.Open(QueueName).Publish(batch, run);
        }

        foreach (var consumer in consumers)
        {
            if (consumer.IsAttached)
            {
                consumer.Ended();
            }
            else
            {
                consumer.Attached(missing);
            }
        }

        foreach (var (request, get) in gets)
        {
            get.Answer(new GotItem(request, null, 0, missing));
        }

        if (reason == LinkEnd.Deleted)
        {
            LogEnded(_set.Log, QueueName);
        }
        else if (reason == LinkEnd.Lost)
        {
            LogLost(_set.Log, QueueName);
        }
    }

    private void End(bool isRemembered)
    {
        IsEnded = true;
        _streams.End(isRemembered);
        _pending.Clear();
        _set.Remove(this);
    }

    private void CloseOpenRun()
    {
        if (_open.Count > 0)
        {
            AddPublish(_open.ToBatch(), null);
            _open = default;
        }
    }

    private void AddPublish(in MessageBatch batch, PublishRun? run)
    {
        _pending.Add(new PublishItem(batch, Resent: false));
        _published.Add(batch, run);
    }
}
