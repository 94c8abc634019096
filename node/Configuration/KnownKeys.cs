namespace Granary.Node.Configuration;

/// <summary>Which keys there are, here or in RabbitMQ, and which of them was probably meant.</summary>
internal sealed class KnownKeys
{
    private readonly Dictionary<int, List<string[]>> _byLength;

    public KnownKeys(IEnumerable<string> patterns) =>
        _byLength = patterns.Select(pattern => pattern.Split('.')).GroupBy(parts => parts.Length).ToDictionary(group => group.Key, group => group.ToList());

    public bool Contains(string key)
    {
        var parts = key.Split('.');
        return _byLength.TryGetValue(parts.Length, out var patterns) && patterns.Exists(pattern => Matches(pattern, parts));
    }

    /// <summary>The one that takes the fewest changes to get to, and how many; what * stands for is left as it is.</summary>
    public (string Key, int Changes) Nearest(string key)
    {
        var parts = key.Split('.');
        return _byLength.Values.SelectMany(patterns => patterns).Select(pattern => string.Join('.', pattern.Select((part, at) => part != "*" ? part : at < parts.Length ? parts[at] : "1")))
            .Select(candidate => (candidate, Changes(key, candidate))).MinBy(candidate => candidate.Item2);
    }

    private static bool Matches(string[] pattern, string[] parts)
    {
        for (var i = 0; i < parts.Length; i++)
        {
            if (pattern[i] != "*" && pattern[i] != parts[i])
            {
                return false;
            }
        }

        return true;
    }

    // Levenshtein's: letters that are put in, taken out or changed.
    private static int Changes(string from, string to)
    {
        var before = Enumerable.Range(0, to.Length + 1).ToArray();
        var now = new int[to.Length + 1];
        for (var i = 0; i < from.Length; i++)
        {
            now[0] = i + 1;
            for (var j = 0; j < to.Length; j++)
            {
                now[j + 1] = Math.Min(Math.Min(before[j + 1], now[j]) + 1, before[j] + (from[i] == to[j] ? 0 : 1));
            }

            (before, now) = (now, before);
        }

        return before[to.Length];
    }
}
