namespace Granary.Node.Configuration;

/// <summary>One setting of a file, as it stands there.</summary>
internal readonly record struct ConfigurationLine(string File, int Number, string Key, string Value)
{
    /// <summary>Where it is, for operators.</summary>
    public string Place => $"{File}, line {Number}";
}

/// <summary>
/// Reads the format of rabbitmq.conf: one <c>key = value</c> a line, and comments behind #. A value in single quotes may have a # or blanks at its ends; \' is a quote there.
/// </summary>
internal static class ConfigurationText
{
    // Four times the longest that there is: what is longer is no configuration, and comparing it with what may be meant takes long.
    private const int LongestKey = 256;

    /// <summary>The lines in their order. What cannot be read is told to <paramref name="fault"/>, as a sentence.</summary>
    public static List<ConfigurationLine> Read(string file, string text, Action<string> fault)
    {
        var lines = new List<ConfigurationLine>();
        var number = 0;
        foreach (var whole in text.TrimStart('\uFEFF').Split('\n'))
        {
            number++;
            var line = whole.Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            var equals = line.IndexOf('=', StringComparison.Ordinal);
            var key = equals < 0 ? line : line[..equals].TrimEnd();
            if (line.Contains('\0', StringComparison.Ordinal))
            {
                fault($"{file}, line {number}: there is an octet 0, which no text has.");
            }
            else if (equals < 0)
            {
                fault($"{file}, line {number}: '{Shortened(line)}' is not of the form key = value.");
            }
            else if (!IsKey(key))
            {
                fault($"{file}, line {number}: '{Shortened(key)}' is not a key: letters, digits, _, - and @, in parts with dots between them, {LongestKey} at the most.");
            }
            else if (TryReadValue(line[(equals + 1)..].TrimStart(), out var value))
            {
                lines.Add(new ConfigurationLine(file, number, key, value));
            }
            else
            {
                fault($"{file}, line {number}: the value of {key} is empty, or its quote (') does not end.");
            }
        }

        return lines;
    }

    // Not a key and not a value: there may be a password in it.
    private static string Shortened(string text) => Sentence.Shortened(text, 40);

    private static bool IsKey(string key) => key.Length is > 0 and <= LongestKey && key.Split('.').All(part => part.Length > 0 && part.All(letter => char.IsLetterOrDigit(letter) || letter is '_' or '-' or '@'));

    private static bool TryReadValue(string text, out string value)
    {
        if (text.StartsWith('\''))
        {
            return TryReadQuoted(text, out value);
        }

        var comment = text.IndexOf('#', StringComparison.Ordinal);
        value = (comment < 0 ? text : text[..comment]).TrimEnd();
        return value.Length > 0;
    }

    private static bool TryReadQuoted(string text, out string value)
    {
        var at = 1;
        while (at < text.Length && text[at] != '\'')
        {
            at += text[at] == '\\' && at + 1 < text.Length && text[at + 1] == '\'' ? 2 : 1;
        }

        value = at < text.Length ? text[1..at].Replace("\\'", "'", StringComparison.Ordinal) : "";
        var rest = at < text.Length ? text[(at + 1)..].TrimStart() : "?";
        return rest.Length == 0 || rest[0] == '#';
    }
}
