namespace Granary.Core.Topology;

/// <summary>What queue.declare asks for.</summary>
/// <param name="Connection">The declaring connection: the owner when exclusive.</param>
/// <param name="Durable">As asked; an exclusive queue is stored as not durable, whatever was asked.</param>
/// <param name="ReservedNameAllowed">The broker chose the name, so it may begin with <c>amq.</c>.</param>
[GenerateSerializer, Immutable, Alias("granary.QueueDeclaration")]
public sealed record QueueDeclaration(
    [property: Id(0)] ConnectionId Connection, [property: Id(1)] bool Durable, [property: Id(2)] bool Exclusive, [property: Id(3)] bool AutoDelete,
    [property: Id(4)] EncodedTable Arguments, [property: Id(5)] bool ReservedNameAllowed);

/// <summary>What a queue answers to a synchronous method: either an error or the counts.</summary>
/// <param name="Messages">Ready messages; for delete and purge, how many were removed.</param>
/// <param name="Incarnation">Which queue of that name; empty when there is none.</param>
/// <param name="Durable">It survives a restart, and bindings to it from durable exchanges do.</param>
[GenerateSerializer, Immutable, Alias("granary.QueueAnswer")]
public readonly record struct QueueAnswer(
    [property: Id(0)] BrokerError? Error, [property: Id(1)] long Messages, [property: Id(2)] int Consumers, [property: Id(3)] Guid Incarnation,
    [property: Id(4)] bool Durable)
{
    public static QueueAnswer Refused(BrokerError error) => new(error, 0, 0, default, false);
}
