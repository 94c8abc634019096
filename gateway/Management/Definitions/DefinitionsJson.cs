using System.Text.Json.Serialization;
using Granary.Amqp;
using Granary.Core.Access;
using Granary.Gateway.Management.Access;
using Granary.Gateway.Management.Policies;

namespace Granary.Gateway.Management.Definitions;

/// <summary>A definitions file, as RabbitMQ 3.x and 4.x write and read it. Null: not in it.</summary>
internal sealed record DefinitionsFile
{
    public string? RabbitVersion { get; init; }

    public string? RabbitmqVersion { get; init; }

    public string? ProductName { get; init; }

    public string? ProductVersion { get; init; }

    public string? RabbitmqDefinitionFormat { get; init; }

    public string? OriginalClusterName { get; init; }

    public string? Explanation { get; init; }

    public string? OriginalVhostName { get; init; }

    public List<UserJson>? Users { get; init; }

    public List<VhostDefinition>? Vhosts { get; init; }

    public List<PermissionJson>? Permissions { get; init; }

    public List<TopicPermissionJson>? TopicPermissions { get; init; }

    public List<ParameterJson>? Parameters { get; init; }

    public List<ParameterJson>? GlobalParameters { get; init; }

    public List<PolicyJson>? Policies { get; init; }

    public List<QueueDefinition>? Queues { get; init; }

    public List<ExchangeDefinition>? Exchanges { get; init; }

    public List<BindingDefinition>? Bindings { get; init; }
}

internal sealed record QueueDefinition
{
    public string Name { get; set; } = "";

    public string? Vhost { get; set; }

    public string? Type { get; set; }

    public bool Durable { get; set; } = true;

    public bool AutoDelete { get; set; }

    public FieldTable Arguments { get; set; } = FieldTable.Empty;
}

internal sealed record ExchangeDefinition
{
    public string Name { get; set; } = "";

    public string? Vhost { get; set; }

    public string Type { get; set; } = "direct";

    public bool Durable { get; set; } = true;

    public bool AutoDelete { get; set; }

    public bool Internal { get; set; }

    public FieldTable Arguments { get; set; } = FieldTable.Empty;
}

internal sealed record BindingDefinition
{
    public string Source { get; set; } = "";

    public string? Vhost { get; set; }

    public string Destination { get; set; } = "";

    public string DestinationType { get; set; } = "queue";

    public string RoutingKey { get; set; } = "";

    public FieldTable Arguments { get; set; } = FieldTable.Empty;
}

internal sealed record VhostDefinition
{
    public string Name { get; set; } = "";

    public string? Description { get; set; }

    [JsonConverter(typeof(TagsConverter))]
    public string[]? Tags { get; set; }

    public string? DefaultQueueType { get; set; }

    public VhostMetadata? Metadata { get; set; }

    public static VhostDefinition Of(Vhost vhost) => new()
    {
        Name = vhost.Name,
        Description = vhost.Description,
        Tags = vhost.Tags,
        DefaultQueueType = vhost.DefaultQueueType,
        Metadata = VhostMetadata.Of(vhost),
    };

    public VhostSettings ToSettings() => new(Name)
    {
        Description = Description ?? Metadata?.Description,
        Tags = Tags ?? Metadata?.Tags,
        DefaultQueueType = (DefaultQueueType ?? Metadata?.DefaultQueueType) is { } type and not ("undefined" or "default") ? type : null,
    };
}
