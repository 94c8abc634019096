using Granary.Core.Access;
using Granary.Core.Members;
using Orleans.CodeGeneration;
using Orleans.Concurrency;

namespace Granary.Core.Grains;

/// <summary>
/// Users, vhosts and permissions. There is one, under the key <see cref="GrainReferences.AccessKey"/>. A change is answered when it is stored and every gateway goes by
/// it, or has stopped to allow anything (<see cref="AccessLease"/>). What is asked twice may be done twice: changes say how things are to be.
/// </summary>
[Alias("granary.IAccessGrain"), Version(ContractVersion.Current)]
public interface IAccessGrain : IGrainWithStringKey
{
    /// <summary>Null if there is no such user.</summary>
    [Alias("FindUser")]
    ValueTask<Account?> FindUserAsync(string name);

    [Alias("ListUsers")]
    ValueTask<Account[]> ListUsersAsync();

    [Alias("PutUser")]
    ValueTask<AccessAnswer> PutUserAsync(UserSettings settings);

    /// <summary>Removes a user with all permissions; connections of the user are closed.</summary>
    [Alias("DeleteUser")]
    ValueTask<AccessAnswer> DeleteUserAsync(string name);

    /// <summary>Without those that are being deleted.</summary>
    [Alias("ListVhosts")]
    ValueTask<Vhost[]> ListVhostsAsync();

    /// <summary>One that is being deleted is waited for, and is a new one then.</summary>
    [Alias("PutVhost")]
    ValueTask<AccessAnswer> PutVhostAsync(VhostSettings settings);

    /// <summary>
    /// Removes a vhost with all that is in it; connections in it are closed. From the answer on there is no such vhost, though much may still be left to remove of a
    /// large one.
    /// </summary>
    [Alias("DeleteVhost")]
    ValueTask<AccessAnswer> DeleteVhostAsync(string name);

    [Alias("ListPermissions")]
    ValueTask<Permission[]> ListPermissionsAsync();

    [Alias("SetPermission")]
    ValueTask<AccessAnswer> SetPermissionAsync(Permission permission);

    [Alias("ClearPermission")]
    ValueTask<AccessAnswer> ClearPermissionAsync(string user, string vhost);

    [Alias("ListTopicPermissions")]
    ValueTask<TopicPermission[]> ListTopicPermissionsAsync();

    [Alias("SetTopicPermission")]
    ValueTask<AccessAnswer> SetTopicPermissionAsync(TopicPermission permission);

    /// <param name="exchange">Null: those of all exchanges.</param>
    [Alias("ClearTopicPermission")]
    ValueTask<AccessAnswer> ClearTopicPermissionAsync(string user, string vhost, string? exchange);

    /// <summary>What the sessions of the management page are signed with: random, made once for the store, and the same at all gateways.</summary>
    [Alias("GetPageKey")]
    ValueTask<Immutable<byte[]>> GetPageKeyAsync();

    /// <summary>Starts keeping a gateway current by numbered deltas, and answers with the state they build on.</summary>
    /// <param name="session">Higher each time one holder watches: calls that arrive late are told by it.</param>
    [Alias("Watch")]
    ValueTask<AccessSnapshot> WatchAsync(Guid holder, long session, IAccessObserver observer);

    /// <summary>Says that the holder is there. False: it is not kept current (any more) and must watch again.</summary>
    [Alias("Renew")]
    ValueTask<bool> RenewAsync(Guid holder, long session, Guid epoch);

    [Alias("Unwatch")]
    ValueTask UnwatchAsync(Guid holder, long session);

    /// <summary>Activates the grain, which does what is due.</summary>
    [Alias("Wake")]
    ValueTask WakeAsync();
}
