using System.Text.Json.Serialization;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Policies;
using Granary.Gateway.Management.Frame;
using Granary.Gateway.Management.Nodes;
using Microsoft.AspNetCore.Http;

namespace Granary.Gateway.Management.Queues;

/// <summary>
/// <c>/api/queues/quorum</c>: what RabbitMQ answers of copies of quorum queues. There are none, for every queue is in the store and any silo can serve it: what would make
/// or move one has been done when it is asked for.
/// </summary>
internal sealed class ReplicaResources(ClusterFigures figures) : IResource
{
    public void Map(ApiRoutes routes)
    {
        routes.Get("/queues/quorum/{vhost}/{name}/status", Need.Management, TellAsync);
        routes.Post("/queues/quorum/{vhost}/{name}/replicas/add", Need.Administrator, async call =>
        {
            await RequireAsync(call).ConfigureAwait(false);
            await call.ReplyNothingAsync().ConfigureAwait(false);
        });
        routes.Delete("/queues/quorum/{vhost}/{name}/replicas/delete", Need.Administrator, async call =>
        {
            await RequireAsync(call).ConfigureAwait(false);
            call.Http.Response.StatusCode = StatusCodes.Status202Accepted;
        });
        routes.Post("/queues/quorum/replicas/on/{node}/grow", Need.Administrator, async call =>
        {
            await figures.RequireMemberAsync(call, 4).ConfigureAwait(false);
            await call.ReplyNothingAsync().ConfigureAwait(false);
        });
        routes.Delete("/queues/quorum/replicas/on/{node}/shrink", Need.Administrator, async call =>
        {
            await figures.RequireMemberAsync(call, 4).ConfigureAwait(false);
            call.Http.Response.StatusCode = StatusCodes.Status202Accepted;
        });
    }

    private async Task TellAsync(ApiCall call)
    {
        var queue = await RequireAsync(call).ConfigureAwait(false);
        if (queue.Type != "quorum")
        {
            throw new ApiException(StatusCodes.Status503ServiceUnavailable, "failed", $"{queue.Type}_queue_not_supported");
        }

        await call.ReplyAsync([new ReplicaJson(queue.Node, "leader", "voter")], ApiJson.Default.ReplicaJsonArray).ConfigureAwait(false);
    }

    private async Task<QueueJson> RequireAsync(ApiCall call)
    {
        var key = GrainKeys.For(call.Vhosts.Require(call.Segments[2]), call.Segments[3]);
        var picture = await figures.TakeAsync(FigureKinds.Queues | FigureKinds.Stored, call.Aborted).ConfigureAwait(false);
        return picture.Queues.FirstOrDefault(queue => queue.Figure.Key == key) is { Figure: not null } found ? QueueJson.Of(found, AppliedPolicy.None) : throw ApiException.NotFound();
    }
}

/// <summary>The one that serves a queue, as RabbitMQ tells members of its groups.</summary>
internal sealed record ReplicaJson(
    [property: JsonPropertyName("Node Name")] string? Node, [property: JsonPropertyName("Raft State")] string State, [property: JsonPropertyName("Membership")] string Membership);
