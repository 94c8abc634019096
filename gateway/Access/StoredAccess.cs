using System.Collections.Concurrent;
using System.Net;
using Granary.Core.Access;
using Granary.Core.Grains;
using Granary.Core.Threads;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Access;

/// <summary>
/// The users in the store, asked for at each login, and their rights, of which a copy is kept here: it is current, or not gone by. A change reaches every client
/// of this process before it is answered.
/// </summary>
internal sealed partial class StoredAccess : IAccess, IAccessObserver, IHostedService, IDisposable
{
    /// <summary>Less than clients wait for an answer to their login; longer than it takes until the users are somewhere else when a silo is lost.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(9);

    /// <summary>So long the copy is kept though no client is here.</summary>
    private static readonly TimeSpan KeptUnused = TimeSpan.FromMinutes(1);

    // For users who are not there: whether they are is not to be told by the time.
    private static readonly string Nobody = PasswordHash.Create("nobody"u8);

    private readonly IGrainFactory _grains;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly AccessCopy _copy;
    private readonly Guid _holder = Guid.NewGuid();
    private readonly ConcurrentDictionary<ClientRights, byte> _clients = new();
    private readonly Lock _gate = new();
    private readonly List<AccessDelta> _early = [];
    private readonly ITimer _ticker;
    private IAccessObserver? _observer;
    private Task? _loading;
    private TaskCompletionSource _suspended = new();
    private long _session;
    private Guid _epoch;
    private long _usedAt;
    private bool _isWatching;

    public StoredAccess(IGrainFactory grains, TimeProvider clock, ILogger<StoredAccess> log)
    {
        (_grains, _clock, _log) = (grains, clock, log);
        _copy = new AccessCopy(clock);
        _ticker = clock.CreateTimer(static access => ((StoredAccess)access!).Tick(), this, AccessLease.RenewEvery, AccessLease.RenewEvery);
    }

    public bool IsHeld => _copy.IsHeld;

    public async ValueTask<KnownUser?> LogInAsync(string user, ReadOnlyMemory<byte> password, IPAddress? from, CancellationToken cancellation)
    {
        var account = await AskAsync(() => _grains.Access().FindUserAsync(user), cancellation).ConfigureAwait(false);
        var matches = PasswordHash.Matches(account is { PasswordHash.Length: > 0 } ? account.PasswordHash : Nobody, password.Span, account?.Hashing ?? default);

        // A password that is empty is none, as in RabbitMQ, whatever the hash is of.
        return account is { PasswordHash.Length: > 0 } && matches && !password.IsEmpty && (!account.IsForLoopback || Loopback.Includes(from)) ? account.ToKnown() : null;
    }

    public async ValueTask<KnownUser?> AdmitAsync(string user, IPAddress? from, CancellationToken cancellation) =>
        await AskAsync(() => _grains.Access().FindUserAsync(user), cancellation).ConfigureAwait(false) is { } account && (!account.IsForLoopback || Loopback.Includes(from))
            ? account.ToKnown()
            : null;

    public Rights? Find(string user, string vhost)
    {
        Volatile.Write(ref _usedAt, _clock.GetTimestamp());
        return _copy.Find(user, vhost);
    }

    public async ValueTask<Rights> FindAsync(string user, string vhost, CancellationToken cancellation)
    {
        var time = new RunningTime(_clock);
        while (true)
        {
            if (Find(user, vhost) is { } rights)
            {
                return rights;
            }

            var loading = LoadAsync();
            await time.WaitAsync(loading, Patience, cancellation).ConfigureAwait(false);
            await loading.ConfigureAwait(false);
        }
    }

    public void Follow(ClientRights rights) => _clients[rights] = 0;

    public void Leave(ClientRights rights) => _clients.TryRemove(rights, out _);

    /// <inheritdoc/>
    public async Task<long> ApplyAsync(AccessDelta delta)
    {
        if (TryPutOff(delta, out var suspended))
        {
            await suspended.ConfigureAwait(false);
            return delta.Number;
        }

        if (_copy.Apply(delta) is not { } number)
        {
            return IAccessObserver.NotHeld;
        }

        Tell(delta.Changes);
        return number;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>While there is still a silo to renew with: it was started before this and stops after it.</summary>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose() => _ticker.Dispose();

    private ValueTask<T> AskAsync<T>(Func<ValueTask<T>> ask, CancellationToken cancellation) =>
        PatientCall.AskAsync(ask, _clock, Patience, exception => LogAgain(_log, exception), cancellation);

    // What is being asked for may be of before or after it. Nothing is allowed by an earlier state once all clients have been told that nothing is known.
    private bool TryPutOff(AccessDelta delta, out Task suspended)
    {
        lock (_gate)
        {
            suspended = _suspended.Task;
            if (_loading is null)
            {
                return false;
            }

            _early.Add(delta);
            return true;
        }
    }

    private Task LoadAsync()
    {
        lock (_gate)
        {
            if (_loading is null)
            {
                _suspended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _early.Clear();
                _loading = Task.Run(LoadCoreAsync);
            }

            return _loading;
        }
    }

    private async Task LoadCoreAsync()
    {
        _copy.Drop();
        Tell(null);
        _suspended.SetResult();
        try
        {
            var isInstalled = false;
            while (!isInstalled)
            {
                long session;
                lock (_gate)
                {
                    session = ++_session;
                    _observer ??= _grains.CreateObjectReference<IAccessObserver>(this);
                }

                var askedAt = _clock.GetTimestamp();
                var snapshot = await AskAsync(() => _grains.Access().WatchAsync(_holder, session, _observer), CancellationToken.None).ConfigureAwait(false);
                isInstalled = TryInstall(snapshot, askedAt);
            }
        }
        catch
        {
            lock (_gate)
            {
                _loading = null;
            }

            throw;
        }

        // Whatever was not heard of meanwhile.
        Tell(null);
    }

    // False when a change that was told meanwhile is neither in the snapshot nor follows it: then an earlier answer came late.
    private bool TryInstall(AccessSnapshot snapshot, long askedAt)
    {
        lock (_gate)
        {
            _copy.Install(snapshot, askedAt);
            (_epoch, _isWatching) = (snapshot.Epoch, true);
            _early.Sort(static (left, right) => left.Number.CompareTo(right.Number));
            foreach (var delta in _early)
            {
                if (_copy.Apply(delta) is null)
                {
                    _early.Clear();
                    return false;
                }
            }

            _loading = null;
            return true;
        }
    }

    /// <summary>Brings changes to the clients that they are of.</summary>
    /// <param name="changes">Null: to all.</param>
    private void Tell(AccessEntry[]? changes)
    {
        foreach (var (client, _) in _clients)
        {
            try
            {
                if (changes is null || changes.Any(change => IsOf(change, client)))
                {
                    client.Refresh();
                }
            }
            catch (Exception exception)
            {
                // A defect: the others are to hear of it nevertheless.
                LogNotTold(_log, exception, client.User);
            }
        }
    }

    private static bool IsOf(AccessEntry change, ClientRights client) =>
        change.User is { } user ? user.Name == client.User
        : change.Vhost is { } vhost ? vhost.Name == client.Vhost
        : change.Permission is { } permission ? permission.User == client.User && permission.Vhost == client.Vhost
        : change.Topic is { } topic && topic.User == client.User && topic.Vhost == client.Vhost;

    private void Tick()
    {
        if (_clock.GetElapsedTime(Volatile.Read(ref _usedAt)) < KeptUnused || !_clients.IsEmpty)
        {
            _ = _copy.IsHeld ? RenewAsync() : _clients.IsEmpty ? Task.CompletedTask : LoadAgainAsync();
        }
        else if (_isWatching)
        {
            _isWatching = false;
            _copy.Drop();
            _ = UnwatchAsync(Volatile.Read(ref _session));
        }
    }

    private async Task RenewAsync()
    {
        var (session, epoch, askedAt) = (Volatile.Read(ref _session), _epoch, _clock.GetTimestamp());
        try
        {
            await OwnThread.Leave();
            if (await _grains.Access().RenewAsync(_holder, session, epoch).ConfigureAwait(false))
            {
                _copy.Renew(epoch, askedAt);
                return;
            }
        }
        catch (Exception exception)
        {
            // The next renewal follows; without any the copy is not gone by any more.
            LogNotRenewed(_log, exception);
            return;
        }

        await LoadAgainAsync().ConfigureAwait(false);
    }

    // Clients that only consume ask for nothing, and are to hear what has changed.
    private async Task LoadAgainAsync()
    {
        try
        {
            await LoadAsync().ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            LogNotRenewed(_log, exception);
        }
    }

    private async Task UnwatchAsync(long session)
    {
        try
        {
            await OwnThread.Leave();
            await _grains.Access().UnwatchAsync(_holder, session).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Without renewals it is forgotten there by itself.
            LogNotRenewed(_log, exception);
        }
    }

    [LoggerMessage(1651, LogLevel.Debug, "The users did not answer; they are asked again")]
    private static partial void LogAgain(ILogger logger, Exception exception);

    [LoggerMessage(1652, LogLevel.Debug, "That the rights of users are held here could not be said; it is said again")]
    private static partial void LogNotRenewed(ILogger logger, Exception exception);

    [LoggerMessage(1653, LogLevel.Error, "A client of user '{User}' could not be told that its rights have changed")]
    private static partial void LogNotTold(ILogger logger, Exception exception, string user);
}
