namespace Granary.Core.Policies;

/// <summary>Settings for all queues and exchanges of a vhost whose names match. Its fields were checked (<see cref="PolicyRules"/>) before one was made.</summary>
/// <param name="Pattern">A regular expression that is found anywhere in the name (<see cref="Access.NamePattern"/>).</param>
/// <param name="ApplyTo">As RabbitMQ has it: <c>all</c>, <c>exchanges</c>, <c>queues</c>, <c>classic_queues</c>, <c>quorum_queues</c> or <c>streams</c>.</param>
/// <param name="Priority">Of several that match, the one with the highest is gone by alone.</param>
/// <param name="Definition">A JSON object, its keys in order.</param>
/// <param name="IsOperator">One that limits what the other kind may set: of each kind one is gone by.</param>
[GenerateSerializer, Immutable, Alias("granary.Policy")]
public sealed record Policy(
    [property: Id(0)] string Vhost, [property: Id(1)] string Name, [property: Id(2)] string Pattern, [property: Id(3)] string ApplyTo, [property: Id(4)] long Priority,
    [property: Id(5)] string Definition, [property: Id(6)] bool IsOperator);

/// <summary>A parameter of a vhost, or of all: kept for whoever reads it.</summary>
/// <param name="Vhost">Null: it is a global one, and has no component.</param>
/// <param name="Value">JSON.</param>
[GenerateSerializer, Immutable, Alias("granary.Parameter")]
public sealed record Parameter(
    [property: Id(0)] string? Vhost, [property: Id(1)] string Component, [property: Id(2)] string Name, [property: Id(3)] string Value)
{
    /// <summary>The global parameter that is the cluster's name.</summary>
    public const string ClusterName = "cluster_name";

    public static Parameter Global(string name, string value) => new(null, "", name, value);
}
