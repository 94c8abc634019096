using System.Collections.Concurrent;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.DeadLetters;
using Granary.Silo.Exchanges;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage.Definitions;

namespace Granary.Silo.Queues.Activation;

/// <summary>
/// One activation of a queue's name: the queue, if there is one, its turns, and what is done beside them. It stays while there is a queue and while anything
/// is owed to anyone, and leaves a little later.
/// </summary>
internal sealed partial class QueueActivation
{
    /// <summary>How long a name without a queue stays after it was last asked for, in milliseconds: who asks for it again and again need not activate it each time.</summary>
    private const long Linger = 1_000;

    /// <summary>How long after a turn that leaves something for it a tick comes, in milliseconds.</summary>
    private const long TickPeriod = 1_000;

    private readonly QueueServices _services;
    private readonly IGrainContext _context;
    private readonly string _key;
    private readonly string _vhost;
    private readonly string _name;
    private readonly ActivationClock _clock;
    private readonly object _ownGate = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly QueueTurns _turns;
    private readonly QueueInbox _inbox;
    private readonly QueueTimer _timer;
    private readonly StoredState<QueueState> _state;
    private readonly QueueSaver _saver;
    private readonly DeliveryCountSaver _counts;
    private readonly List<BindingDebt> _debts = [];
    private QueueSlot _slot;
    private DeadLetterOutbox? _outbox;

    /// <summary>Dead messages that are still in the store, until it is known that they have arrived.</summary>
    private long _underWay;
    private ConcurrentQueue<(Queue From, IReadOnlyList<MessageRun> Runs)>? _arrived;
    // Set when no session of an earlier activation is waited for, or the activation has ended. Before that nobody can say who consumes, and what is ready.
    private readonly TaskCompletionSource _recovered = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Task _segmentsSaved = Task.CompletedTask;
    private Task _lastRemoval = Task.CompletedTask;
    private long _tickAt = MessageRun.Never;
    private long _leavesAt = MessageRun.Never;
    private bool _isListed;

    // Below all times: an earlier activation may have left one, which the first turn sets right.
    private long _storedDue = long.MinValue;

    /// <param name="context">The runtime's side of the activation; only what any thread may use of it is used.</param>
    public QueueActivation(QueueServices services, IGrainContext context, string key)
    {
        (_services, _context, _key) = (services, context, key);
        (_vhost, _name) = GrainKeys.Parse(key);
        _turns = new QueueTurns(EndTurn, Fail);
        _inbox = new QueueInbox(TakeNews) { Activation = this };
        _timer = new QueueTimer(services.Time, _inbox.PostLook);
        _state = new StoredState<QueueState>(services.Definitions, "queue", context.GrainId);
        _saver = new QueueSaver(_state, NotSaved);
        _counts = new DeliveryCountSaver(services.Stores.Durable, key, services.Log);
        _clock = new ActivationClock(services.Time);

        // Epochs rise with the clock, so that those of a queue that was deleted and declared again do, too.
        _slot = NewSlot(_clock.StartedAt);
    }

    private long Now => _clock.Now;

    /// <summary>What a turn hands to the store under it is in one flush: messages, and the definition that belongs to them.</summary>
    private object Gate => _services.Stores.Durable?.Gate ?? _ownGate;

    public void Wake() => _turns.TryRun(this, static activation =>
    {
        // Whoever woke it has something noted as due, which may not be.
        activation._storedDue = long.MinValue;
        activation.NoteCall();
        activation.LetGoOfOwner();
        activation._slot.RunDue(activation.Now);
    });

    public async ValueTask<QueueAnswer> DeclareAsync(QueueDeclaration declaration)
    {
        DeadLetterRule? deadLetters = null;
        var answer = await CallAsync(
            declaration,
            (QueueActivation activation, in QueueDeclaration declaration) =>
            {
                lock (activation.Gate)
                {
                    var answer = activation.Declare(declaration);
                    deadLetters = activation._slot.Queue?.DeadLetters;
                    return answer;
                }
            }).ConfigureAwait(false);
        if (deadLetters is not null)
        {
            await _services.Office.PrepareAsync(_vhost, deadLetters).ConfigureAwait(false);
        }

        return answer;
    }

    public async ValueTask<QueueAnswer> DescribeAsync(ConnectionId by)
    {
        await _recovered.Task.ConfigureAwait(false);
        return await CallAsync(by, static (QueueActivation activation, in ConnectionId by) => activation._slot.Describe(by, activation.Now)).ConfigureAwait(false);
    }

    public async ValueTask<QueueAnswer> DeleteAsync(ConnectionId by, bool ifUnused, bool ifEmpty)
    {
        await _recovered.Task.ConfigureAwait(false);
        var removed = Task.CompletedTask;
        var answer = await CallAsync(
            (by, ifUnused, ifEmpty),
            (QueueActivation activation, in (ConnectionId By, bool IfUnused, bool IfEmpty) asked) =>
            {
                var answer = activation._slot.Delete(asked.By, asked.IfUnused, asked.IfEmpty, activation.Now);
                removed = activation._lastRemoval;
                return answer;
            }).ConfigureAwait(false);

        // A queue declared next by this name must not be reached by the old bindings. An exchange out of reach does not hold the answer for ever.
        await Task.WhenAny(removed, Task.Delay(SnapshotLease.Length, _services.Time)).ConfigureAwait(false);
        return answer;
    }

    public async ValueTask RemoveAsync()
    {
        await _recovered.Task.ConfigureAwait(false);
        var answer = await CallAsync(
            true,
            static (QueueActivation activation, in bool _) =>
            {
                activation._hasItsExchangeGone = true;
                return activation._slot.Remove(activation.Now);
            }).ConfigureAwait(false);
        if (answer.Error is { } error)
        {
            throw new InvalidOperationException(error.Explanation);
        }
    }

    public async ValueTask<QueueAnswer> PurgeAsync(ConnectionId by)
    {
        await _recovered.Task.ConfigureAwait(false);
        return await CallAsync(by, static (QueueActivation activation, in ConnectionId by) => activation._slot.Purge(by, activation.Now)).ConfigureAwait(false);
    }

    public ValueTask<QueueAnswer> AddBindingSourceAsync(ConnectionId by, string exchange) => CallAsync(
        (by, exchange),
        static (QueueActivation activation, in (ConnectionId By, string Exchange) asked) => activation.AddBindingSource(asked.By, asked.Exchange));

    public async ValueTask<QueuePlace> MoveAsync(SiloAddress silo)
    {
        await _recovered.Task.ConfigureAwait(false);
        var state = (this, silo);
        return _turns.TryRun(
            ref state,
            static (ref (QueueActivation Activation, SiloAddress Silo) call) =>
            {
                call.Activation.NoteCall();
                return call.Activation.Move(call.Silo);
            },
            out var place)
            ? place
            : new QueuePlace(Elsewhere().Error, null);
    }

    public LinkAnswer Send(LinkUp up)
    {
        var state = (this, up);
        if (_turns.TryRun(
            ref state,
            static (ref (QueueActivation Activation, LinkUp Up) call) =>
            {
                call.Activation.NoteCall();
                if (call.Activation.IsFromTheDead(call.Up))
                {
                    return default;
                }

                call.Activation.DeclareHidden(call.Up);
                return call.Activation._slot.Send(call.Up, call.Activation.Now);
            },
            out var answer))
        {
            return answer;
        }

        LookForAnother();
        return _slot.Lost(up, _services.Stores.IsLeftAlone(_key) ? LinkEnd.Elsewhere : LinkEnd.Lost);
    }

    // Of a gateway that does not know yet that it was declared dead, or whose packets are late: what its sessions had was given to others, or is about to be.
    private bool IsFromTheDead(LinkUp up) => up.Open is { } open && _services.Owners is { } owners && owners.HasGone(open.Connection);

    private delegate QueueAnswer Body<T>(QueueActivation activation, in T asked);

    /// <summary>A turn that answers a call, when what it changed is stored.</summary>
    private ValueTask<QueueAnswer> CallAsync<T>(in T asked, Body<T> body)
    {
        var state = (this, asked, body);
        return _turns.TryRun(
            ref state,
            static (ref (QueueActivation Activation, T Asked, Body<T> Body) call) =>
            {
                call.Activation.NoteCall();
                return call.Activation._saver.WhenSaved(call.Body(call.Activation, call.Asked));
            },
            out var answer)
            ? answer
            : ValueTask.FromResult(Elsewhere());
    }

    /// <summary>The first call lists the inbox: only from then on does the runtime promise to tell when the activation ends.</summary>
    private void NoteCall()
    {
        if (!_isListed)
        {
            _isListed = true;
            _services.Local.Add(_key, _inbox);

            // From here on it is told of changes; it may have begun before the last one.
            ApplyPolicies();
        }

        // Whoever asks is waited for again.
        _leavesAt = MessageRun.Never;
    }

    private QueueAnswer Declare(QueueDeclaration declaration)
    {
        var isNew = _slot.Declared is null;
        var answer = _slot.Declare(declaration, Guid.NewGuid(), Now);
        if (isNew && _slot.Declared is { } queue)
        {
            if (!queue.Definition.IsHidden)
            {
                _services.Figures.Add(queue.Figures, isNew);
            }

            queue.Storage?.Journal.OnAdvance(_inbox.PostLook);
            Save(isNew);
        }

        return answer;
    }

    private QueueAnswer AddBindingSource(ConnectionId by, string exchange)
    {
        var isNew = _slot.Declared is { } queue && !queue.BindingSources.Contains(exchange);
        var answer = _slot.AddBindingSource(by, exchange);
        if (isNew && answer.Error is null)
        {
            Save();
        }

        return answer;
    }

    /// <summary>Takes what came without a call, in one turn.</summary>
    private void TakeNews(ReadOnlySpan<QueueNews> all)
    {
        var batch = new NewsBatch(this, all);
        if (!_turns.TryRun(ref batch, static (ref NewsBatch batch) => batch.TakeAll(), out _))
        {
            batch.FailRest();
        }
    }

    private void Take(in QueueNews news)
    {
        if (news is { Up: { } up, Link: { } link })
        {
            _leavesAt = MessageRun.Never;
            DeclareHidden(up);
            link.Answer(_slot.Send(up, Now, link));
        }
        else if (news.Gone is { } member)
        {
            _slot.LetGo(member, Now);
        }
        else if (news.Joined is { } silos)
        {
            MoveToJoined(silos);
        }
        else if (news.Policies is { } round)
        {
            ApplyPolicies();
            round.Complete();
        }
        else if (news.Move is { } move)
        {
            move.Begun.SetResult(WhyNotMoved() is null && TryMove(move.To));
        }
    }

    /// <summary>Takes up what moved in the store, arrived where dead letters go, or is due.</summary>
    private void Look()
    {
        if (_slot.Declared is { Storage.Journal.IsFenced: true })
        {
            LogFenced(_services.Log, _name, _vhost);
            _services.Figures.NoteFenced();
            _services.Stores.NoteFenced(_key);
            _turns.TryEnd(LoseAll);
            return;
        }

        TakeArrived();
        if (_timer.TakeCome())
        {
            RunDue();
        }

        _slot.Advance(Now);
    }

    /// <summary>Does what is due by now.</summary>
    private void RunDue()
    {
        _slot.RunDue(Now);
        if (_tickAt <= Now)
        {
            _slot.Tick(Now);
            _tickAt = MessageRun.Never;
        }

        if (_leavesAt <= Now)
        {
            _leavesAt = Now + Linger;

            // In a turn of the runtime no call is in the middle of one, and calls that come from then on go to the next activation.
            _context.Scheduler.QueueAction(LeaveIfEmpty);
        }
    }

    /// <summary>Sends what the turn has for others and sees whether anything remains to be done later.</summary>
    private void EndTurn()
    {
        if (!_recovered.Task.IsCompleted && _slot.Declared is not { IsRecovering: true })
        {
            _recovered.TrySetResult();
        }

        SendPushes();
        PostDead();
        if (_slot.Queue is { DeliveryCounts.HasChanges: true } counting)
        {
            _counts.Save(counting);
        }

        if (_slot.Register is { } register)
        {
            StoreSessions(register);
        }

        if (!_isKnownAsConsumed && HasToBeKnownAsConsumed)
        {
            Save();
        }

        FollowTransactions();

        if (_slot.Queue?.NextLoad() is { } load)
        {
            _ = LoadAsync(_slot.Queue, load);
        }

        if (_slot.Stream is { } stream)
        {
            FollowUp(stream);
        }

        if (_tickAt == MessageRun.Never && _slot.NeedsTick)
        {
            _tickAt = Now + TickPeriod;
        }

        _leavesAt = _slot.IsEmpty ? Math.Min(_leavesAt, Now + Linger) : MessageRun.Never;
        _timer.ArmFor(Math.Min(Math.Min(_slot.NextDue, _leavesAt), _tickAt), Now);
        StoreDue();
    }

    private void SendPushes()
    {
        foreach (var (observer, packet, local) in _slot.Pushes)
        {
            if (local is null)
            {
                _ = PushAsync(observer, packet);
            }
            else
            {
                local.Receive(packet);
            }
        }

        _slot.Pushes.Clear();
    }

    private async Task PushAsync(ILinkObserver observer, LinkDown packet)
    {
        try
        {
            await observer.ReceiveAsync(packet).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // The packet is kept and comes again; whether the gateway is gone is not for one push to decide.
            LogPushFailed(_services.Log, exception, packet.Link, packet.Number);
        }
    }

    private void PostDead()
    {
        if (_slot.Dead.Count > 0)
        {
            _outbox ??= NewOutbox();
            if (_slot.Queue is { Refused: { Drained: null } refused })
            {
                refused.Drained = _inbox.PostLook;
            }

            _underWay += _slot.Queue is { Storage: not null } ? _slot.Dead.Sum(static dead => dead.Run.First == DeadRun.NeverEnqueued ? 0L : dead.Run.Count) : 0;
            _outbox.Post(_slot.Dead);
            _slot.Dead.Clear();
        }
    }

    private DeadLetterOutbox NewOutbox()
    {
        if (_slot.Queue is not { Storage: not null } queue)
        {
            return new DeadLetterOutbox(_services.Office, _vhost, _name, arrived: null);
        }

        var arrived = _arrived ??= new();
        return new DeadLetterOutbox(
            _services.Office, _vhost, _name,
            runs =>
            {
                arrived.Enqueue((queue, runs));
                _inbox.PostLook();
            },
            () => queue.DeadLetters);
    }

    /// <summary>All that came to the inbox by the time of one turn.</summary>
    private ref struct NewsBatch(QueueActivation activation, ReadOnlySpan<QueueNews> all)
    {
        private readonly ReadOnlySpan<QueueNews> _all = all;
        private int _taken;

        public bool TakeAll()
        {
            var looks = false;
            for (; _taken < _all.Length; _taken++)
            {
                looks |= _all[_taken].Up is null;
                activation.Take(_all[_taken]);
            }

            if (looks)
            {
                activation._inbox.BeginLook();
                activation.Look();
            }

            return true;
        }

        /// <summary>The turn could not be taken to its end: those who sent what is left send it again, to the next activation.</summary>
        public readonly void FailRest()
        {
            foreach (var news in _all[_taken..])
            {
                news.Fail();
            }
        }
    }
}
