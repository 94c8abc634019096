namespace Granary.Core.Access;

/// <summary>A virtual host: names of queues and exchanges, and permissions, are of one.</summary>
[GenerateSerializer, Immutable, Alias("granary.Vhost")]
public sealed record Vhost([property: Id(0)] string Name)
{
    /// <summary>The one that every store begins with.</summary>
    public const string Standard = "/";

    [Id(1)]
    public string Description { get; init; } = "";

    [Id(2)]
    public string[] Tags { get; init; } = [];

    /// <summary>What a queue is that does not say; null: classic.</summary>
    [Id(3)]
    public string? DefaultQueueType { get; init; }

    [Id(4)]
    public VhostLimits Limits { get; init; }

    /// <summary>It is not deleted until this is taken away.</summary>
    [Id(5)]
    public bool IsProtected { get; init; }

    /// <summary>It is there no more, but for what is still to be removed of it.</summary>
    [Id(6)]
    public bool IsBeingDeleted { get; init; }

    /// <summary>What clients publish and are given in it is told to <c>amq.rabbitmq.trace</c>.</summary>
    [Id(7)]
    public bool IsTraced { get; init; }
}

/// <summary>How much a vhost may have. Null or below 0: without limit.</summary>
[GenerateSerializer, Immutable, Alias("granary.VhostLimits")]
public readonly record struct VhostLimits([property: Id(0)] long? MaxConnections, [property: Id(1)] long? MaxQueues);
