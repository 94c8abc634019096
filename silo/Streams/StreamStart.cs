using Granary.Amqp;

namespace Granary.Silo.Streams;

/// <summary>Where a consumer begins to read (x-stream-offset).</summary>
internal enum StreamStartKind
{
    /// <summary>With the next message that comes.</summary>
    Next,

    /// <summary>With the first that is there.</summary>
    First,

    /// <summary>With the last that was published together with others.</summary>
    Last,

    Offset,

    Time,
}

/// <param name="Value">The offset, or Unix milliseconds.</param>
internal readonly record struct StreamStart(StreamStartKind Kind, long Value = 0)
{
    public const string Argument = "x-stream-offset";

    /// <summary>Reads the argument (rabbit_stream_queue's parse_offset_arg); false if it says nothing that is known.</summary>
    public static bool TryRead(FieldTable arguments, long now, out StreamStart start)
    {
        start = default;
        if (!arguments.TryGetValue(Argument, out var value))
        {
            return true;
        }

        if (value.TryGetTimestamp(out var seconds))
        {
            start = new StreamStart(StreamStartKind.Time, (long)Math.Min(seconds, long.MaxValue / 1_000) * 1_000);
            return true;
        }

        if (value.TryGetInteger(out var offset))
        {
            start = new StreamStart(StreamStartKind.Offset, offset);
            return offset >= 0;
        }

        return value.TryGetText(out var text) && TryRead(text, now, out start);
    }

    private static bool TryRead(string text, long now, out StreamStart start)
    {
        (start, var isKnown) = text switch
        {
            "next" => (new StreamStart(StreamStartKind.Next), true),
            "first" => (new StreamStart(StreamStartKind.First), true),
            "last" => (new StreamStart(StreamStartKind.Last), true),
            _ when StreamAge.TryRead(text, out var age) => (new StreamStart(StreamStartKind.Time, now - age), true),
            _ => (default, false),
        };
        return isKnown;
    }
}
