namespace Granary.Core.Topology;

/// <summary>What a queue answers that is asked to move: why it does not, or where it is.</summary>
/// <param name="Silo">That has it at this moment; it may be about to leave.</param>
[GenerateSerializer, Immutable, Alias("granary.QueuePlace")]
public readonly record struct QueuePlace([property: Id(0)] BrokerError? Error, [property: Id(1)] SiloAddress? Silo);
