using System.Globalization;

namespace Granary.Silo.Queues.Messages;

/// <summary>Which message of those that an exchange delays. It says where to look, so that nothing has to be searched for.</summary>
/// <param name="Due">When it is due.</param>
internal readonly record struct DelayedId(long Due, long Offset)
{
    /// <summary>Before all others.</summary>
    public static readonly DelayedId Start = new(long.MinValue, long.MinValue);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Due}-{Offset}");

    public static bool TryParse(string text, out DelayedId id)
    {
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        id = default;
        if (dash < 0 || !Parse(text.AsSpan(..dash), out var due) || !Parse(text.AsSpan(dash + 1), out var offset))
        {
            return false;
        }

        id = new DelayedId(due, offset);
        return true;

        static bool Parse(ReadOnlySpan<char> digits, out long number) => long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
