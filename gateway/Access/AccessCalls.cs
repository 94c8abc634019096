using Granary.Core.Access;
using Granary.Core.Grains;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;

namespace Granary.Gateway.Access;

/// <summary>
/// What operators ask of users, vhosts and permissions. A call that is not answered is made again, for it may have been on its way to a silo that was lost: changes
/// say how things are to be, so they may be made twice. Whether something was new is not to be told from the answer to a second try.
/// </summary>
internal sealed partial class AccessCalls(IGrainFactory grains, TimeProvider clock, ILogger<AccessCalls> log)
{
    /// <summary>Longer than it takes until users are somewhere else when a silo is lost, and than a change waits for a gateway that is silent.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private IAccessGrain Grain => grains.Access();

    /// <exception cref="TimeoutException">Nobody answered.</exception>
    public ValueTask<Account?> FindUserAsync(string name) => AskAsync(grain => grain.FindUserAsync(name));

    /// <inheritdoc cref="FindUserAsync"/>
    public ValueTask<Account[]> ListUsersAsync() => AskAsync(static grain => grain.ListUsersAsync());

    /// <inheritdoc cref="FindUserAsync"/>
    public ValueTask<AccessAnswer> PutUserAsync(UserSettings settings) => AskAsync(grain => grain.PutUserAsync(settings));

    /// <inheritdoc cref="FindUserAsync"/>
    public ValueTask<AccessAnswer> DeleteUserAsync(string name) => RemoveAsync(grain => grain.DeleteUserAsync(name));

    /// <inheritdoc cref="FindUserAsync"/>
    public ValueTask<Vhost[]> ListVhostsAsync() => AskAsync(static grain => grain.ListVhostsAsync());

    /// <inheritdoc cref="FindUserAsync"/>
    public ValueTask<AccessAnswer> PutVhostAsync(VhostSettings settings) => AskAsync(grain => grain.PutVhostAsync(settings));

    /// <inheritdoc cref="FindUserAsync"/>
    public ValueTask<AccessAnswer> DeleteVhostAsync(string name) => RemoveAsync(grain => grain.DeleteVhostAsync(name));

    /// <inheritdoc cref="FindUserAsync"/>
    public ValueTask<Permission[]> ListPermissionsAsync() => AskAsync(static grain => grain.ListPermissionsAsync());

    /// <inheritdoc cref="FindUserAsync"/>
    public ValueTask<AccessAnswer> SetPermissionAsync(Permission permission) => AskAsync(grain => grain.SetPermissionAsync(permission));

    /// <inheritdoc cref="FindUserAsync"/>
    public ValueTask<AccessAnswer> ClearPermissionAsync(string user, string vhost) => RemoveAsync(grain => grain.ClearPermissionAsync(user, vhost));

    /// <inheritdoc cref="FindUserAsync"/>
    public ValueTask<TopicPermission[]> ListTopicPermissionsAsync() => AskAsync(static grain => grain.ListTopicPermissionsAsync());

    /// <inheritdoc cref="FindUserAsync"/>
    public ValueTask<AccessAnswer> SetTopicPermissionAsync(TopicPermission permission) => AskAsync(grain => grain.SetTopicPermissionAsync(permission));

    /// <inheritdoc cref="FindUserAsync"/>
    public ValueTask<AccessAnswer> ClearTopicPermissionAsync(string user, string vhost, string? exchange) =>
        RemoveAsync(grain => grain.ClearTopicPermissionAsync(user, vhost, exchange));

    /// <inheritdoc cref="FindUserAsync"/>
    public ValueTask<Immutable<byte[]>> GetPageKeyAsync() => AskAsync(static grain => grain.GetPageKeyAsync());

    /// <summary>What is missing when it is asked again was removed by the call whose answer was lost.</summary>
    private async ValueTask<AccessAnswer> RemoveAsync(Func<IAccessGrain, ValueTask<AccessAnswer>> call)
    {
        var tries = 0;
        var answer = await AskAsync(grain =>
        {
            tries++;
            return call(grain);
        }).ConfigureAwait(false);
        return tries > 1 && answer.Outcome == AccessOutcome.Missing ? new AccessAnswer(AccessOutcome.Changed) : answer;
    }

    private ValueTask<T> AskAsync<T>(Func<IAccessGrain, ValueTask<T>> call) =>
        PatientCall.AskAsync(() => call(Grain), clock, Patience, LogAgain, CancellationToken.None);

    [LoggerMessage(1661, LogLevel.Debug, "Users, vhosts and permissions did not answer an operator; they are asked again")]
    private partial void LogAgain(Exception exception);
}
