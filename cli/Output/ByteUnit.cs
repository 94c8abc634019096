using System.Globalization;
using Granary.Cli.Invocation;

namespace Granary.Cli.Output;

/// <summary>Sizes on a command line, as rabbitmqctl reads them: k, M and G, and kiB, MiB and GiB, are powers of 1,024; kB, MB and GB are powers of 1,000.</summary>
internal static class ByteUnit
{
    private static readonly Dictionary<string, long> Units = new(StringComparer.Ordinal)
    {
        [""] = 1,
        ["k"] = 1L << 10,
        ["kiB"] = 1L << 10,
        ["M"] = 1L << 20,
        ["MiB"] = 1L << 20,
        ["G"] = 1L << 30,
        ["GiB"] = 1L << 30,
        ["kB"] = 1000,
        ["MB"] = 1000 * 1000,
        ["GB"] = 1000 * 1000 * 1000,
    };

    /// <summary>Null: there is no such unit.</summary>
    /// <exception cref="CommandException">It is no whole number before that.</exception>
    public static long? Parse(string text)
    {
        var end = text.AsSpan().IndexOfAnyExceptInRange('0', '9') is var first and >= 0 ? first : text.Length;
        if (!long.TryParse(text[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            throw CommandException.BadArgument();
        }

        return Units.TryGetValue(text[end..], out var factor) && number <= long.MaxValue / factor ? number * factor : null;
    }
}
