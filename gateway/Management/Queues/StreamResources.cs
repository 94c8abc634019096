using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Policies;
using Granary.Gateway.Management.Frame;
using Microsoft.AspNetCore.Http;

namespace Granary.Gateway.Management.Queues;

/// <summary>
/// <c>/api/stream</c>, of RabbitMQ's plugin rabbitmq_stream_management. Nobody speaks the streams' own protocol here, so of its clients there are none; super streams are
/// made as there, of an exchange and streams that AMQP's clients use.
/// </summary>
internal sealed class StreamResources(ClusterFigures figures, ApiOperations operations) : IResource
{
    private static readonly Func<ApiCall, Task> NotThere = static call =>
    {
        call.Vhosts.Require(call.Segments[2]);
        throw ApiException.NotFound();
    };

    public void Map(ApiRoutes routes)
    {
        foreach (var path in (string[])["/stream/connections", "/stream/consumers", "/stream/publishers"])
        {
            routes.Get(path, Need.Management, static call =>
            {
                _ = call.HeaderVhost;
                return ListNothingAsync(call);
            });
            routes.Get($"{path}/{{vhost}}", Need.Management, static call =>
            {
                call.Vhosts.Require(call.Segments[2]);
                return ListNothingAsync(call);
            });
        }

        routes.Get("/stream/connections/{vhost}/{name}", Need.Management, NotThere);
        routes.Delete("/stream/connections/{vhost}/{name}", Need.Management, NotThere);
        routes.Get("/stream/connections/{vhost}/{name}/consumers", Need.Management, NotThere);
        routes.Get("/stream/connections/{vhost}/{name}/publishers", Need.Management, NotThere);
        routes.Get("/stream/publishers/{vhost}/{queue}", Need.Management, async call =>
        {
            await RequireAsync(call, call.Vhosts.Require(call.Segments[2]), call.Segments[3]).ConfigureAwait(false);
            await ListNothingAsync(call).ConfigureAwait(false);
        });
        routes.Get("/stream/{vhost}/{queue}/tracking", Need.Management, TellTrackingAsync);
        routes.Put("/stream/super-streams/{vhost}/{name}", Need.Management, async call =>
        {
            var vhost = call.Vhosts.Require(call.Segments[2]);
            var asked = await call.ReadOrEmptyAsync(ApiJson.Default.SuperStreamRequest).ConfigureAwait(false);

            // Who has gone meanwhile gets what was asked for, or nothing of it.
            await SuperStream.From(call.Segments[3], asked).MakeAsync(operations.Topology(call.User, vhost, CancellationToken.None)).ConfigureAwait(false);
            await call.ReplyNothingAsync().ConfigureAwait(false);
        });
    }

    private static Task ListNothingAsync(ApiCall call) => call.ReplyListAsync(Array.Empty<Refusal>(), ApiJson.Default.Refusal, static _ => "");

    // Offsets are stored, and publishers named, by the streams' own protocol alone.
    private async Task TellTrackingAsync(ApiCall call)
    {
        var (vhost, name) = (call.Vhosts.Require(call.Segments[1]), call.Segments[2]);
        var queue = await RequireAsync(call, vhost, name).ConfigureAwait(false);
        ApiException.ThrowIf((await operations.Topology(call, vhost).DescribeQueueAsync(name).ConfigureAwait(false)).Error);
        if (queue.Type != "stream")
        {
            throw new ApiException(StatusCodes.Status503ServiceUnavailable, "service_unavailable", "The stream leader is not available");
        }

        var type = call.Query["type"].ToString();
        await call.ReplyAsync(new TrackingJson(type == "writer" ? null : [], type == "offset" ? null : []), ApiJson.Default.TrackingJson)
            .ConfigureAwait(false);
    }

    private async Task<QueueJson> RequireAsync(ApiCall call, string vhost, string name)
    {
        var picture = await figures.TakeOfQueueAsync(GrainKeys.For(vhost, name), FigureKinds.None, call.Aborted).ConfigureAwait(false);
        return picture.Queues.Count > 0 ? QueueJson.Of(picture.Queues[0], AppliedPolicy.None) : throw ApiException.NotFound();
    }
}

/// <summary>Where the consumers and publishers of a stream are, by their names.</summary>
/// <param name="Offsets">Null: nobody asked.</param>
/// <param name="Writers">Null: nobody asked.</param>
internal sealed record TrackingJson(Dictionary<string, long>? Offsets, Dictionary<string, long>? Writers);
