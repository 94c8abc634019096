using System.Collections.Concurrent;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Members;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Access;

/// <summary>
/// How many AMQP connections each vhost and each user has in this process, and the limits of them, which hold for all processes. A connection counts from before
/// the others are asked, so of two that come at once, in different processes, each sees the other: the limit may be kept too strictly for a moment, and is never passed.
/// </summary>
internal sealed partial class ClientCounts(TimeProvider clock, ILogger<ClientCounts> log, IMembers? members = null) : IClientCounts
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly ConcurrentDictionary<string, int> _ofVhosts = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int> _ofUsers = new(StringComparer.Ordinal);

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

    public int CountConnections(string? vhost, string? user) =>
        vhost is not null ? _ofVhosts.GetValueOrDefault(vhost) : user is not null ? _ofUsers.GetValueOrDefault(user) : 0;

    /// <summary>Why a connection, which has entered, is one too many; null: it is not.</summary>
    public async ValueTask<BrokerError?> CheckAsync(Rights rights, CancellationToken cancellation)
    {
        if (rights.Vhost?.Limits.MaxConnections is >= 0 and var ofVhost && await SumAsync(rights.VhostName, null, cancellation).ConfigureAwait(false) > ofVhost)
        {
            return new BrokerError(
                ReplyCode.NotAllowed, $"access to vhost '{rights.VhostName}' refused for user '{rights.UserName}': connection limit ({ofVhost}) is reached");
        }

        return rights.User?.Limits.MaxConnections is >= 0 and var ofUser && await SumAsync(null, rights.UserName, cancellation).ConfigureAwait(false) > ofUser
            ? new BrokerError(ReplyCode.NotAllowed, $"connection refused for user '{rights.UserName}': user connection limit ({ofUser}) is reached")
            : null;
    }

    private async ValueTask<long> SumAsync(string? vhost, string? user, CancellationToken cancellation)
    {
        var others = members?.Others.Select(member => AskAsync(member, vhost, user, cancellation)) ?? [];
        return CountConnections(vhost, user) + (await Task.WhenAll(others).ConfigureAwait(false)).Sum(static count => (long)count);
    }

    private async Task<int> AskAsync(string member, string? vhost, string? user, CancellationToken cancellation)
    {
        try
        {
            return members!.Find(member) is { } other
                ? await other.CountConnectionsAsync(vhost, user).WaitAsync(Patience, clock, cancellation).ConfigureAwait(false)
                : 0;
        }
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
        {
            // It is gone, with its connections, or is of a version without limits.
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

    [LoggerMessage(1654, LogLevel.Debug, "Member {Member} did not say how many connections it has")]
    private static partial void LogNotCounted(ILogger logger, Exception exception, string member);
}
