using Granary.Core.Access;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Silo.Placement;
using Granary.Silo.Snapshots;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Storage;

namespace Granary.Silo.Access;

/// <summary>
/// The grain around <see cref="AccessBook"/>. No turn waits for a gateway, another grain or the store: what is owed to them runs beside the turns, and only answers
/// wait for it. What changes while a write is under way is written together by the next.
/// </summary>
[GrainType(GrainReferences.AccessType)]
[Reentrant]
[SpreadPlacement]
[Immovable]
internal sealed partial class AccessGrain : Grain, IAccessGrain
{
    /// <summary>Below the time after which callers give up.</summary>
    private static readonly TimeSpan LongestDeletion = TimeSpan.FromSeconds(5);

    private readonly StoredState<AccessState> _state;
    private readonly GatheredWrites _writes;
    private readonly DueTable _due;
    private readonly VhostRemoval _removal;
    private readonly TimeProvider _time;
    private readonly ILogger<AccessGrain> _log;
    private readonly AccessLog _told;
    private readonly SnapshotHolders<AccessEntry, IAccessObserver> _holders;
    private readonly CancellationTokenSource _ended = new();
    private readonly Dictionary<string, Task> _deletions = new(StringComparer.Ordinal);
    private readonly LostPredecessor _before;
    private AccessBook _book = null!;
    private Task _keyStored = Task.CompletedTask;
    private IGrainTimer? _silenceTimer;

    public AccessGrain(
        RowGrainStorage storage, GroupCommit commit, DueTable due, VhostRemoval removal, TimeProvider time, ILogger<AccessGrain> log,
        SiloLosses? losses = null, IDepartures? departures = null)
    {
        (_due, _removal, _time, _log, _told) = (due, removal, time, log, new AccessLog(log));
        _state = new StoredState<AccessState>(storage, AccessRows.Table, GrainContext.GrainId);
        _holders = new SnapshotHolders<AccessEntry, IAccessObserver>(Guid.NewGuid(), AccessLease.Length, time, session => _ = SendAsync(session));
        _writes = new GatheredWrites(commit, WriteAsync, EndOvertaken);
        _before = new LostPredecessor(losses, departures, AccessLease.Length, time);
    }

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        await _state.ReadAsync(cancellationToken);
        _book = new AccessBook(_state.Value, _holders.Add);
        GoOn();
        UpdateDue();
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        _ended.Cancel();
        _due.Forget(DueKind.Access, GrainReferences.AccessKey);
        return Task.CompletedTask;
    }

    public ValueTask WakeAsync()
    {
        GoOn();
        return ValueTask.CompletedTask;
    }

    public ValueTask<Account?> FindUserAsync(string name) => ValueTask.FromResult(_book.FindUser(name));

    public ValueTask<Account[]> ListUsersAsync() => ValueTask.FromResult<Account[]>([.. _book.Users]);

    public ValueTask<AccessAnswer> PutUserAsync(UserSettings settings)
    {
        var before = _book.FindUser(settings.Name);
        var answer = _book.Put(settings);
        var now = _book.FindUser(settings.Name);
        return KeptAsync(answer, () => _told.Put(before, now!));
    }

    public ValueTask<AccessAnswer> DeleteUserAsync(string name) => KeptAsync(_book.DeleteUser(name), () => _told.DeletedUser(name));

    public ValueTask<Vhost[]> ListVhostsAsync() => ValueTask.FromResult<Vhost[]>([.. _book.Vhosts.Where(static vhost => !vhost.IsBeingDeleted)]);

    public async ValueTask<AccessAnswer> PutVhostAsync(VhostSettings settings)
    {
        while (_deletions.TryGetValue(settings.Name, out var deletion))
        {
            await deletion.WaitAsync(_ended.Token);
        }

        var (before, user) = (_book.FindVhost(settings.Name), settings.GrantTo ?? "");
        var given = _book.FindPermission(user, settings.Name);
        var answer = _book.Put(settings);
        var (now, gives) = (_book.FindVhost(settings.Name), _book.FindPermission(user, settings.Name));
        return await KeptAsync(answer, () =>
        {
            _told.Put(before, now!);
            if (gives is not null)
            {
                _told.Set(given, gives);
            }
        });
    }

    public async ValueTask<AccessAnswer> DeleteVhostAsync(string name)
    {
        if (!_deletions.ContainsKey(name) && _book.BeginDeletion(name) is { IsDone: false } refused)
        {
            return refused;
        }

        // Who asks again, for the answer took too long, has it deleted just the same.
        var deletion = Remove(name);
        var answer = await KeptAsync(new AccessAnswer(AccessOutcome.Changed));
        await Task.WhenAny(deletion, Task.Delay(LongestDeletion, _time, _ended.Token));
        return answer;
    }

    public ValueTask<Permission[]> ListPermissionsAsync() => ValueTask.FromResult<Permission[]>([.. _book.Permissions]);

    public ValueTask<AccessAnswer> SetPermissionAsync(Permission permission)
    {
        var before = _book.FindPermission(permission.User, permission.Vhost);
        return KeptAsync(_book.Set(permission), () => _told.Set(before, permission));
    }

    public ValueTask<AccessAnswer> ClearPermissionAsync(string user, string vhost) => KeptAsync(_book.ClearPermission(user, vhost), () => _told.ClearedPermission(user, vhost));

    public ValueTask<TopicPermission[]> ListTopicPermissionsAsync() => ValueTask.FromResult<TopicPermission[]>([.. _book.TopicPermissions]);

    public ValueTask<AccessAnswer> SetTopicPermissionAsync(TopicPermission permission)
    {
        var before = _book.FindTopicPermission(permission.User, permission.Vhost, permission.Exchange);
        return KeptAsync(_book.Set(permission), () => _told.Set(before, permission));
    }

    public ValueTask<AccessAnswer> ClearTopicPermissionAsync(string user, string vhost, string? exchange) =>
        KeptAsync(_book.ClearTopicPermission(user, vhost, exchange), () => _told.ClearedTopicPermission(user, vhost, exchange));

    public async ValueTask<Immutable<byte[]>> GetPageKeyAsync()
    {
        var key = _book.GetPageKey(out var isNew);
        if (isNew)
        {
            // It signs nothing before it is stored: a session would end with this activation.
            _keyStored = _writes.NextAsync();
        }

        await _keyStored;
        return new Immutable<byte[]>(key);
    }

    public ValueTask<AccessSnapshot> WatchAsync(Guid holder, long session, IAccessObserver observer)
    {
        _holders.Watch(holder, session, observer);
        UpdateLifetime();
        return ValueTask.FromResult(new AccessSnapshot(_holders.Epoch, _holders.Number, _book.ToEntries()));
    }

    public ValueTask<bool> RenewAsync(Guid holder, long session, Guid epoch) => ValueTask.FromResult(_holders.Renew(holder, session, epoch));

    public ValueTask UnwatchAsync(Guid holder, long session)
    {
        _holders.Unwatch(holder, session);
        UpdateLifetime();
        return ValueTask.CompletedTask;
    }

    /// <summary>Answers when what was changed is stored, and everybody goes by it.</summary>
    /// <param name="tell">Called when it is stored, if it was done.</param>
    private async ValueTask<AccessAnswer> KeptAsync(AccessAnswer answer, Action? tell = null)
    {
        if (answer.IsDone)
        {
            await Task.WhenAll(StoredAsync(tell), WhenAllHaveAsync());
        }

        return answer;
    }

    private async Task StoredAsync(Action? tell)
    {
        await _writes.NextAsync();
        tell?.Invoke();
    }

    // Under the gate of the store.
    private Task WriteAsync()
    {
        UpdateDue();
        return _state.WriteAsync(_book.ToState());
    }

    private void EndOvertaken(InconsistentStateException exception)
    {
        LogConflict(exception);
        DeactivateOnIdle();
    }

    private void UpdateDue()
    {
        if (_book.Vhosts.Any(static vhost => vhost.IsBeingDeleted))
        {
            _due.Set(DueKind.Access, GrainReferences.AccessKey, _time.GetUtcNow().ToUnixTimeMilliseconds());
        }
        else
        {
            _due.Clear(DueKind.Access, GrainReferences.AccessKey);
        }
    }

    /// <summary>
    /// Everybody goes by what was changed, also those who hold what an activation told them that was lost with its silo, and of whom this one, which followed it,
    /// knows nothing: they have noticed, or allow nothing any more, a lease after the loss.
    /// </summary>
    private Task WhenAllHaveAsync() => Task.WhenAll(_holders.WhenAllHaveAsync(), _before.IsForgottenAsync());

    /// <summary>Goes on with deletions that were begun, by this activation or another.</summary>
    private void GoOn()
    {
        foreach (var vhost in _book.Vhosts.Where(static vhost => vhost.IsBeingDeleted).ToArray())
        {
            _ = Remove(vhost.Name);
        }
    }

    /// <summary>Removes what is in a vhost that is being deleted, and then the vhost itself; once, however often it is asked for.</summary>
    private Task Remove(string vhost)
    {
        if (!_deletions.TryGetValue(vhost, out var deletion))
        {
            _deletions.Add(vhost, deletion = RemoveAsync(vhost));
            UpdateLifetime();
        }

        return deletion;
    }

    private async Task RemoveAsync(string vhost)
    {
        await Task.Yield();
        try
        {
            LogDeleting(vhost);

            // Not before it is stored, and nobody is in it any more.
            await KeptAsync(new AccessAnswer(AccessOutcome.Changed));
            await _removal.RunAsync(vhost, _ended.Token);
            _book.EndDeletion(vhost);
            await KeptAsync(new AccessAnswer(AccessOutcome.Changed));
            LogDeleted(vhost);
        }
        catch (OperationCanceledException exception) when (_ended.IsCancellationRequested)
        {
            // It is stored that it is to go: the next activation sees to it.
            LogEndedBefore(exception, vhost);
        }
        catch (Exception exception)
        {
            // It is due, so this grain is woken again for it.
            LogNotDeleted(exception, vhost);
        }
        finally
        {
            _deletions.Remove(vhost);
            UpdateLifetime();
        }
    }

    private async Task SendAsync(HolderSession<IAccessObserver> session)
    {
        await _holders.SendAsync(session, (observer, after, changes) => observer.ApplyAsync(new AccessDelta(_holders.Epoch, after, changes)), LogHolderDidNotAnswer);
        UpdateLifetime();
    }

    private void UpdateLifetime()
    {
        if (_ended.IsCancellationRequested)
        {
            return;
        }

        DelayDeactivation(_holders.IsEmpty && _deletions.Count == 0 ? TimeSpan.Zero : Timeout.InfiniteTimeSpan);
        if (_holders.IsEmpty)
        {
            _silenceTimer?.Dispose();
            _silenceTimer = null;
        }
        else
        {
            _silenceTimer ??= this.RegisterGrainTimer(
                DropSilentAsync, new GrainTimerCreationOptions { DueTime = AccessLease.Length, Period = AccessLease.RenewEvery, Interleave = true });
        }
    }

    private Task DropSilentAsync(CancellationToken cancellation)
    {
        _holders.DropSilent();
        UpdateLifetime();
        return Task.CompletedTask;
    }

    [LoggerMessage(3803, LogLevel.Error, "Users and permissions: another activation has written meanwhile; this one ends")]
    private partial void LogConflict(Exception error);

    [LoggerMessage(3804, LogLevel.Debug, "Users and permissions: gateway {Holder} did not answer to a change; trying again")]
    private partial void LogHolderDidNotAnswer(Exception error, Guid holder);

    [LoggerMessage(3805, LogLevel.Information, "Deleting vhost '{Vhost}' with all that is in it")]
    private partial void LogDeleting(string vhost);

    [LoggerMessage(3806, LogLevel.Information, "Vhost '{Vhost}' is deleted")]
    private partial void LogDeleted(string vhost);

    [LoggerMessage(3808, LogLevel.Warning, "Vhost '{Vhost}' could not be deleted as a whole; it is tried again")]
    private partial void LogNotDeleted(Exception error, string vhost);

    [LoggerMessage(3807, LogLevel.Information, "Vhost '{Vhost}' is not deleted yet; the next activation goes on with it")]
    private partial void LogEndedBefore(Exception error, string vhost);
}
