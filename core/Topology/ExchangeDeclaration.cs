namespace Granary.Core.Topology;

/// <summary>What exchange.declare asks for, and what an exchange is.</summary>
/// <param name="Type">One of <see cref="Routing.ExchangeTypes"/>.</param>
[GenerateSerializer, Immutable, Alias("granary.ExchangeDeclaration")]
public sealed record ExchangeDeclaration(
    [property: Id(0)] string Type, [property: Id(1)] bool Durable, [property: Id(2)] bool AutoDelete, [property: Id(3)] bool Internal,
    [property: Id(4)] EncodedTable Arguments);

public enum DestinationKind : byte
{
    Queue,
    Exchange,
}

/// <summary>Where a binding leads.</summary>
/// <param name="Incarnation">So that the removal of a deleted queue's or exchange's bindings spares those of its successor.</param>
[GenerateSerializer, Immutable, Alias("granary.Destination")]
public readonly record struct Destination(
    [property: Id(0)] DestinationKind Kind, [property: Id(1)] string Name, [property: Id(2)] Guid Incarnation);

/// <summary>A binding of one source exchange; identified by all its fields.</summary>
[GenerateSerializer, Immutable, Alias("granary.Binding")]
public sealed record Binding([property: Id(0)] Destination Destination, [property: Id(1)] string RoutingKey, [property: Id(2)] EncodedTable Arguments);

/// <summary>What an exchange answers: either an error or which exchange of that name it is.</summary>
/// <param name="Durable">It survives a restart, and bindings to it from durable exchanges do.</param>
[GenerateSerializer, Immutable, Alias("granary.ExchangeAnswer")]
public readonly record struct ExchangeAnswer([property: Id(0)] BrokerError? Error, [property: Id(1)] Guid Incarnation, [property: Id(2)] bool Durable);
