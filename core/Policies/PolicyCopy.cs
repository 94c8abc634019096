using Granary.Core.Grains;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Core.Policies;

/// <summary>What of this process goes by policies, and has to be told when they change.</summary>
public interface IPolicyFollower
{
    /// <summary>Completes when nothing goes by an earlier state any more. <see cref="PolicyCopy.Table"/> is the new one already.</summary>
    /// <param name="change">What may have to go by something else now.</param>
    Task FollowAsync(PolicyChange change);
}

/// <summary>
/// Policies and parameters as this process holds them: one copy for all that is in it, kept current by numbered changes. What is held is gone by until something
/// newer comes; a change is not answered before all processes go by it.
/// </summary>
public sealed partial class PolicyCopy : IPolicyObserver, IHostedService, IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(2);

    /// <summary>What could not be told in time is tried again so often, of so many names together, each of which may take 200 ms, and of a pattern that takes as long for all, 5 ms.</summary>
    private static readonly TimeSpan LateEvery = TimeSpan.FromMinutes(1);

    private const int LateAtOnce = 16;

    private readonly IGrainFactory _grains;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly IPolicyFollower[] _followers;
    private readonly Guid _holder = Guid.NewGuid();
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource _known = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private readonly Dictionary<(string? Vhost, string Component, string Name), Parameter> _parameters = [];
    private IPolicyObserver? _observer;
    private Task? _watching;
    private int _lateFrom;
    private Task _followed = Task.CompletedTask;
    private PolicyTable _table = PolicyTable.Empty;
    private Parameter? _clusterName;
    private Guid _epoch;
    private long _number;
    private long _session;
    private bool _isWatching;
    private TaskCompletionSource? _loading;

    public PolicyCopy(IGrainFactory grains, TimeProvider clock, ILogger<PolicyCopy> log, IEnumerable<IPolicyFollower> followers) =>
        (_grains, _clock, _log, _followers) = (grains, clock, log, [.. followers]);

    /// <summary>The policies; before any are known, none.</summary>
    public PolicyTable Table => Volatile.Read(ref _table);

    /// <summary>The global parameter that is the cluster's name; null: nobody has set one.</summary>
    public Parameter? ClusterName => Volatile.Read(ref _clusterName);

    /// <summary>Completes when the policies are known for the first time: queues and exchanges do nothing before.</summary>
    public Task WhenKnownAsync(CancellationToken cancellation)
    {
        Begin();
        return _known.Task.IsCompleted ? Task.CompletedTask : _known.Task.WaitAsync(cancellation);
    }

    /// <inheritdoc/>
    public async Task<long> ApplyAsync(PolicyDelta delta)
    {
        while (true)
        {
            Task wait;
            long? number = null;
            lock (_gate)
            {
                if (_loading is { } loading)
                {
                    // What is being asked for may be of before or after it.
                    wait = loading.Task;
                }
                else if (TryTake(delta))
                {
                    (wait, number) = (_followed, _number);
                }
                else
                {
                    return IPolicyObserver.NotHeld;
                }
            }

            await wait.ConfigureAwait(false);
            if (number is { } taken)
            {
                return taken;
            }
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        Begin();
        return Task.CompletedTask;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _ended.CancelAsync().ConfigureAwait(false);
        await (_watching ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public void Dispose() => _ended.Dispose();

    private void Begin()
    {
        lock (_gate)
        {
            if (_watching is null)
            {
                // Nothing that a caller carries along is for what runs from here on.
                using (ExecutionContext.SuppressFlow())
                {
                    _watching = _ended.IsCancellationRequested ? Task.CompletedTask : Task.WhenAll(Task.Run(WatchAsync), Task.Run(AskAgainAsync));
                }
            }
        }
    }

    private async Task WatchAsync()
    {
        var pause = FirstPause;
        while (!_ended.IsCancellationRequested)
        {
            var isAnswered = await TryRenewAsync().ConfigureAwait(false);
            await Task.Delay(isAnswered ? PolicyLease.RenewEvery : pause, _clock, _ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = isAnswered ? FirstPause : pause * 2 < PolicyLease.RenewEvery ? pause * 2 : PolicyLease.RenewEvery;
        }
    }

    private async Task AskAgainAsync()
    {
        while (!_ended.IsCancellationRequested)
        {
            await Task.Delay(LateEvery, _clock, _ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            AskAgain();
        }
    }

    /// <summary>Looks whether a pattern is found in time now that was not before, one pattern after the other.</summary>
    internal void AskAgain()
    {
        PolicyMatcher[] open = [.. Table.All.Where(static policy => policy.Late.Count > 0)];
        for (var i = 0; i < LateAtOnce && open.Length > 0 && !_ended.IsCancellationRequested; i++)
        {
            var policy = open[_lateFrom++ % open.Length];
            policy.Late.AskAgain(policy.Pattern.Find);
        }

        var found = Table.All.SelectMany(static policy => policy.Late.TakeFound().Select(name => GrainKeys.For(policy.Policy.Vhost, name))).ToHashSet(StringComparer.Ordinal);
        lock (_gate)
        {
            Take(_table, PolicyChange.Of(found));
        }
    }

    /// <summary>Says that this process is there, and has it hold what there is now if it was not heard from for long.</summary>
    private async Task<bool> TryRenewAsync()
    {
        try
        {
            while (!_isWatching || !await AskAsync(grain => grain.RenewAsync(_holder, _session, _epoch)).ConfigureAwait(false))
            {
                // That it is gone by is said at once: changes wait for that.
                _isWatching = false;
                await LoadAsync().ConfigureAwait(false);
                _isWatching = true;
            }

            return true;
        }
        catch (OperationCanceledException) when (_ended.IsCancellationRequested)
        {
            LogStopped(_log);
            return false;
        }
        catch (Exception exception)
        {
            // What is held is gone by meanwhile.
            LogNoAnswer(_log, exception);
            return false;
        }
    }

    private Task<T> AskAsync<T>(Func<IPolicyGrain, ValueTask<T>> call) => call(_grains.Policies()).AsTask().WaitAsync(AnswerLimit, _clock, _ended.Token);

    private async Task LoadAsync()
    {
        long session;
        var loading = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _loading = loading;
            session = ++_session;
            _observer ??= _grains.CreateObjectReference<IPolicyObserver>(this);
        }

        try
        {
            var snapshot = await AskAsync(grain => grain.WatchAsync(_holder, session, _observer)).ConfigureAwait(false);
            Task followed;
            lock (_gate)
            {
                Install(snapshot);
                followed = _followed;
            }

            await followed.WaitAsync(_ended.Token).ConfigureAwait(false);
            _known.TrySetResult();
        }
        finally
        {
            lock (_gate)
            {
                _loading = null;
            }

            loading.SetResult();
        }
    }

    // Under the gate, as the two below.
    private void Install(PolicySnapshot snapshot)
    {
        _parameters.Clear();
        foreach (var parameter in snapshot.Entries.Select(static entry => entry.Parameter).OfType<Parameter>())
        {
            _parameters[(parameter.Vhost, parameter.Component, parameter.Name)] = parameter;
        }

        (_epoch, _number) = (snapshot.Epoch, snapshot.Number);
        Take(_table.With(snapshot.Entries.Select(static entry => entry.Policy).OfType<Policy>()), PolicyChange.Everything);
    }

    private bool TryTake(PolicyDelta delta)
    {
        if (delta.Epoch != _epoch || delta.After > _number)
        {
            return false;
        }

        var changes = delta.Number > _number ? delta.Changes[(int)(_number - delta.After)..] : [];
        foreach (var change in changes)
        {
            if (change.Parameter is { } parameter)
            {
                var key = (parameter.Vhost, parameter.Component, parameter.Name);
                if (change.IsRemoved)
                {
                    _parameters.Remove(key);
                }
                else
                {
                    _parameters[key] = parameter;
                }
            }
        }

        _number = Math.Max(_number, delta.Number);
        List<PolicyMatcher> concerned = [];
        var policies = changes.Where(static change => change.Policy is not null).Select(static change => (change.Policy!, change.IsRemoved)).ToArray();
        Take(policies.Length == 0 ? _table : _table.With(policies, concerned), PolicyChange.Of(concerned));
        return true;
    }

    private void Take(PolicyTable table, PolicyChange change)
    {
        Volatile.Write(ref _clusterName, _parameters.GetValueOrDefault((null, "", Parameter.ClusterName)));
        Volatile.Write(ref _table, table);
        if (!change.IsNothing)
        {
            // Whoever asks about an earlier change waits for this one, too: that is no harm.
            _followed = Task.WhenAll([_followed.IsCompleted ? Task.CompletedTask : _followed, .. _followers.Select(follower => FollowAsync(follower, change))]);
        }
    }

    private async Task FollowAsync(IPolicyFollower follower, PolicyChange change)
    {
        await Task.Yield();
        try
        {
            await follower.FollowAsync(change).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // A defect: what could be told was.
            LogNotFollowed(_log, exception);
        }
    }

    [LoggerMessage(2311, LogLevel.Debug, "Policies are held as they are: who keeps them did not answer")]
    private static partial void LogNoAnswer(ILogger logger, Exception exception);

    [LoggerMessage(2312, LogLevel.Error, "A change of policies could not be brought to all queues and exchanges of this process")]
    private static partial void LogNotFollowed(ILogger logger, Exception exception);

    [LoggerMessage(2313, LogLevel.Debug, "Policies are not watched any more")]
    private static partial void LogStopped(ILogger logger);
}
