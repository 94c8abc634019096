using System.Collections.Concurrent;
using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace Granary.Silo.Queues;

/// <summary>
/// The grain of one queue name. It stays active while there is a queue and while anything is owed to anyone, and leaves a little later. No turn awaits
/// anything: what has to be awaited runs beside the turns. Turns are what happens under <see cref="_turn"/>, on any thread: calls, what the inbox takes, which
/// came from this process without a call, and what goes on after something was awaited.
/// </summary>
[Reentrant]
internal sealed partial class QueueGrain : Grain, IQueueGrain
{
    /// <summary>What is due later is looked at again after a day, in milliseconds: timers know no ten years.</summary>
    private const long LongestWait = 86_400_000;

    /// <summary>How long a name without a queue stays after it was last asked for, in milliseconds: who asks for it again and again need not activate it each time.</summary>
    private const long Linger = 1_000;

    /// <summary>How long after a turn that leaves something for it a tick comes, in milliseconds.</summary>
    private const long TickPeriod = 1_000;

    private readonly Lock _turn = new();
    private readonly IGrainFactory _grains;
    private readonly TimeProvider _time;
    private readonly ILogger<QueueGrain> _log;
    private readonly DeadLetterOffice _office;
    private readonly QueueStores _stores;
    private readonly DueTable _due;
    private readonly LocalQueues _local;
    private readonly QueueInbox _inbox;
    private readonly ITimer _timer;
    private readonly StoredState<QueueState> _state;
    private readonly List<BindingDebt> _debts = [];
    private readonly string _vhost;
    private readonly string _name;
    private readonly long _startedAt;
    private readonly long _start;
    private QueueSlot _slot;
    private TaskScheduler _runtimeTurns = TaskScheduler.Default;
    private DeadLetterOutbox? _outbox;
    private ConcurrentQueue<(Queue From, IReadOnlyList<MessageRun> Runs)>? _arrived;
    private long _armedFor = MessageRun.Never;
    private long _tickAt = MessageRun.Never;
    private long _leavesAt = MessageRun.Never;
    private Task _lastRemoval = Task.CompletedTask;
    private bool _isListed;
    private volatile bool _timerCame;

    public QueueGrain(
        IGrainFactory grains, TimeProvider time, DeadLetterOffice office, QueueStores stores, DueTable due, LocalQueues local, RowGrainStorage storage, ILogger<QueueGrain> log)
    {
        (_grains, _time, _office, _stores, _due, _local, _log) = (grains, time, office, stores, due, local, log);
        _inbox = new QueueInbox(TakeNews);
        using (ExecutionContext.SuppressFlow())
        {
            _timer = time.CreateTimer(static grain => ((QueueGrain)grain!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        _state = new StoredState<QueueState>(storage, "queue", GrainContext.GrainId);
        _start = time.GetTimestamp();
        _startedAt = time.GetUtcNow().ToUnixTimeMilliseconds();
        (_vhost, _name) = GrainKeys.Parse(this.GetPrimaryKeyString());

        // Epochs rise with the clock, so that those of a queue that was deleted and declared again do, too.
        _slot = NewSlot(_startedAt);
    }

    /// <summary>Unix time in milliseconds, as far as this activation is concerned: it never goes back.</summary>
    private long Now => _startedAt + (long)_time.GetElapsedTime(_start).TotalMilliseconds;

    public ValueTask WakeAsync()
    {
        lock (_turn)
        {
            if (TryBegin())
            {
                _slot.RunDue(Now);
                EndTurn();
            }
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<QueueAnswer> DeclareAsync(QueueDeclaration declaration)
    {
        lock (_turn)
        {
            if (!TryBegin())
            {
                return ValueTask.FromResult(Elsewhere());
            }

            lock (Gate)
            {
                var isNew = _slot.Queue is null;
                var answer = _slot.Declare(declaration, Guid.NewGuid(), Now);
                if (isNew && _slot.Queue is { Storage: { } storage })
                {
                    storage.Journal.OnAdvance(_inbox.PostLook);
                    Save();
                }

                return WhenSaved(EndTurn(answer));
            }
        }
    }

    public ValueTask<QueueAnswer> DescribeAsync(ConnectionId by)
    {
        lock (_turn)
        {
            return ValueTask.FromResult(TryBegin() ? EndTurn(_slot.Describe(by, Now)) : Elsewhere());
        }
    }

    public async ValueTask<QueueAnswer> DeleteAsync(ConnectionId by, bool ifUnused, bool ifEmpty)
    {
        ValueTask<QueueAnswer> saved;
        Task removed;
        lock (_turn)
        {
            if (!TryBegin())
            {
                return Elsewhere();
            }

            lock (Gate)
            {
                saved = WhenSaved(EndTurn(_slot.Delete(by, ifUnused, ifEmpty, Now)));
                removed = _lastRemoval;
            }
        }

        var answer = await saved;

        // A queue declared next by this name must not be reached by the old bindings. An exchange out of reach does not hold the answer for ever.
        await Task.WhenAny(removed, Task.Delay(SnapshotLease.Length, _time));
        return answer;
    }

    public ValueTask<QueueAnswer> PurgeAsync(ConnectionId by)
    {
        lock (_turn)
        {
            return ValueTask.FromResult(TryBegin() ? EndTurn(_slot.Purge(by, Now)) : Elsewhere());
        }
    }

    public ValueTask<QueueAnswer> AddBindingSourceAsync(ConnectionId by, string exchange)
    {
        lock (_turn)
        {
            if (!TryBegin())
            {
                return ValueTask.FromResult(Elsewhere());
            }

            var isNew = _slot.Queue is { } queue && !queue.BindingSources.Contains(exchange);
            var answer = _slot.AddBindingSource(by, exchange);
            if (isNew && answer.Error is null)
            {
                Save();
            }

            return WhenSaved(EndTurn(answer));
        }
    }

    public ValueTask<LinkAnswer> SendAsync(LinkUp up)
    {
        lock (_turn)
        {
            if (!TryBegin())
            {
                LookForAnother();
                return ValueTask.FromResult(_slot.Lost(up));
            }

            return ValueTask.FromResult(EndTurn(_slot.Send(up, Now)));
        }
    }

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _runtimeTurns = TaskScheduler.Current;
        if (_stores.IsLeftAlone(this.GetPrimaryKeyString()))
        {
            _isFenced = true;
            return;
        }

        // Only its own turns end it: the collector might find it idle just before a declare, and end it just after.
        DelayDeactivation(Timeout.InfiniteTimeSpan);
        await _state.ReadAsync(cancellationToken);
        _debts.AddRange(_state.Value.Debts);
        if (_state.Value.Declaration is { } declaration)
        {
            await RestoreAsync(declaration, cancellationToken);
        }

        lock (_turn)
        {
            // The runtime gives up an activation that takes too long, and says no more to it.
            cancellationToken.ThrowIfCancellationRequested();
            _slot.Queue?.Storage?.Journal.OnAdvance(_inbox.PostLook);
            foreach (var debt in _debts.ToArray())
            {
                _lastRemoval = SettleAsync(debt);
            }

            Look();
        }
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _local.Remove(this.GetPrimaryKeyString(), _inbox);
        Task saved;
        Task flushed;
        lock (_turn)
        {
            _isFenced = true;
            saved = _saved;
            _inbox.Close();
            _timer.Dispose();
            _due.Forget(DueKind.Queue, this.GetPrimaryKeyString());
            _slot.Queue?.CloseStorage();
            flushed = _slot.Queue?.Storage?.Journal.FlushAsync() ?? Task.CompletedTask;
        }

        // What could not be saved was logged.
        await saved.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        await flushed.WaitAsync(cancellationToken);
    }

    private async Task RestoreAsync(QueueDeclaration declaration, CancellationToken cancellation)
    {
        var incarnation = _state.Value.Incarnation;
        var storage = await _stores.TakeOverAsync(new QueueIdentity(this.GetPrimaryKeyString(), incarnation), _startedAt, cancellation);
        var definition = QueueDefinition.Stored(_vhost, _name, declaration);
        _slot = NewSlot(storage?.Journal.Queue.Epoch ?? _startedAt);
        _slot.Restore(definition, incarnation, _state.Value.BindingSources, storage, _stores.OpenedAt);
        if (storage is not null && definition.Settings.MaxBytes is not null)
        {
            _slot.Queue!.AddRecoveredBodies(await CountBodiesAsync(storage, cancellation));
        }
    }

    /// <summary>
    /// False when it has nothing to say any more. The first call lists the inbox: only from then on does the runtime promise to tell when the activation ends.
    /// </summary>
    private bool TryBegin()
    {
        if (!_isFenced && !_isListed)
        {
            _isListed = true;
            _local.Add(this.GetPrimaryKeyString(), _inbox);
        }

        // Whoever asks is waited for again.
        _leavesAt = MessageRun.Never;
        return !_isFenced;
    }

    private QueueSlot NewSlot(long epoch) =>
        new(_vhost, _name, epoch, (definition, incarnation) =>
            _stores.Create(definition, new QueueIdentity(GrainKeys.For(_vhost, _name), incarnation), epoch));

    /// <summary>Sends what the turn has for others and sees whether anything remains to be done later.</summary>
    private T EndTurn<T>(T answer)
    {
        EndTurn();
        return answer;
    }

    private void EndTurn()
    {
        SendPushes();
        PostDead();
        EndQueueIfDeleted();
        if (_slot.Queue?.NextLoad() is { } load)
        {
            _ = LoadAsync(_slot.Queue, load);
        }

        if (_tickAt == MessageRun.Never && _slot.NeedsTick)
        {
            _tickAt = Now + TickPeriod;
        }

        _leavesAt = _slot.IsEmpty ? Math.Min(_leavesAt, Now + Linger) : MessageRun.Never;
        ArmTimer();
        StoreDue();
    }

    private void PostDead()
    {
        if (_slot.Dead.Count > 0)
        {
            _outbox ??= NewOutbox();
            _outbox.Post(_slot.Dead);
            _slot.Dead.Clear();
        }
    }

    private DeadLetterOutbox NewOutbox()
    {
        if (_slot.Queue is not { Storage: not null } queue)
        {
            return new DeadLetterOutbox(_office, _vhost, _name, arrived: null);
        }

        var arrived = _arrived ??= new();
        return new DeadLetterOutbox(_office, _vhost, _name, runs =>
        {
            arrived.Enqueue((queue, runs));
            _inbox.PostLook();
        });
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

    /// <summary>Writes down what a queue leaves that was deleted in this turn, as soon as possible after it was handed to the store that it is gone.</summary>
    private void EndQueueIfDeleted()
    {
        if (!_slot.HasEnded)
        {
            return;
        }

        PostDead();
        var debts = _slot.TakeDebts();
        _debts.AddRange(debts);
        _outbox = null;
        Save();
        foreach (var debt in debts)
        {
            _lastRemoval = SettleAsync(debt);
        }
    }

    private async Task PushAsync(ILinkObserver observer, LinkDown packet)
    {
        try
        {
            await observer.ReceiveAsync(packet);
        }
        catch (Exception e)
        {
            // The packet is kept and comes again; whether the gateway is gone is not for one push to decide.
            LogPushFailed(e, packet.Link, packet.Number);
        }
    }

    /// <summary>Has the timer come when something is due by itself, if nothing comes before.</summary>
    private void ArmTimer()
    {
        var due = Math.Min(Math.Min(_slot.NextDue, _leavesAt), _tickAt);
        if (due >= _armedFor)
        {
            // It comes early enough, and is armed again then.
            return;
        }

        _armedFor = due;
        _timer.Change(TimeSpan.FromMilliseconds(Math.Clamp(due - Now, 0, LongestWait)), Timeout.InfiniteTimeSpan);
    }

    private void OnTimer()
    {
        _timerCame = true;
        _inbox.PostLook();
    }

    /// <summary>Does what is due by now.</summary>
    private void RunDue()
    {
        _timerCame = false;
        _armedFor = MessageRun.Never;
        _slot.RunDue(Now);
        EndQueueIfDeleted();
        if (_tickAt <= Now)
        {
            _slot.Tick(Now);
            _tickAt = MessageRun.Never;
        }

        if (_leavesAt <= Now)
        {
            _leavesAt = Now + Linger;
            _ = Task.Factory.StartNew(
                static grain => ((QueueGrain)grain!).LeaveIfEmpty(), this, CancellationToken.None, TaskCreationOptions.None, _runtimeTurns);
        }
    }

    // In a turn of the runtime: no call is in the middle of one, and calls that come from now on go to the next activation.
    private void LeaveIfEmpty()
    {
        lock (_turn)
        {
            if (_isFenced || !_slot.IsEmpty || _debts.Count > 0 || _isSaving || !_inbox.TryCloseEmpty())
            {
                return;
            }

            LogLeaving(_name, _vhost);
            EndActivation("There is no queue of this name.");
        }
    }

    /// <summary>Has the exchanges forget a queue that is gone, for as long as it takes.</summary>
    private async Task SettleAsync(BindingDebt debt)
    {
        foreach (var exchange in debt.Sources)
        {
            var wait = TimeSpan.FromMilliseconds(100);
            while (!await TryRemoveAsync(exchange, debt.Destination))
            {
                await Task.Delay(wait, _time);
                wait = TimeSpan.FromMilliseconds(Math.Min(wait.TotalMilliseconds * 2, 5_000));
            }
        }

        lock (_turn)
        {
            if (_isFenced)
            {
                // The next activation has the debt, too, and what is stored is its.
                return;
            }

            _debts.Remove(debt);
            Save();
            StoreDue();
        }
    }

    private async Task<bool> TryRemoveAsync(string exchange, Destination destination)
    {
        try
        {
            await _grains.GetGrain<IExchangeGrain>(GrainKeys.For(_vhost, exchange)).RemoveDestinationAsync(destination);
            return true;
        }
        catch (Exception e)
        {
            LogRemovalFailed(e, exchange, destination.Name);
            return false;
        }
    }
}
