using Granary.Core.Access;
using Granary.Core.Topology;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Links;

namespace Granary.Gateway.Topology;

/// <summary>What clients may see of messages that are ready, for one client in one virtual host. Rights are looked at first; refusals are answers.</summary>
internal sealed class BrowseCalls(GrainCalls grains, ClientRights rights)
{
    /// <inheritdoc cref="Core.Grains.IQueueGrain.BrowseAsync"/>
    public async ValueTask<BrowseAnswer> BrowseAsync(string queue, string after, int most, int bytes)
    {
        queue = Names.Clean(queue);
        return await rights.CheckAsync(may => may.CheckQueue(Right.Read, queue), grains.Aborted).ConfigureAwait(false) is { } refusal
            ? new BrowseAnswer(refusal, [], null)
            : await grains.QueueAsync(queue, there => there.BrowseAsync(default, after, most, bytes)).ConfigureAwait(false);
    }
}
