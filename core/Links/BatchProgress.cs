namespace Granary.Core.Links;

/// <summary>How much of what a session published a queue has taken.</summary>
/// <param name="Number">Of its last batch that was.</param>
[GenerateSerializer, Immutable, Alias("granary.BatchProgress")]
public readonly record struct BatchProgress([property: Id(0)] SessionId Session, [property: Id(1)] long Number);
