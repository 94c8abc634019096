using System.Runtime.InteropServices;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Topology;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues.Consumers;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Figures;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues;

/// <summary>
/// One declared queue: its messages, consumers and unsettled deliveries. It knows no time and no runtime: a turn applies the items of a
/// packet and ends with <see cref="EndTurn"/>, which gives out what can be given, drops what is due and notes for the store what happened.
/// </summary>
internal sealed partial class Queue : IDeclaredQueue
{
    private readonly IReadyMessages _ready;
    private QueueSettings _settings;
    private LengthLimit? _limit;
    private readonly List<DeadRun> _dead;
    private readonly DeliveryBound _bound;
    private readonly QueueJournal? _journal;
    private readonly QueueStorage? _storage;
    private readonly long _redeliveredBelow;
    private readonly List<MessageRun> _lifetimes = [];
    private readonly List<MessageRun> _live = [];
    private readonly Dispatch _dispatch;
    private readonly HashSet<string> _bindingSources = new(StringComparer.Ordinal);
    private readonly HashSet<QueueLink> _untidy = [];
    private readonly SessionTable _sessions;
    private readonly PublisherAnswers _answers;
    private readonly GivenBatches? _given;

    /// <summary>Null: its messages wait for nobody.</summary>
    private readonly ArrivalTimes? _arrivals;

    // What is unacknowledged has changed since it was looked for the oldest of it.
    private bool _hasSettled;
    private long _usedAt;
    private long _nextOffset;

    /// <param name="settings">What it goes by until <see cref="Apply(QueueSettings, long)"/>.</param>
    /// <param name="dead">Takes the messages that are to be dead-lettered.</param>
    /// <param name="storage">Where it is stored, and what is there already; null keeps all in memory.</param>
    public Queue(QueueDefinition definition, QueueSettings settings, Guid incarnation, List<DeadRun> dead, QueueStorage? storage)
    {
        (Definition, Incarnation, _dead, _storage) = (definition, incarnation, dead, storage);
        _settings = settings;
        _arrivals = definition.Type is QueueTypes.Delayed or QueueTypes.History ? null : new ArrivalTimes();
        Figures = new QueueFigures(definition, _arrivals);
        _given = definition.Owner is not null && storage?.Durable is null ? new GivenBatches() : null;
        DeliveryCounts = definition.Type == QueueTypes.Quorum ? new DeliveryCounts() : null;
        _dispatch = new Dispatch(definition, Figures, DeliveryCounts, _arrivals);
        _delayed = definition.Type == QueueTypes.Delayed ? new DelayedMessages(isPaced: storage is not null) : null;
        _groups = _settings.MessageGroup is { } header ? new GroupedMessages(countsBodies: _settings.MaxBytes is not null, System.Text.Encoding.UTF8.GetBytes(header)) : null;
        _ready = _delayed is not null ? _delayed
            : _groups is not null ? _groups
            : _settings.Priorities is { } priorities
            ? new PriorityMessages(countsBodies: _settings.MaxBytes is not null, priorities)
            : new ReadyMessages(countsBodies: _settings.MaxBytes is not null);
        _retries = DeliveryCounts is null ? null : new WaitingRetries();
        _limit = _settings.IsLimited ? new LengthLimit(_settings, _retries) : null;
        _noteGone = NoteGone;
        _journal = storage?.Durable;
        _sessions = new SessionTable(_journal);
        _answers = new PublisherAnswers(storage?.Journal);
        _bound = new DeliveryBound(_journal, storage?.Journal);
        _waitingDead = storage is null ? null : new WaitingDead(storage.Journal);
        Deduplicate(_settings.Deduplication);
        if (storage is not null)
        {
            _redeliveredBelow = storage.Backlog.DeliveredBound;
            Recover(storage);
        }
    }

    public QueueDefinition Definition { get; }

    public Guid Incarnation { get; }

    public QueueFigures Figures { get; }

    public long ReadyCount => _ready.Count;

    /// <summary>Record bytes of the ready messages.</summary>
    public long ReadyBytes => _ready.Bytes;

    public int ConsumerCount => _dispatch.Count;

    /// <summary>Its last consumer went, and it is one that is deleted then. Whatever comes in the rest of the turn meets a queue that is gone.</summary>
    public bool IsDoomed { get; private set; }

    /// <summary>Every offset below needs no store any more. Whoever stores moves it.</summary>
    public long Watermark { get; private set; }

    /// <summary>The offset that the next message gets.</summary>
    public long NextOffset => _nextOffset;

    /// <summary>Exchanges that have, or may have, bindings to this queue.</summary>
    public IReadOnlyCollection<string> BindingSources => _bindingSources;

    /// <summary>When something becomes due by itself, or <see cref="MessageRun.Never"/>.</summary>
    public long NextDue => Math.Min(_recovery?.Due ?? Math.Min(Math.Min(_ready.NextDue, _retries?.NextDue ?? MessageRun.Never), GoesAt), ExpiresAt);

    /// <summary>When the queue itself is deleted unless it is used before (x-expires), or <see cref="MessageRun.Never"/>.</summary>
    private long ExpiresAt => _settings.Expires is { } after && ConsumerCount == 0 ? _usedAt + after : MessageRun.Never;

    /// <summary>Memory may have to be given back some time.</summary>
    public bool NeedsTidy => _ready.NeedsTidy || _untidy.Count > 0 || _hasSettled || _bound.NeedsTick || _sessions.Earlier.Count > 0;

    /// <summary>It was declared, or something was got from it: its time begins anew. While it has consumers none runs.</summary>
    public void Use(long now) => _usedAt = now;

    public bool HasExpired(long now) => ExpiresAt <= now || HasLostLast(now);

    public QueueAnswer Describe() => new(null, ReadyCount, ConsumerCount, Incarnation, Definition.Durable);

    public void AddBindingSource(string exchange) => _bindingSources.Add(exchange);

    /// <summary>Everything up to <paramref name="offset"/> is stored, or need not be.</summary>
    public void AdvanceWatermark(long offset) => Watermark = Math.Max(Watermark, offset);

    /// <summary>False when its session has gone on over another link: what comes over this one is old.</summary>
    public bool TryOpen(QueueLink link, long now)
    {
        if (!TryJoin(link, now))
        {
            return false;
        }

        link.Unacked.Memory = _storage is null ? null : _unacked;
        _recovery?.Open(link.Session);
        NoteGiven(link);
        link.Send(Opened());
        return true;
    }

    public void Apply(QueueLink link, LinkUpItem item, long now)
    {
        if (_recovery is { } recovery && !IsTakenMeanwhile(item))
        {
            recovery.Defer(link, item);
            return;
        }

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
                _dispatch.Refresh(consumer);
                break;
            case PrefetchItem prefetch when link.Consumers.TryGetValue(prefetch.Consumer, out var consumer):
                consumer.Prefetch = prefetch.Prefetch;
                _dispatch.Refresh(consumer);
                break;
            case ShareItem share when link.Consumers.TryGetValue(share.Consumer, out var consumer):
                _dispatch.Share(consumer, share.Shared);
                break;
            case LendItem lend when link.Consumers.TryGetValue(lend.Consumer, out var borrower):
                _dispatch.Lend(borrower, lend.Count);
                break;
            case LendItem lend:
                // The consumer went while the offer was under way.
                link.Send(new UnusedItem(lend.Consumer, lend.Count));
                break;
            case GetItem get:
                Get(link, get, now);
                break;
            case AttachItem attach:
                Attach(link, attach, now);
                break;
            case HoldItem hold:
                (_recovery ??= new Recovery([], now)).Add(link, hold);
                break;
            case DetachItem detach:
                Detach(link, detach.Consumer, now);
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
        NoteLast(now);
        if (!IsDoomed && _recovery is null)
        {
            if (_retries is { Count: > 0 })
            {
                EndWaits(now);
            }

            ServeWaitingGets(now);
            _dispatch.Deliver(_ready, _bound, _untidy, now);

            // A time to live of nothing is up here: whoever could take the message at once has it.
            var isAll = _ready.Expire(now + 1);
            Bury(_ready.TakeExpired(), _delayed is null ? DeathReason.Expired : DeathReason.Due);
            if (_limit is { Refuses: false } && isAll)
            {
                Figures.Add(QueueCount.Drop, _limit.Trim(_ready, _live, _settings.DeadLetters is null ? _noteGone : null));
                Bury(CollectionsMarshal.AsSpan(_live), DeathReason.MaxLength);
                _live.Clear();
            }

            _dispatch.EndTurn(_ready);
            TellProgress();
        }

        _ready.EndTurn();
        (Figures.Ready, Figures.Consumers, Figures.ReadyBytes) =
            (_ready.Count, ConsumerCount, (_ready.Bytes + (_retries?.Bytes ?? 0), _ready.MemoryBytes + (_retries?.MemoryBytes ?? 0)));
        if (_retries is not null)
        {
            Figures.Waiting = (_retries.Count, _retries.NextDue, _retries.LastDue);
        }

        NoteOldestReady(now);

        if (_storage is not null)
        {
            StoreTurn(_storage, now);
        }

        _answers.EndTurn(IsShortOfMemory, _nextOffset, Refused.IsDrained);
    }

    /// <summary>Removes the messages that nobody holds and says how many there were. To be followed by <see cref="EndTurn"/>.</summary>
    public long Purge() => _ready.Clear(NoteGone) + (_retries?.Clear(NoteGone) ?? 0);

    public void Tidy(long now)
    {
        _bound.Tick(now);
        _sessions.ForgetEarlier(now);
        NoteOldestUnacked();
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

    private void Settle(QueueLink link, SettleItem settle, long now)
    {
        var before = Figures[QueueCount.Requeue];
        foreach (var range in settle.Offsets)
        {
            Settle(link, range.First, range.End, settle.Outcome, now);
        }

        if (settle.IsLeaseOver)
        {
            Figures.Add(QueueCount.LeaseEnd, Figures[QueueCount.Requeue] - before);
        }

        NoteUntidy(link);
    }

    private void Settle(QueueLink link, long from, long to, Settlement settlement, long now)
    {
        _hasSettled = true;
        var dies = settlement == Settlement.Reject && _settings.DeadLetters is not null;
        var returns = settlement is Settlement.Requeue or Settlement.Undelivered or Settlement.Failed;
        if (!dies && !returns)
        {
            Figures.Settle(settlement, SettleForGood(link, from, to));
            return;
        }

        Figures.Settle(settlement, link.Unacked.Settle(from, to, _live, gone: null, _dispatch));
        if (_groups is not null)
        {
            ReleaseGroups(_live);
        }

        foreach (var run in _live)
        {
            if (dies)
            {
                Bury(run, DeathReason.Rejected);
            }
            else
            {
                ComeBack(run, settlement, now);
            }
        }

        _live.Clear();
    }

    private void Return(in MessageRun run, bool wasSeen, long now) => _ready.Return(run with { Redelivered = run.Redelivered || wasSeen, Since = now });

    private void Attach(QueueLink link, AttachItem attach, long now)
    {
        var badArgument = ConsumerArguments.Read(Definition, attach.Arguments, out var priority);
        var error = RefusalFor(link) ?? badArgument ?? (_dispatch.IsInExclusiveUse(attach) ? BrokerError.QueueInExclusiveUse(Definition.Vhost, Definition.Name) : null);
        if (error is null && link.Consumers.ContainsKey(attach.Consumer))
        {
            error = new BrokerError(ReplyCode.NotAllowed, $"attempt to reuse consumer tag '{attach.Tag}'");
        }

        if (error is not null)
        {
            link.Send(new AttachedItem(attach.Consumer, error));
            return;
        }

        var consumer = new Consumer(link, _dispatch.Ranked(attach, now), priority);
        link.Send(new AttachedItem(attach.Consumer, null, consumer.Rank, attach.Active));
        link.Consumers.Add(attach.Consumer, consumer);
        _dispatch.Add(consumer);
        HasBeenConsumed = true;
    }

    private BrokerError? RefusalFor(QueueLink link) =>
        IsDoomed ? BrokerError.NoQueue(Definition.Vhost, Definition.Name) : Definition.CheckAccess(link.Connection);

    private void Detach(QueueLink link, int number, long now)
    {
        if (!link.Consumers.Remove(number, out var consumer))
        {
            return;
        }

        _dispatch.Remove(consumer);
        Use(now);
        IsDoomed |= Definition.AutoDelete && ConsumerCount == 0 && _lastIsKnownAt <= now;
    }

    private void Close(QueueLink link, long now)
    {
        foreach (var number in link.Consumers.Keys.ToArray())
        {
            Detach(link, number, now);
        }

        Settle(link, 0, long.MaxValue, Settlement.Failed, now);
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
