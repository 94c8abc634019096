using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Policies;
using Granary.Silo.Placement;
using Granary.Silo.Snapshots;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Storage;

namespace Granary.Silo.Policies;

/// <summary>
/// The grain around <see cref="PolicyBook"/>. No turn waits for another process or the store: what is owed to them runs beside the turns, and only answers wait for it.
/// What changes while a write is under way is written together by the next.
/// </summary>
[GrainType(GrainReferences.PolicyType)]
[Reentrant]
[SpreadPlacement]
[Immovable]
internal sealed partial class PolicyGrain : Grain, IPolicyGrain
{
    private static readonly TimeSpan LookAfter = TimeSpan.FromMilliseconds(300);

    private readonly StoredState<PolicyState> _state;
    private readonly GatheredWrites _writes;
    private readonly UnusedQueues? _unused;
    private readonly TimeProvider _time;
    private readonly ILogger<PolicyGrain> _log;
    private readonly PolicyLog _told;
    private readonly SnapshotHolders<PolicyEntry, IPolicyObserver> _holders;
    private readonly Dictionary<Guid, Beginner> _beginners = [];
    private readonly CancellationTokenSource _ended = new();
    private readonly LostPredecessor _before;
    private PolicyBook _book = null!;
    private bool _isLooking;
    private IGrainTimer? _silenceTimer;

    public PolicyGrain(
        RowGrainStorage storage, GroupCommit commit, TimeProvider time, ILogger<PolicyGrain> log,
        SiloLosses? losses = null, IDepartures? departures = null, UnusedQueues? unused = null)
    {
        (_time, _log, _unused, _told) = (time, log, unused, new PolicyLog(log));
        _state = new StoredState<PolicyState>(storage, "policies", GrainContext.GrainId);
        _holders = new SnapshotHolders<PolicyEntry, IPolicyObserver>(Guid.NewGuid(), PolicyLease.Length, time, session => _ = SendAsync(session));
        _writes = new GatheredWrites(commit, () => _state.WriteAsync(_book.ToState()), EndOvertaken);
        _before = new LostPredecessor(losses, departures, PolicyLease.Length, time);
    }

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        await _state.ReadAsync(cancellationToken);
        _book = new PolicyBook(_state.Value, _holders.Add);
        LookAtUnused();
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _ended.Cancel();
        return Task.CompletedTask;
    }

    public ValueTask<PolicySnapshot> ReadAsync() => ValueTask.FromResult(Snapshot());

    public async ValueTask PutAsync(Policy[] policies, Parameter[] parameters)
    {
        Policy[] changed = [.. policies.Where(_book.Put)];
        Parameter[] set = [.. parameters.Where(_book.Put)];
        await KeepAsync(() =>
        {
            Array.ForEach(changed, _told.Put);
            Array.ForEach(set, _told.Put);
        });
    }

    public async ValueTask<bool> DeletePolicyAsync(string vhost, string name, bool isOperator)
    {
        var wasThere = _book.DeletePolicy(vhost, name, isOperator);
        await KeepAsync(wasThere ? () => _told.Deleted(vhost, name, isOperator) : null);
        return wasThere;
    }

    public async ValueTask<bool> DeleteParameterAsync(string? vhost, string component, string name)
    {
        var wasThere = _book.DeleteParameter(vhost, component, name);
        await KeepAsync(wasThere ? () => _told.Deleted(vhost, component, name) : null);
        return wasThere;
    }

    public async ValueTask RemoveVhostAsync(string vhost)
    {
        _book.RemoveVhost(vhost);
        await KeepAsync();
    }

    public ValueTask<PolicySnapshot> WatchAsync(Guid holder, long session, IPolicyObserver observer)
    {
        if (_beginners.TryGetValue(holder, out var before) && before.Session < session)
        {
            before.Done.TrySetResult();
        }

        if (before is null || before.Session < session)
        {
            // It goes by an earlier state until it has taken this one.
            _beginners[holder] = new Beginner(session, _time.GetTimestamp());
        }

        _holders.Watch(holder, session, observer);
        UpdateLifetime();
        return ValueTask.FromResult(Snapshot());
    }

    public ValueTask<bool> RenewAsync(Guid holder, long session, Guid epoch)
    {
        var isKept = _holders.Renew(holder, session, epoch);
        if (isKept && _beginners.TryGetValue(holder, out var beginner) && beginner.Session == session)
        {
            _beginners.Remove(holder);
            beginner.Done.TrySetResult();
        }

        return ValueTask.FromResult(isKept);
    }

    private PolicySnapshot Snapshot() => new(_holders.Epoch, _holders.Number, _book.ToEntries());

    /// <summary>Completes when what was changed is stored, and everybody goes by it. Asked for again, a change may still be on its way: that is waited for, too.</summary>
    /// <param name="tell">Called when it is stored.</param>
    private Task KeepAsync(Action? tell = null)
    {
        LookAtUnused();
        return Task.WhenAll(StoredAsync(tell), WhenAllHaveAsync());
    }

    private async Task StoredAsync(Action? tell)
    {
        await _writes.NextAsync();
        tell?.Invoke();
    }

    private void LookAtUnused()
    {
        if (_unused is not null && !_isLooking && _book.Unseen.Count > 0)
        {
            _isLooking = true;
            _ = LookAtUnusedAsync(_unused);
        }
    }

    /// <summary>Sees that changes reach queues that nobody uses, a moment after they were made: of many in a row not each has them looked at.</summary>
    private async Task LookAtUnusedAsync(UnusedQueues unused)
    {
        try
        {
            while (_book.Unseen.Count > 0)
            {
                await Task.Delay(LookAfter, _time, _ended.Token);
                var seen = _book.Unseen.ToArray();
                await WhenAllHaveAsync();
                await unused.LookAsync(seen.Select(static vhost => vhost.Key).ToHashSet(StringComparer.Ordinal), _ended.Token);
                _book.Seen(seen);
                await _writes.NextAsync();
            }
        }
        catch (Exception exception)
        {
            // What is stored says that they were not looked at: the next activation does, or the next change has it done.
            LogNotLooked(exception);
        }

        _isLooking = false;
    }

    private void EndOvertaken(InconsistentStateException exception)
    {
        LogConflict(exception);
        DeactivateOnIdle();
    }

    /// <summary>
    /// Everybody goes by what was changed: who holds it; who has just begun to; and those who hold what an activation told them that was lost with its silo, and of whom
    /// this one, which followed it, knows nothing: they have noticed a lease after the loss.
    /// </summary>
    private async Task WhenAllHaveAsync()
    {
        await _holders.WhenAllHaveAsync();
        foreach (var beginner in _beginners.Values.ToArray())
        {
            var left = PolicyLease.Length - _time.GetElapsedTime(beginner.Since);
            if (left > TimeSpan.Zero)
            {
                await Task.WhenAny(beginner.Done.Task, Task.Delay(left, _time, _ended.Token));
            }
        }

        await _before.IsForgottenAsync(_ended.Token);
    }

    private async Task SendAsync(HolderSession<IPolicyObserver> session)
    {
        await _holders.SendAsync(session, (observer, after, changes) => observer.ApplyAsync(new PolicyDelta(_holders.Epoch, after, changes)), LogHolderDidNotAnswer);
        UpdateLifetime();
    }

    private void UpdateLifetime()
    {
        if (_ended.IsCancellationRequested)
        {
            return;
        }

        DelayDeactivation(_holders.IsEmpty ? TimeSpan.Zero : Timeout.InfiniteTimeSpan);
        if (_holders.IsEmpty)
        {
            _silenceTimer?.Dispose();
            _silenceTimer = null;
        }
        else
        {
            _silenceTimer ??= this.RegisterGrainTimer(
                DropSilentAsync, new GrainTimerCreationOptions { DueTime = PolicyLease.Length, Period = PolicyLease.RenewEvery, Interleave = true });
        }
    }

    private Task DropSilentAsync(CancellationToken cancellation)
    {
        _holders.DropSilent();
        foreach (var (holder, beginner) in _beginners.Where(one => _time.GetElapsedTime(one.Value.Since) >= PolicyLease.Length).ToArray())
        {
            _beginners.Remove(holder);
            beginner.Done.TrySetResult();
        }

        UpdateLifetime();
        return Task.CompletedTask;
    }

    [LoggerMessage(3811, LogLevel.Error, "Policies: another activation has written meanwhile; this one ends")]
    private partial void LogConflict(Exception error);

    [LoggerMessage(3812, LogLevel.Debug, "Policies: process {Holder} did not answer to a change; trying again")]
    private partial void LogHolderDidNotAnswer(Exception error, Guid holder);

    [LoggerMessage(3814, LogLevel.Debug, "Queues that nobody uses could not be looked at after a change of policies; they go by it when they are used")]
    private partial void LogNotLooked(Exception error);

    /// <summary>A holder that was given the state and has not said that it goes by it.</summary>
    private sealed record Beginner(long Session, long Since)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
