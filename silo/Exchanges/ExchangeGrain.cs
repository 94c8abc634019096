using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Policies;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.Ownership;
using Granary.Silo.Placement;
using Granary.Silo.Snapshots;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Storage;

namespace Granary.Silo.Exchanges;

/// <summary>
/// The grain around <see cref="Exchange"/>. No turn waits for another grain, a holder or the store: what is owed to them runs beside the turns, and
/// only answers wait for it. What one turn changes is written together; an activation that has what is not stored stays.
/// </summary>
[GrainType(GrainReferences.ExchangeType)]
[Reentrant]
[SpreadPlacement]
[Immovable]
internal sealed partial class ExchangeGrain : Grain, IExchangeGrain
{
    // How long the name of an exchange that is gone, or never was, keeps its activation. Longer than a bind that was under way when a queue was deleted,
    // which has to find out here that it came too late.
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ReplayAgainAfter = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan ReplayPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan ReplayPatience = TimeSpan.FromSeconds(15);

    private readonly StoredState<ExchangeState> _state;
    private readonly GroupCommit _commit;
    private readonly DueTable _due;
    private readonly TimeProvider _time;
    private readonly ILogger<ExchangeGrain> _logger;
    private readonly string _vhost;
    private readonly string _key;
    private readonly BindingRemoval _removal;
    private readonly LocalExchanges _local;
    private readonly ActiveExchange _active;
    private readonly Owners? _owners;
    private readonly SnapshotHolders<ExchangeChange, IExchangeObserver> _holders;
    private readonly PolicyCopy? _policies;
    private PolicyLookup _policyLookup;
    private readonly string _name;
    private readonly Exchange _exchange;
    private readonly CancellationTokenSource _ended = new();
    private IGrainTimer? _silenceTimer;
    private IGrainTimer? _leaveTimer;
    private readonly LostPredecessor _before;
    private string? _run;
    private bool _isOwned;
    private int _owed;

    /// <summary>What of its history is on its way to those that were just bound.</summary>
    private readonly Dictionary<Destination, Task> _replays = [];

    /// <summary>Everything that was handed to the store is written: flushes keep the order, so the last of it is the last to be.</summary>
    private Task _written = Task.CompletedTask;

    public ExchangeGrain(
        RowGrainStorage storage, GroupCommit commit, DueTable due, BindingRemoval removal, LocalExchanges local, TimeProvider time, ILogger<ExchangeGrain> logger,
        Owners? owners = null, SiloLosses? losses = null, IDepartures? departures = null, PolicyCopy? policies = null)
    {
        _state = new StoredState<ExchangeState>(storage, "exchange", GrainContext.GrainId);
        (_commit, _due, _removal, _local, _owners, _policies) = (commit, due, removal, local, owners, policies);
        _time = time;
        _before = new LostPredecessor(losses, departures, SnapshotLease.Length, time);
        _logger = logger;
        _key = this.GetPrimaryKeyString();
        (_vhost, _name) = GrainKeys.Parse(_key);
        _holders = new SnapshotHolders<ExchangeChange, IExchangeObserver>(Guid.NewGuid(), SnapshotLease.Length, time, session => _ = SendAsync(session));
        _exchange = new Exchange(_vhost, _name, _holders.Add, keepsTransient: owners is not null);
        var context = GrainContext;
        _active = new ActiveExchange(_key, _exchange, act => context.Scheduler.QueueAction(act), ApplyPoliciesAsync);
    }

    /// <summary>Milliseconds of a clock that never goes back.</summary>
    private long Now => (long)_time.GetElapsedTime(0).TotalMilliseconds;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _run = _owners is null ? null : await _owners.RunAsync(cancellationToken);
        await (_policies?.WhenKnownAsync(cancellationToken) ?? Task.CompletedTask);
        await _state.ReadAsync(cancellationToken);
        var state = _state.Exists ? _state.Value : null;
        IReadOnlyList<Row> bindings = [];
        if (state?.Declaration is null && !_exchange.Exists)
        {
            _before.HadNothing();
        }
        else
        {
            bindings = await _commit.Store.ReadRowsAsync(BindingRows.TableOf(_key), cancellationToken);
        }

        _exchange.Restore(state, bindings.Select(BindingRows.Parse));
        foreach (var debt in _exchange.Debts)
        {
            _ = RemoveFromSources(debt);
        }

        _isOwned = state?.Owner is not null;
        if (_isOwned && state!.Owner != _run)
        {
            LogOwnerGone(_key);
            var deletion = _exchange.Abandon();
            _ = KeepAsync();
            _ = RemoveFromSources(deletion);
        }

        // A debt that was settled may still be written down as due.
        UpdateDue();
        UpdateLifetime();
        _local.Add(_key, _active);

        // From here on it is told of changes.
        ApplyPolicies();
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _ended.Cancel();
        _local.Remove(_key, _active);
        _due.Forget(DueKind.Exchange, _key);
        return Task.CompletedTask;
    }

    public ValueTask WakeAsync() => ValueTask.CompletedTask;

    public async ValueTask<BrokerError?> DeclareAsync(ExchangeDeclaration declaration)
    {
        var refused = _exchange.Declare(declaration, Guid.NewGuid());
        await KeepAsync();
        return refused;
    }

    public ValueTask<BrokerError?> CheckAsync() => ValueTask.FromResult(_exchange.Check());

    public async ValueTask<BrokerError?> DeleteAsync(bool ifUnused)
    {
        if (_exchange.Delete(ifUnused, out var deletion) is { } refused)
        {
            return refused;
        }

        // Bindings to this exchange should be gone when its deletion is answered, but an exchange out of reach must not hold it up for ever.
        var stored = KeepAsync();
        var removed = RemoveFromSources(deletion);
        await Task.WhenAll(stored, WhenAllHaveAsync());
        await Task.WhenAny(removed, Task.Delay(SnapshotLease.Length, _time));
        return null;
    }

    public async ValueTask RemoveAsync()
    {
        var deletion = _exchange.Remove();
        var stored = KeepAsync();
        _ = RemoveFromSources(deletion);
        await Task.WhenAll(stored, WhenAllHaveAsync());
    }

    public ValueTask<ExchangeDeclaration?> DescribeAsync() => ValueTask.FromResult(_exchange.Declaration);

    public async ValueTask<BrokerError?> BindAsync(Binding binding, bool toDurable)
    {
        var before = _exchange.Bindings.Count;
        var refused = _exchange.Bind(binding, toDurable);
        if (refused is null)
        {
            var done = Task.WhenAll(KeepAsync(), WhenAllHaveAsync());
            if (_exchange.History is { } history && _exchange.Bindings.Count > before)
            {
                _replays[binding.Destination] = ReplayAsync(history, binding.Destination, done);
            }

            // Whoever asks again, as the first answer was lost, waits for it, too.
            await Task.WhenAll(done, _replays.GetValueOrDefault(binding.Destination) ?? Task.CompletedTask);
        }

        return refused;
    }

    public async ValueTask<BrokerError?> UnbindAsync(Binding binding)
    {
        var refused = _exchange.Unbind(binding, out var deletion);
        if (refused is null)
        {
            var stored = KeepAsync();
            _ = RemoveFromSources(deletion);
            await Task.WhenAll(stored, WhenAllHaveAsync());
        }

        return refused;
    }

    public async ValueTask RemoveDestinationAsync(Destination destination)
    {
        var deletion = _exchange.RemoveDestination(destination, Now);
        var stored = KeepAsync();
        _ = RemoveFromSources(deletion);
        await Task.WhenAll(stored, WhenAllHaveAsync());
    }

    public async ValueTask<ExchangeAnswer> AddBindingSourceAsync(string exchange)
    {
        var answer = _exchange.AddSource(exchange);
        await KeepAsync();
        return answer;
    }

    public ValueTask<OwnQueueAnswer> FindOwnQueueAsync() => ValueTask.FromResult(_exchange.FindOwnQueue());

    public ValueTask<Binding[]> ListBindingsAsync() => ValueTask.FromResult<Binding[]>([.. _exchange.Bindings]);

    public ValueTask<ExchangeSnapshot?> WatchAsync(Guid holder, long session, IExchangeObserver observer)
    {
        var snapshot = _exchange.ToSnapshot(_holders.Epoch, _holders.Number);
        if (snapshot is not null)
        {
            _holders.Watch(holder, session, observer);
            UpdateLifetime();
        }

        return ValueTask.FromResult(snapshot);
    }

    public ValueTask<bool> RenewAsync(Guid holder, long session, Guid epoch) => ValueTask.FromResult(_holders.Renew(holder, session, epoch));

    public ValueTask UnwatchAsync(Guid holder, long session)
    {
        _holders.Unwatch(holder, session);
        UpdateLifetime();
        return ValueTask.CompletedTask;
    }

    /// <summary>Who was bound gets what the exchange published last. Not for ever: what is not sent then is not sent any more.</summary>
    private async Task ReplayAsync(string history, Destination to, Task bound)
    {
        _owed++;
        try
        {
            await bound;
            var (request, began) = (Guid.NewGuid(), Now);
            while (!_ended.IsCancellationRequested)
            {
                try
                {
                    await GrainFactory.Queue(_vhost, history).ReplayAsync(to, request).AsTask().WaitAsync(ReplayAgainAfter, _time);
                    return;
                }
                catch (Exception exception) when (Now - began < ReplayPatience.TotalMilliseconds)
                {
                    LogReplayAgain(exception, _key, to.Name);
                    await Task.Delay(ReplayPause, _time, _ended.Token);
                }
            }
        }
        catch (Exception exception) when (!_ended.IsCancellationRequested)
        {
            LogNotReplayed(exception, _key, to.Name);
        }
        catch (OperationCanceledException exception)
        {
            LogReplayAgain(exception, _key, to.Name);
        }
        finally
        {
            _replays.Remove(to);
            _owed--;
            UpdateLifetime();
        }
    }

    private async Task SendAsync(HolderSession<IExchangeObserver> session)
    {
        await _holders.SendAsync(
            session, (observer, after, changes) => observer.ApplyAsync(new ExchangeDelta(_key, _holders.Epoch, after, changes)), (error, holder) => LogHolderDidNotAnswer(error, _key, holder));
        UpdateLifetime();
    }

    /// <summary>
    /// Hands what the turn changed to the store, to be written together and with what is due for it. Completes when it, and all before it, is written.
    /// </summary>
    private Task KeepAsync()
    {
        var unstored = _exchange.Unstored;
        if (!unstored.IsEmpty)
        {
            List<Task> writes = [];
            lock (_commit.Gate)
            {
                foreach (var (binding, isAdded) in unstored.Bindings)
                {
                    writes.Add(_commit.WriteAsync(isAdded ? BindingRows.Added(_key, binding) : BindingRows.Removed(_key, binding)));
                }

                if (unstored.Definition)
                {
                    AddStateTo(writes);
                    UpdateDue();
                }
            }

            unstored.Clear();
            _written = WatchAsync(Task.WhenAll(writes));
        }

        UpdateLifetime();
        return _written;
    }

    private void AddStateTo(List<Task> writes)
    {
        var state = _exchange.ToState();
        var owner = state?.Declaration is { Durable: false } ? _run : null;
        writes.Add(state is null ? _state.ClearAsync() : _state.WriteAsync(state with { Owner = owner }));
        if (_isOwned != (owner is not null))
        {
            _isOwned = owner is not null;
            writes.Add(_commit.WriteAsync(_isOwned ? OwnedRows.Added(DueKind.Exchange, _key, owner!) : OwnedRows.Removed(DueKind.Exchange, _key)));
        }
    }

    /// <summary>
    /// Everybody routes by what the turn changed, also those who hold a snapshot of an activation that was lost with its silo, and of whom this one, which followed
    /// it, knows nothing: they have noticed, or stopped routing, a lease after the loss.
    /// </summary>
    private Task WhenAllHaveAsync() => Task.WhenAll(_holders.WhenAllHaveAsync(), _before.IsForgottenAsync());

    private void ApplyPolicies()
    {
        _policyLookup = _policies?.Table.Find(_vhost, PolicyTarget.Exchange, _name, _policyLookup) ?? default;
        _exchange.Apply(_policyLookup.Found ?? AppliedPolicy.None);
    }

    private Task ApplyPoliciesAsync()
    {
        ApplyPolicies();
        return WhenAllHaveAsync();
    }

    private async Task WatchAsync(Task written)
    {
        try
        {
            await written;
        }
        catch (Exception exception) when (exception is InconsistentStateException or RowConflictException)
        {
            // Another activation writes: this one has nothing to say any more.
            LogConflict(exception, _key);
            DeactivateOnIdle();
            throw;
        }

        UpdateLifetime();
    }

    private void UpdateDue()
    {
        if (_exchange.Debts.Count > 0)
        {
            _due.Set(DueKind.Exchange, _key, _time.GetUtcNow().ToUnixTimeMilliseconds());
        }
        else
        {
            _due.Clear(DueKind.Exchange, _key);
        }
    }

    /// <summary>Has the exchanges that lead to a deleted one forget it, once the deletion is stored.</summary>
    private async Task RemoveFromSources(BindingDebt? deletion)
    {
        if (deletion is null)
        {
            return;
        }

        _owed++;
        UpdateLifetime();
        try
        {
            await _written;
            await _removal.SettleAsync(_vhost, deletion, _ended.Token);
            _exchange.Settle(deletion);
            await KeepAsync();
        }
        catch (OperationCanceledException) when (_ended.IsCancellationRequested)
        {
            // The debt is stored: the next activation settles it.
            LogEndedBefore(_key);
            return;
        }
        catch (Exception exception)
        {
            // Not known to be stored: whoever activates it next sees what is left to do.
            LogNotSettled(exception, _key);
        }

        _owed--;
        UpdateLifetime();
    }

    private void UpdateLifetime()
    {
        if (_ended.IsCancellationRequested)
        {
            return;
        }

        DelayDeactivation(IsFree ? TimeSpan.FromMilliseconds(Math.Max(0, _exchange.RemembersUntil - Now)) : Timeout.InfiniteTimeSpan);
        if (_holders.IsEmpty)
        {
            _silenceTimer?.Dispose();
            _silenceTimer = null;
        }
        else
        {
            _silenceTimer ??= this.RegisterGrainTimer(
                DropSilentAsync,
                new GrainTimerCreationOptions { DueTime = SnapshotLease.Length, Period = SnapshotLease.Length, Interleave = true });
        }

        if (_exchange.Exists || !IsFree)
        {
            _leaveTimer?.Dispose();
            _leaveTimer = null;
        }
        else
        {
            // The runtime's own collector comes after a quarter of an hour: too late for names that come and go by the thousand.
            _leaveTimer ??= this.RegisterGrainTimer(
                LeaveAsync, new GrainTimerCreationOptions { DueTime = Linger, Period = Timeout.InfiniteTimeSpan, Interleave = true });
        }
    }

    // Nothing would be lost with this activation.
    private bool IsFree => _exchange.IsForgettable && _holders.IsEmpty && _owed == 0 && _written.IsCompleted;

    private Task LeaveAsync(CancellationToken cancellation)
    {
        if (IsFree && !_exchange.Exists)
        {
            LogLeaving(_key);
            DeactivateOnIdle();
        }

        return Task.CompletedTask;
    }

    private Task DropSilentAsync(CancellationToken cancellation)
    {
        _holders.DropSilent();
        UpdateLifetime();
        return Task.CompletedTask;
    }

    [LoggerMessage(3106, LogLevel.Debug, "There is no exchange {Exchange}, and nobody needs it; the activation ends")]
    private partial void LogLeaving(string exchange);

    [LoggerMessage(3110, LogLevel.Debug, "The history of exchange {Exchange} is not known to have reached {Destination}, which was bound; it is asked for again")]
    private partial void LogReplayAgain(Exception error, string exchange, string destination);

    [LoggerMessage(3111, LogLevel.Warning, "The history of exchange {Exchange} did not reach {Destination}, which was bound")]
    private partial void LogNotReplayed(Exception error, string exchange, string destination);

    [LoggerMessage(3101, LogLevel.Debug, "Exchange {Exchange}: holder {Holder} did not answer to a change; trying again.")]
    private partial void LogHolderDidNotAnswer(Exception error, string exchange, Guid holder);

    [LoggerMessage(3107, LogLevel.Debug, "Exchange {Exchange} is not durable, and the run of the cluster that had it is over: it is deleted")]
    private partial void LogOwnerGone(string exchange);

    [LoggerMessage(3103, LogLevel.Error, "Exchange {Exchange}: another activation has written meanwhile; this one ends.")]
    private partial void LogConflict(Exception error, string exchange);

    [LoggerMessage(3104, LogLevel.Warning, "Exchange {Exchange} is deleted; that the bindings to it are gone is not stored. The next activation sees to it.")]
    private partial void LogNotSettled(Exception error, string exchange);

    [LoggerMessage(3105, LogLevel.Debug, "Exchange {Exchange} is deleted; its activation ended before the bindings to it were gone. The next one sees to it.")]
    private partial void LogEndedBefore(string exchange);
}
