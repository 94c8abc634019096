using Granary.Core.Access;
using Granary.Core.Grains;
using Orleans.Concurrency;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>Users who may do everything in <c>/</c>, and whoever holds their rights.</summary>
internal sealed class FakeAccessGrain(params Account[] users) : IAccessGrain
{
    private readonly Guid _epoch = Guid.NewGuid();
    private IAccessObserver? _observer;
    private long _number;

    /// <summary>So many calls fail at first.</summary>
    public int Failures { get; set; }

    /// <summary>Every call fails.</summary>
    public bool IsGone { get; set; }

    /// <summary>Calls about users.</summary>
    public int Asked { get; private set; }

    public int Watched { get; private set; }

    public int Renewed { get; private set; }

    public int Unwatched { get; private set; }

    public Permission[] Permissions { get; set; } = [.. users.Select(user => Permission.Full(user.Name, "/"))];

    /// <summary>Tells the holder of a change.</summary>
    /// <returns>The holder's answer.</returns>
    public Task<long> TellAsync(params AccessEntry[] changes)
    {
        var told = _observer!.ApplyAsync(new AccessDelta(_epoch, _number, changes));
        _number += changes.Length;
        return told;
    }

    public Task<long> TellAsync(long after, params AccessEntry[] changes) => _observer!.ApplyAsync(new AccessDelta(_epoch, after, changes));

    public ValueTask<Account?> FindUserAsync(string name)
    {
        Asked++;
        return Asked <= Failures || IsGone
            ? ValueTask.FromException<Account?>(new InvalidOperationException("the silo is gone"))
            : ValueTask.FromResult(users.SingleOrDefault(account => account.Name == name));
    }

    public ValueTask<AccessSnapshot> WatchAsync(Guid holder, long session, IAccessObserver observer)
    {
        if (IsGone)
        {
            return ValueTask.FromException<AccessSnapshot>(new InvalidOperationException("the silo is gone"));
        }

        Watched++;
        _observer = observer;
        return ValueTask.FromResult(new AccessSnapshot(
            _epoch, _number,
            [
                .. users.Select(user => new AccessEntry { User = user.ToKnown() }), new AccessEntry { Vhost = new Vhost("/") },
                .. Permissions.Select(permission => new AccessEntry { Permission = permission }),
            ]));
    }

    public ValueTask<bool> RenewAsync(Guid holder, long session, Guid epoch)
    {
        Renewed += IsGone ? 0 : 1;
        return IsGone ? ValueTask.FromException<bool>(new InvalidOperationException("the silo is gone")) : ValueTask.FromResult(epoch == _epoch);
    }

    public ValueTask UnwatchAsync(Guid holder, long session)
    {
        Unwatched++;
        return ValueTask.CompletedTask;
    }

    public ValueTask<Immutable<byte[]>> GetPageKeyAsync() => ValueTask.FromResult(new Immutable<byte[]>(new byte[32]));

    public ValueTask WakeAsync() => throw new NotSupportedException();

    public ValueTask<Account[]> ListUsersAsync() => throw new NotSupportedException();

    public ValueTask<AccessAnswer> PutUserAsync(UserSettings settings) => throw new NotSupportedException();

    public ValueTask<AccessAnswer> DeleteUserAsync(string name) => throw new NotSupportedException();

    public ValueTask<Vhost[]> ListVhostsAsync() => throw new NotSupportedException();

    public ValueTask<AccessAnswer> PutVhostAsync(VhostSettings settings) => throw new NotSupportedException();

    public ValueTask<AccessAnswer> DeleteVhostAsync(string name) => throw new NotSupportedException();

    public ValueTask<Permission[]> ListPermissionsAsync() => throw new NotSupportedException();

    public ValueTask<AccessAnswer> SetPermissionAsync(Permission permission) => throw new NotSupportedException();

    public ValueTask<AccessAnswer> ClearPermissionAsync(string user, string vhost) => throw new NotSupportedException();

    public ValueTask<TopicPermission[]> ListTopicPermissionsAsync() => throw new NotSupportedException();

    public ValueTask<AccessAnswer> SetTopicPermissionAsync(TopicPermission permission) => throw new NotSupportedException();

    public ValueTask<AccessAnswer> ClearTopicPermissionAsync(string user, string vhost, string? exchange) => throw new NotSupportedException();
}
