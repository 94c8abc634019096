using Granary.Amqp;

namespace Granary.Silo.Streams;

/// <summary>What the arguments of a stream make of it.</summary>
/// <param name="MaxBytes">Record bytes that are kept, by whole segments; null: all.</param>
/// <param name="MaxAge">For how long messages are kept, by whole segments, in milliseconds; null: for ever.</param>
/// <param name="SegmentBytes">A segment that has so many record bytes is followed by the next.</param>
internal sealed record StreamSettings(long? MaxBytes, long? MaxAge, long SegmentBytes)
{
    /// <summary>RabbitMQ's.</summary>
    public const long StandardSegmentBytes = 500_000_000;

    /// <summary>Reads arguments that have been checked.</summary>
    public static StreamSettings From(FieldTable arguments)
    {
        return new StreamSettings(
            Number("x-max-length-bytes"),
            arguments.TryGetValue("x-max-age", out var age) && age.TryGetText(out var text) && StreamAge.TryRead(text, out var milliseconds) ? milliseconds : null,
            Math.Max(Number("x-stream-max-segment-size-bytes") ?? StandardSegmentBytes, 1));

        long? Number(string name) => arguments.TryGetValue(name, out var value) && value.TryGetInteger(out var number) ? number : null;
    }
}
