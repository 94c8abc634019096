using System.Globalization;

namespace Granary.Silo.Streams;

/// <summary>A length of time as streams know it, such as 7D or 1h (rabbit_amqqueue's check_max_age).</summary>
internal static class StreamAge
{
    /// <summary>Reads one, in milliseconds; a month has thirty days, and a year 365.</summary>
    public static bool TryRead(string text, out long milliseconds)
    {
        milliseconds = 0;
        if (text.Length < 2 || !long.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
        {
            return false;
        }

        var unit = SecondsOf(text[^1]) * 1_000;
        milliseconds = number > long.MaxValue / 4 / Math.Max(unit, 1) ? long.MaxValue / 4 : number * unit;
        return unit > 0;
    }

    private static long SecondsOf(char unit) => unit switch
    {
        'Y' => 365 * 24 * 60 * 60,
        'M' => 30 * 24 * 60 * 60,
        'D' => 24 * 60 * 60,
        'h' => 60 * 60,
        'm' => 60,
        's' => 1,
        _ => 0,
    };
}
