namespace Granary.Core.Topology;

/// <summary>A ready message as it is in its queue, where it stays.</summary>
/// <param name="Place">Where it stands: who asks for what is behind it says this.</param>
/// <param name="Record">See <see cref="Messages.MessageRecord"/>.</param>
[GenerateSerializer, Immutable, Alias("granary.BrowsedMessage")]
public sealed record BrowsedMessage([property: Id(0)] string Place, [property: Id(1)] bool Redelivered, [property: Id(2)] byte[] Record);

/// <summary>What a queue shows to who looks at it.</summary>
/// <param name="Error">There is no such queue, or it shows nothing.</param>
/// <param name="Messages">In the order in which they would be delivered.</param>
/// <param name="Next">Where to go on; null: there is nothing behind these.</param>
[GenerateSerializer, Immutable, Alias("granary.BrowseAnswer")]
public readonly record struct BrowseAnswer([property: Id(0)] BrokerError? Error, [property: Id(1)] BrowsedMessage[] Messages, [property: Id(2)] string? Next);
