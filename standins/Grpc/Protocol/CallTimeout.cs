using System.Globalization;

namespace Grpc.Protocol;

/// <summary>The grpc-timeout header: up to eight digits and a unit.</summary>
internal static class CallTimeout
{
    public static bool TryParse(string? text, out TimeSpan timeout)
    {
        timeout = default;
        if (text is null || text.Length is < 2 or > 9 || !int.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out var amount))
        {
            return false;
        }

        long ticks = text[^1] switch
        {
            'H' => TimeSpan.TicksPerHour,
            'M' => TimeSpan.TicksPerMinute,
            'S' => TimeSpan.TicksPerSecond,
            'm' => TimeSpan.TicksPerMillisecond,
            'u' => TimeSpan.TicksPerMicrosecond,
            'n' => 0,
            _ => -1,
        };
        if (ticks < 0)
        {
            return false;
        }

        timeout = new TimeSpan(ticks == 0 ? amount / TimeSpan.NanosecondsPerTick : amount * ticks);
        return true;
    }

    /// <summary>The finest unit that holds the amount, rounded up.</summary>
    public static string Format(TimeSpan timeout)
    {
        var (ticks, unit) = timeout.Ticks switch
        {
            <= 0 => (TimeSpan.TicksPerMicrosecond, 'u'),
            <= 99_999_999 * TimeSpan.TicksPerMicrosecond => (TimeSpan.TicksPerMicrosecond, 'u'),
            <= 99_999_999 * TimeSpan.TicksPerMillisecond => (TimeSpan.TicksPerMillisecond, 'm'),
            <= 99_999_999 * TimeSpan.TicksPerSecond => (TimeSpan.TicksPerSecond, 'S'),
            _ => (TimeSpan.TicksPerHour, 'H'),
        };
        var amount = Math.Max(1, (timeout.Ticks + ticks - 1) / ticks);
        return string.Create(CultureInfo.InvariantCulture, $"{amount}{unit}");
    }
}
