using Granary.Amqp;

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
