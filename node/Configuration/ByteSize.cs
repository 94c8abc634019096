using System.Globalization;

namespace Granary.Node.Configuration;

/// <summary>Sizes as RabbitMQ reads them: kB, MB, GB and TB, and the letters alone, are powers of 1,000, KiB, MiB, GiB and TiB, and Ki and so on, of 1,024.</summary>
internal static class ByteSize
{
    private const string Letters = "kmgt";

    /// <exception cref="FormatException">It is no size.</exception>
    public static long Parse(string text)
    {
        var digits = text.TrimEnd([.. "kKmMgGtTiIbB"]);
        var unit = text[digits.Length..].ToLowerInvariant();
        var power = unit.Length == 0 || unit == "b" ? 0 : Letters.IndexOf(unit[0], StringComparison.Ordinal) + 1;
        var isKnown = power == 0 ? unit is "" or "b" : unit[1..] is "" or "b" or "i" or "ib";
        if (!isKnown || !long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            throw Unreadable(text);
        }

        var factor = unit.Contains('i', StringComparison.Ordinal) ? 1024L : 1000L;
        try
        {
            for (var i = 0; i < power; i++)
            {
                number = checked(number * factor);
            }

            return number;
        }
        catch (OverflowException exception)
        {
            throw new FormatException($"'{text}' is more than there is anywhere", exception);
        }
    }

    private static FormatException Unreadable(string text) => new($"'{text}' is not a size such as 50000000, 50MB or 2GiB");
}
