namespace Granary.Core.Access;

/// <summary>A pattern of a scope: <c>*</c> stands for any text, also for none; everything else for itself, percent-encoded where it has to be.</summary>
public sealed class Wildcard
{
    private readonly string[] _parts;

    private Wildcard(string[] parts) => _parts = parts;

    public bool MatchesAll => _parts is ["", ""];

    /// <summary>Null: it is none.</summary>
    public static Wildcard? Parse(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        var parts = pattern.Split('*');
        for (var i = 0; i < parts.Length; i++)
        {
            if (!IsEncoded(parts[i]))
            {
                return null;
            }

            // A plus is a space, as in queries (RabbitMQ's wildcard).
            parts[i] = Uri.UnescapeDataString(parts[i].Replace('+', ' '));
        }

        return new Wildcard(parts);
    }

    /// <summary>A text as a pattern that only it matches.</summary>
    public static string Escape(string text) => Uri.EscapeDataString(text);

    public bool Matches(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (_parts.Length == 1)
        {
            return text == _parts[0];
        }

        var (first, last) = (_parts[0], _parts[^1]);
        if (text.Length < first.Length + last.Length || !text.StartsWith(first, StringComparison.Ordinal) || !text.EndsWith(last, StringComparison.Ordinal))
        {
            return false;
        }

        // Each part where it is found first: whatever matches at all does so then.
        var rest = text.AsSpan(first.Length, text.Length - first.Length - last.Length);
        foreach (var part in _parts.AsSpan(1, _parts.Length - 2))
        {
            var at = rest.IndexOf(part, StringComparison.Ordinal);
            if (at < 0)
            {
                return false;
            }

            rest = rest[(at + part.Length)..];
        }

        return true;
    }

    private static bool IsEncoded(string part)
    {
        for (var at = part.IndexOf('%', StringComparison.Ordinal); at >= 0; at = part.IndexOf('%', at + 1))
        {
            if (at + 2 >= part.Length || !char.IsAsciiHexDigit(part[at + 1]) || !char.IsAsciiHexDigit(part[at + 2]))
            {
                return false;
            }
        }

        return true;
    }
}
