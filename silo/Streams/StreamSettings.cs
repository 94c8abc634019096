using Granary.Amqp;
using Granary.Core.Policies;

namespace Granary.Silo.Streams;

/// <summary>What the arguments of a stream, and the policies that it goes by, make of it.</summary>
/// <param name="MaxBytes">Record bytes that are kept, by whole segments; null: all.</param>
/// <param name="MaxAge">For how long messages are kept, by whole segments, in milliseconds; null: for ever.</param>
/// <param name="SegmentBytes">A segment that has so many record bytes is followed by the next.</param>
internal sealed record StreamSettings(long? MaxBytes, long? MaxAge, long SegmentBytes)
{
    /// <summary>RabbitMQ's.</summary>
    public const long StandardSegmentBytes = 500_000_000;

    /// <summary>Reads arguments that have been checked. Of two limits the lesser holds; of two sizes of segments the argument's.</summary>
    public static StreamSettings From(FieldTable arguments, PolicyDefinition? policy = null)
    {
        policy ??= PolicyDefinition.Empty;
        return new StreamSettings(
            Lesser(Number("x-max-length-bytes"), policy.Number("max-length-bytes")),
            Lesser(arguments.TryGetValue("x-max-age", out var age) && age.TryGetText(out var text) ? AgeOf(text) : null, AgeOf(policy.Text("max-age"))),
            Math.Max(Number("x-stream-max-segment-size-bytes") ?? policy.Number("stream-max-segment-size-bytes") ?? StandardSegmentBytes, 1));

        long? Number(string name) => arguments.TryGetValue(name, out var value) && value.TryGetInteger(out var number) ? number : null;

        static long? AgeOf(string? text) => text is not null && StreamAge.TryRead(text, out var milliseconds) ? milliseconds : null;

        static long? Lesser(long? one, long? other) => one is null || other < one ? other : one;
    }
}
