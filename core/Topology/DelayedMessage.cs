namespace Granary.Core.Topology;

/// <summary>A message that an exchange delays.</summary>
/// <param name="Id">The server's: it says when the message is due, and its offset.</param>
/// <param name="Due">Unix time in milliseconds.</param>
/// <param name="Record">See <see cref="Messages.MessageRecord"/>.</param>
[GenerateSerializer, Immutable, Alias("granary.DelayedMessage")]
public sealed record DelayedMessage([property: Id(0)] string Id, [property: Id(1)] long Due, [property: Id(2)] byte[] Record);

/// <summary>What an exchange answers to who asks for the queue that it has for itself.</summary>
/// <param name="Error">There is no such exchange, or it has none.</param>
/// <param name="Queue">Its name.</param>
[GenerateSerializer, Immutable, Alias("granary.OwnQueueAnswer")]
public readonly record struct OwnQueueAnswer([property: Id(0)] BrokerError? Error, [property: Id(1)] string Queue);

/// <summary>Messages that an exchange delays, the next to be due first.</summary>
/// <param name="Error">The queue could not be asked.</param>
[GenerateSerializer, Immutable, Alias("granary.DelayedAnswer")]
public readonly record struct DelayedAnswer([property: Id(0)] BrokerError? Error, [property: Id(1)] DelayedMessage[] Messages);
