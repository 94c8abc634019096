using Granary.Core.Grains;
using Granary.Core.Messages;

namespace Granary.Core.Links;

/// <summary>
/// What one connection wants of one queue: its consumers, what it was delivered and has not settled, what it published, what it asks for. It outlives the
/// <see cref="Link"/> over which it says so. When the activation at the other end is lost another link tells the next one all that it may not know, and goes on.
/// Used under the gate of its <see cref="LinkSet"/>.
/// </summary>
public sealed partial class QueueSession
{
    // An activation that ends again each time it hears of this session has something against it.
    private const int MostTries = 10;

    private static readonly TimeSpan IdleAfter = TimeSpan.FromSeconds(60);

    // For so long a queue that does not answer is told that it is left: more often than not one of several copies arrives.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(5);

    // A silo that goes is told of (SiloLosses). This is for an activation that ends on one that stays.
    private static readonly TimeSpan AskAfter = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    // An activation that ends because of what it is told is not to be ended all the time: others use the queue, too.
    private static readonly TimeSpan PatientPause = TimeSpan.FromSeconds(30);

    private readonly LinkSet _set;
    private readonly IQueueGrain _queue;
    private readonly SessionId _id = SessionId.New();
    private readonly List<LinkUpItem> _pending = [];
    private readonly PublishLedger _published;
    private readonly HeldOffsets _held = new();
    private readonly UnstoredSettlements _unstored = new();
    private readonly GivenProgress _given;
    private readonly Dictionary<int, LinkConsumer> _consumers = [];
    private readonly SortedDictionary<long, AskedGet> _gets = [];
    private readonly List<TaskCompletionSource> _drainWaiters = [];
    private Link _link;
    private int _links;
    private Guid _incarnation;
    private OpenBatch _open;
    private long _nextGet;
    private bool _closing;
    private long _closingSince;
    private bool _isLeaving;
    private bool _hasSaidClose;
    private int _tries;
    private long _pausedAt;
    private TimeSpan _pause;
    private int _losses;
    private bool _hasTaken;

    internal QueueSession(LinkSet set, string queueName, IQueueGrain queue)
    {
        (_set, QueueName, _queue) = (set, queueName, queue);
        _published = new PublishLedger(
            bytes => set.Unaccepted -= bytes, bytes => set.Unaccepted += bytes, bytes => set.Unpassed -= bytes);
        _given = new GivenProgress(set.Clock);
        _link = NewLink();
    }

    public SessionId Id => _id;

    /// <summary>The conversation that is going on.</summary>
    public LinkId LinkId => _link.Id;

    public string QueueName { get; }

    /// <summary>No longer usable; whoever wants the queue opens another session.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>How long a delivery may stay unacknowledged, where the queue has a time of its own.</summary>
    public TimeSpan? ConsumerTimeout { get; private set; }

    /// <summary>After how long a delivery that is not settled goes back, where the queue says so.</summary>
    public TimeSpan? MessageLease { get; private set; }

    /// <summary>Deliveries that are not settled: it lives as long as there are any.</summary>
    public long Unsettled => _held.Count;

    public bool IsDrained =>
        IsEnded || (!_closing && _pending.Count == 0 && _open.Count == 0 && _link.AllReceived && _published.AllAnswered);

    /// <summary>In the set's list of sessions to flush.</summary>
    internal bool IsDirty { get; set; }

    /// <summary>The queue is to say something by itself some time: that it is there no more may have got lost on the way.</summary>
    private bool WaitsForWord => _consumers.Count > 0 || _gets.Count > 0 || _closing || !_published.IsEmpty;

    private bool IsPaused => _pause > TimeSpan.Zero && _set.Clock.GetElapsedTime(_pausedAt) < _pause;

    /// <summary>Adds messages to the next packet. Untracked neighbours in one array become one batch.</summary>
    public void Publish(in MessageBatch batch, IPublishOutcome? outcome)
    {
        if (IsEnded || _closing)
        {
            // A path or a transaction held this session for longer than it lived.
            _set.Open(QueueName).Publish(batch, outcome);
            return;
        }

        _set.MarkDirty(this);
        if (outcome is null && _open.TryExtend(batch))
        {
            _set.CountPublished(batch.Records.Length);
            return;
        }

        CloseOpenBatch();
        _set.CountPublished(batch.Records.Length);
        if (outcome is null && OpenBatch.TryStart(batch, out _open))
        {
            return;
        }

        _pending.Add(_published.Add(batch, outcome));
    }

    /// <summary>Adds an item to the next packet, behind everything before it.</summary>
    internal void Enqueue(LinkUpItem item)
    {
        if (IsEnded)
        {
            return;
        }

        CloseOpenBatch();
        _pending.Add(item);
        _set.MarkDirty(this);
    }

    public void Attach(LinkConsumer consumer, bool exclusive, int prefetch, bool shared, EncodedTable arguments)
    {
        ArgumentNullException.ThrowIfNull(consumer);
        var id = _set.NextConsumerId();
        NoteTaken();
        consumer.AskedFirst = _link.IsNew;
        _consumers.Add(id, consumer);
        Enqueue(consumer.Begin(this, new AttachItem(id, consumer.Tag, consumer.NoAck, exclusive, prefetch, shared, arguments, default)));
        _set.NoteLease(consumer.Lease);
    }

    public void Detach(LinkConsumer consumer)
    {
        ArgumentNullException.ThrowIfNull(consumer);
        consumer.IsDetaching = true;
        Enqueue(new DetachItem(consumer.Id));
    }

    /// <param name="answer">Told the session that holds the message: another one where the queue was gone when it was asked, and has been declared since.</param>
    public void Get(bool noAck, Action<QueueSession, GotItem> answer)
    {
        var request = ++_nextGet;
        NoteTaken();
        _gets.Add(request, new AskedGet(noAck, AskedFirst: _link.IsNew, answer));
        Enqueue(new GetItem(request, noAck));
    }

    /// <summary>Settles deliveries of this session.</summary>
    /// <param name="isLeaseOver">Nobody said so, see <see cref="SettleItem.IsLeaseOver"/>.</param>
    public void Settle(Settlement settlement, OffsetRange[] offsets, bool isLeaseOver = false)
    {
        ArgumentNullException.ThrowIfNull(offsets);
        foreach (var range in offsets)
        {
            _held.Remove(range.First, range.End);
        }

        Enqueue(SettleItem.Of(settlement, offsets) with { IsLeaseOver = isLeaseOver });
    }

    /// <summary>A transaction is about to return these: from then on they are not this session's, and may be delivered to it anew before it hears of that.</summary>
    public void Release(OffsetRange offsets) => _held.Remove(offsets.First, offsets.End);

    /// <summary>Nothing came of what <see cref="Release"/> was called for.</summary>
    public void Hold(OffsetRange offsets) => _held.Add(offsets.First, offsets.Count, consumer: 0);

    /// <summary>Sends what has gathered, unless enough is on its way already.</summary>
    internal void Flush()
    {
        if (IsEnded || IsPaused || !(_link.HasRoom || (_isLeaving && !_hasSaidClose)))
        {
            return;
        }

        CloseOpenBatch();
        if (_pending.Count == 0)
        {
            return;
        }

        var open = _link.IsNew ? new LinkOpen(_set.Connection, _set.Observer, _id, _incarnation, _links) { GivenThrough = _given.ToArray() } : null;
        LinkUpItem[] items = [.. _pending];
        _pending.Clear();
        _hasSaidClose = _closing;
        _unstored.Sent(_link.Send(items, open), items);
    }

    /// <summary>Completes when the queue has applied and answered everything that was added so far.</summary>
    internal Task DrainAsync()
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

    /// <summary>Ends the session; the queue requeues what is unsettled.</summary>
    public void Close()
    {
        if (IsEnded || _closing)
        {
            return;
        }

        if (_link.IsNew && _incarnation == default && _pending.Count == 0 && _open.Count == 0)
        {
            // The queue has never heard of this session.
            End(isRemembered: false);
            return;
        }

        Enqueue(new CloseItem());
        _closing = true;
        _closingSince = _set.Clock.GetTimestamp();
        _set.Retire(this);
    }

    /// <summary>Four times a second: sends again what got lost, says what was received, gives up an idle session.</summary>
    internal void Tick()
    {
        if (IsEnded)
        {
            return;
        }

        SendLater();
        if (_losses != (_losses = _set.Losses?.Count ?? 0) || (WaitsForWord && _link.Silent > AskAfter))
        {
            _link.Suspect();
        }

        var said = _link.Tick(asks: _set.IsPatient && (_closing || !_published.IsEmpty));
        if (_closing && !_link.HasAnswer && _set.Clock.GetElapsedTime(_closingSince) is var waited && waited > IdleAfter)
        {
            // Nobody is there to whom it would matter. But the queue may have the first packet and wait for its store: then it needs to know that no more comes.
            _isLeaving = true;
            SendLater();
            if (waited > IdleAfter + LastWords)
            {
                LogLeft(_set.Log, QueueName, IdleAfter);
                GiveUp(isLogged: true);
            }
        }
        else if (!said && !_closing && _consumers.Count == 0 && Unsettled == 0 && IsDrained && _published.IsEmpty && _link.Idle > IdleAfter)
        {
            Close();
        }
    }

    /// <summary>What gathered while enough was on its way goes with the next flush.</summary>
    internal void SendLater()
    {
        if (!IsEnded && (_pending.Count > 0 || _open.Count > 0))
        {
            _set.MarkDirty(this);
        }
    }

    /// <summary>After a defect: what the queue has done with what it was sent, or will, is not known.</summary>
    internal void Lose()
    {
        if (!IsEnded)
        {
            GiveUp();
        }
    }

    internal void AfterApply()
    {
        EndDrains();
        SendLater();
    }

    private void EndDrains()
    {
        if (_drainWaiters.Count > 0 && IsDrained)
        {
            foreach (var waiter in _drainWaiters)
            {
                waiter.TrySetResult();
            }

            _drainWaiters.Clear();
        }
    }

    internal void Apply(Link link, LinkDown down)
    {
        var isUnstored = down.StoredDown < down.Number;
        foreach (var item in down.Items)
        {
            Apply(item, isUnstored ? down.Number : 0);
            if (link.HasEnded)
            {
                return;
            }
        }

        _published.Advance(down.Watermark);
        _unstored.Stored(down.StoredUp, down.StoredDown);
        if (down.GivenThrough is { } given)
        {
            _given.Note(given);
        }
    }

    private void Apply(LinkDownItem item, long unstored)
    {
        switch (item)
        {
            case PublishedItem published:
                _set.Backlog = published.Backlog;
                _published.Answer(published);
                break;
            case DeliveryItem delivery:
                Deliver(delivery, unstored);
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
                Got(got, unstored);
                break;
            case ReadyItem ready:
                _consumers.GetValueOrDefault(ready.Consumer)?.OnReady();
                break;
            case UnusedItem unused:
                _consumers.GetValueOrDefault(unused.Consumer)?.OnUnused(unused.Count);
                break;
            case OpenedItem opened:
                (_incarnation, _tries, _pause) = (opened.Incarnation, 0, default);
                ConsumerTimeout = opened.ConsumerTimeout is { } milliseconds ? TimeSpan.FromMilliseconds(milliseconds) : null;
                _set.NoteConsumerTimeout(ConsumerTimeout);
                MessageLease = opened.MessageLease is { } lease ? TimeSpan.FromMilliseconds(lease) : null;
                _set.NoteLease(MessageLease);
                break;
            case ClosedItem:
                _published.PassAll();
                End(isRemembered: true);
                break;
            case EndedItem ended:
                EndedByQueue(ended.Reason);
                break;
            default:
                throw new InvalidOperationException($"A queue sent {item.GetType().Name}, which this version does not know.");
        }
    }

    private void Attached(AttachedItem item)
    {
        if (!_consumers.TryGetValue(item.Consumer, out var consumer))
        {
            return;
        }

        if (item.Error is not null)
        {
            _consumers.Remove(item.Consumer);
        }

        consumer.NotePlace(item.Rank, item.Active, item.Position);
        if (!consumer.IsAttached)
        {
            consumer.Attached(item.Error);
        }
        else if (item.Error is not null)
        {
            // The next activation does not take it: somebody has come between.
            consumer.Ended();
        }
    }

    private void Deliver(DeliveryItem item, long unstored)
    {
        if (!_consumers.TryGetValue(item.Consumer, out var consumer))
        {
            return;
        }

        foreach (var slice in item.Slices)
        {
            if (!consumer.NoAck)
            {
                _held.Add(slice.FirstOffset, slice.Batch.Count, consumer.Id);
            }
            else if (unstored > 0)
            {
                _unstored.Taken(unstored, new OffsetRange(slice.FirstOffset, slice.Batch.Count));
            }
        }

        consumer.Deliver(item.Slices);
    }

    private void Got(GotItem got, long unstored)
    {
        if (!_gets.Remove(got.Request, out var get))
        {
            return;
        }

        if (got.Message is { } message)
        {
            if (!get.NoAck)
            {
                _held.Add(message.FirstOffset, 1, consumer: 0);
            }
            else if (unstored > 0)
            {
                _unstored.Taken(unstored, new OffsetRange(message.FirstOffset, 1));
            }
        }

        get.Answer(this, got);
    }

    private Link NewLink()
    {
        var link = new Link(_set, this, _queue);
        _links++;
        _set.Add(link);
        return link;
    }

    /// <summary>It is about to ask for messages: activations to come may wait for it.</summary>
    private void NoteTaken()
    {
        if (!_hasTaken && !IsEnded)
        {
            _hasTaken = true;
            _set.Losses?.Sessions.Add(_id);
        }
    }

    private void CloseOpenBatch()
    {
        if (_open.Count > 0)
        {
            _pending.Add(_published.Add(_open.ToBatch(), null));
            _open = default;
        }
    }

    /// <param name="AskedFirst">See <see cref="LinkConsumer.AskedFirst"/>.</param>
    private readonly record struct AskedGet(bool NoAck, bool AskedFirst, Action<QueueSession, GotItem> Answer);
}
