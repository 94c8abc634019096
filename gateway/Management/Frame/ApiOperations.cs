using Granary.Gateway.Access;
using Granary.Gateway.Grpc;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Management.Definitions;
using Granary.Gateway.Topology;

namespace Granary.Gateway.Management.Frame;

/// <summary>What the management API does to queues, exchanges and bindings: as a client that owns nothing.</summary>
internal sealed class ApiOperations(GrpcServer server)
{
    public TopologyCalls Topology(ApiCall call, string vhost) => Topology(call.User, vhost, call.Aborted);

    public DelayedCalls Delayed(ApiCall call, string vhost) =>
        new(server.GrainsFor(new Caller(call.User.Name, vhost), call.Aborted), RightsOf(call.User, vhost, access: null));

    public BrowseCalls Browsing(ApiCall call, string vhost) =>
        new(server.GrainsFor(new Caller(call.User.Name, vhost), call.Aborted), RightsOf(call.User, vhost, access: null));

    /// <param name="access">Says what the user may do; null: the user's rights do.</param>
    public TopologyCalls Topology(ApiUser user, string vhost, CancellationToken aborted, IAccess? access = null) =>
        new(server.GrainsFor(new Caller(user.Name, vhost), aborted), server.Id, server.Replies, RightsOf(user, vhost, access), limits: server.QueueLimits);

    private ClientRights RightsOf(ApiUser user, string vhost, IAccess? access) =>
        new(access ?? (user.IsLocal ? EverythingAllowed.Instance : user.Token ?? server.Access), user.Name, vhost);
}
