using System.Collections.Concurrent;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Members;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Access;

/// <summary>
/// How many AMQP connections each vhost and each user has in this process, and how many channels each user, and the limits of them, which hold for all processes. Who comes
/// counts from before the others are asked, so of two that come at once, in different processes, each sees the other: the limit may be kept too strictly for a moment,
/// and is never passed.
/// </summary>
internal sealed partial class ClientCounts(TimeProvider clock, ILogger<ClientCounts> log, IMembers? members = null) : IClientCounts
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly ConcurrentDictionary<string, int> _ofVhosts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _ofUsers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _channels = new(StringComparer.Ordinal);

    /// <summary>A connection is about to be opened.</summary>
    public void Enter(string user, string vhost)
    {
        Add(_ofVhosts, vhost, 1);
        Add(_ofUsers, user, 1);
    }

    /// <summary>It is closed, or was not opened.</summary>
    public void Leave(string user, string vhost)
    {
        Add(_ofVhosts, vhost, -1);
        Add(_ofUsers, user, -1);
    }

    /// <summary>Channels of a user were opened or, below 0, closed.</summary>
    public void AddChannels(string user, int count)
    {
        if (count != 0)
        {
            Add(_channels, user, count);
        }
    }

    public int CountChannels(string user) => _channels.GetValueOrDefault(user);

    public int CountConnections(string? vhost, string? user) =>
        vhost is not null ? _ofVhosts.GetValueOrDefault(vhost) : user is not null ? _ofUsers.GetValueOrDefault(user) : 0;

    /// <summary>Why a connection, which has entered, is one too many; null: it is not.</summary>
    public async ValueTask<BrokerError?> CheckAsync(Rights rights, CancellationToken cancellation)
    {
        if (rights.Vhost?.Limits.MaxConnections is >= 0 and var ofVhost && await SumConnectionsAsync(rights.VhostName, null, cancellation).ConfigureAwait(false) > ofVhost)
        {
            return new BrokerError(
                ReplyCode.NotAllowed, $"access to vhost '{rights.VhostName}' refused for user '{rights.UserName}': connection limit ({ofVhost}) is reached");
        }

        return rights.User?.Limits.MaxConnections is >= 0 and var ofUser && await SumConnectionsAsync(null, rights.UserName, cancellation).ConfigureAwait(false) > ofUser
            ? new BrokerError(ReplyCode.NotAllowed, $"connection refused for user '{rights.UserName}': user connection limit ({ofUser}) is reached")
            : null;
    }

    /// <summary>Why a channel, which counts already, is one too many; null: it is not.</summary>
    public async ValueTask<BrokerError?> CheckChannelsAsync(string user, long most, CancellationToken cancellation) =>
        CountChannels(user) + await SumOfOthersAsync(other => other.CountChannelsAsync(user), cancellation).ConfigureAwait(false) > most
            ? new BrokerError(ReplyCode.NotAllowed, $"number of channels opened for user '{user}' has reached the maximum allowed user limit of {most}")
            : null;

    private async ValueTask<long> SumConnectionsAsync(string? vhost, string? user, CancellationToken cancellation) =>
        CountConnections(vhost, user) + await SumOfOthersAsync(other => other.CountConnectionsAsync(vhost, user), cancellation).ConfigureAwait(false);

    private async ValueTask<long> SumOfOthersAsync(Func<IMemberService, Task<int>> count, CancellationToken cancellation) => members is null
        ? 0
        : (await Task.WhenAll(members.Others.Select(member => AskAsync(member, count, cancellation))).ConfigureAwait(false)).Sum(static one => (long)one);

    private async Task<int> AskAsync(string member, Func<IMemberService, Task<int>> count, CancellationToken cancellation)
    {
        try
        {
            return members!.Find(member) is { } other ? await count(other).WaitAsync(Patience, clock, cancellation).ConfigureAwait(false) : 0;
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            // It is gone, with its clients, or is of a version without limits.
            LogNotCounted(log, exception, member);
            return 0;
        }
    }

    private static void Add(ConcurrentDictionary<string, int> counts, string name, int count)
    {
        if (counts.AddOrUpdate(name, count, (_, before) => before + count) == 0)
        {
            counts.TryRemove(KeyValuePair.Create(name, 0));
        }
    }

    [LoggerMessage(1654, LogLevel.Debug, "Member {Member} did not say how many clients it has")]
    private static partial void LogNotCounted(ILogger logger, Exception exception, string member);
}
