using System.Collections.Concurrent;
using Granary.Core.Members;
using Granary.Core.Routing;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Amqp.DirectReply;

/// <summary>The ways to the other gateways of the cluster, each from the first reply to a client of that gateway until it is gone.</summary>
internal sealed class ReplyRoutes
{
    private readonly ConcurrentDictionary<byte[], ReplyRoute> _routes = new(ByteKeyComparer.Instance);
    private readonly IMembers _members;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly byte[] _own;
    private long _dropped;

    public ReplyRoutes(IMembers members, TimeProvider clock, ILogger<ReplyRoutes> log)
    {
        (_members, _clock, _log) = (members, clock, log);
        _own = ReplyAddress.NameGateway(members.Own);
        members.WhenGone(End);
    }

    /// <summary>This gateway's name as it is in addresses.</summary>
    public ReadOnlySpan<byte> Own => _own;

    /// <summary>Replies that did not get to their gateway, because it is gone or does not answer.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <param name="gateway">A gateway's name as it is in an address. It came from a client, and may be anything.</param>
    /// <returns>Null: there is no such gateway, or no more.</returns>
    public ReplyRoute? Find(ReadOnlySpan<byte> gateway)
    {
        if (_routes.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(gateway, out var route))
        {
            return route;
        }

        if (ReplyAddress.ReadGateway(gateway) is not { } member || _members.Find(member) is null)
        {
            return null;
        }

        route = _routes.GetOrAdd(
            gateway.ToArray(), static (_, at) => new ReplyRoute(at.member, at.routes._members, at.routes._clock, at.routes._log, at.routes.CountDropped),
            (member, routes: this));
        if (_members.Find(member) is null)
        {
            // It went before it could be told that it did.
            End(member);
        }

        return route;
    }

    private void CountDropped(int replies) => Interlocked.Add(ref _dropped, replies);

    private void End(string member)
    {
        if (_routes.TryRemove(ReplyAddress.NameGateway(member), out var route))
        {
            route.End();
        }
    }
}
