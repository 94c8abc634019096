namespace Granary.Node.Configuration;

/// <summary>A key of RabbitMQ's that has an effect here: which setting it is, and how its value is said there.</summary>
/// <param name="Pattern">With * for one part of any name.</param>
/// <param name="Setting">Without dashes before it.</param>
/// <param name="Convert">Throws <see cref="FormatException"/>; null: the value has no effect here. The second argument is what * stood for, empty for none.</param>
/// <param name="Adds">The value is one more of several.</param>
internal sealed record RabbitKey(string Pattern, string Setting, Func<string, string, string?> Convert, bool Adds = false)
{
    /// <summary>Whether it is that key, and what * stands for.</summary>
    public bool Matches(string key, out string name)
    {
        name = "";
        if (!Pattern.EndsWith(".*", StringComparison.Ordinal))
        {
            return key == Pattern;
        }

        var prefix = Pattern[..^1];
        if (!key.StartsWith(prefix, StringComparison.Ordinal) || key.AsSpan(prefix.Length).Contains('.'))
        {
            return false;
        }

        name = key[prefix.Length..];
        return true;
    }
}
