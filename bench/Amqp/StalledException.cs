namespace Granary.Bench.Amqp;

/// <summary>Something that the broker owes did not arrive within the patience of the run.</summary>
internal sealed class StalledException(string message) : Exception(message);
