using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Nodes;

/// <summary>
/// <c>/api/feature-flags</c>: those of RabbitMQ's flags whose feature there is here. There is no member without it, so all of them are enabled, and enabling one has
/// nothing to do. Flags of how RabbitMQ works within (khepri_db, message_containers and so on) are none of them.
/// </summary>
internal sealed class FeatureFlagResources : IResource
{
    private const string Core = "rabbit";
    private const string Management = "rabbitmq_management_agent";

    private static readonly FeatureFlagJson[] All =
    [
        new("classic_mirrored_queue_version", "Support setting version for classic mirrored queues", "", Core),
        new("drop_unroutable_metric", "Count unroutable publishes to be dropped in stats", "", Management),
        new("empty_basic_get_metric", "Count AMQP `basic.get` on empty queues in stats", "", Management),
        new("implicit_default_bindings", "Default bindings are now implicit, instead of being stored in the database", "", Core),
        new("maintenance_mode_status", "Maintenance mode status", "", Core),
        new("quorum_queue", "Support queues of type `quorum`", "https://www.rabbitmq.com/docs/quorum-queues", Core),
        new("stream_filtering", "Support for stream filtering.", "", Core),
        new("stream_queue", "Support queues of type `stream`", "https://www.rabbitmq.com/docs/stream", Core),
        new("user_limits", "Configure connection and channel limits for a user", "", Core),
        new("virtual_host_metadata", "Virtual host metadata (description, tags, etc)", "", Core),
    ];

    public void Map(ApiRoutes routes)
    {
        routes.Get("/feature-flags", Need.Management, static call => call.ReplyListAsync(All, ApiJson.Default.FeatureFlagJson, static flag => flag.Name));
        routes.Put("/feature-flags/{name}/enable", Need.Administrator, static call => All.Any(flag => flag.Name == call.Segments[1])
            ? call.ReplyNothingAsync()
            : throw ApiException.BadRequest("This feature flag is not supported by this node"));
    }
}

/// <summary>A feature that may be new to some member.</summary>
internal sealed record FeatureFlagJson(string Name, string Desc, string DocUrl, string ProvidedBy, string State = "enabled", string Stability = "required");
