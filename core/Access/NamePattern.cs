using System.Text;
using System.Text.RegularExpressions;

namespace Granary.Core.Access;

/// <summary>
/// A pattern of a permission: a regular expression that is found anywhere in the name; an empty one is found nowhere. None can keep the broker busy: where it can
/// be, it is matched without going back, and otherwise within a time, after which it counts as not found.
/// </summary>
public sealed class NamePattern
{
    /// <summary>As in RabbitMQ (rabbit_re).</summary>
    private const int LongestPattern = 1024;

    private const RegexOptions Options = RegexOptions.CultureInvariant;

    private static readonly TimeSpan LongestMatch = TimeSpan.FromMilliseconds(50);

    private static readonly NamePattern All = new(null, matchesAll: true);
    private static readonly NamePattern None = new(null, matchesAll: false);

    private readonly Regex? _regex;

    private NamePattern(Regex? regex, bool matchesAll) => (_regex, MatchesAll) = (regex, matchesAll);

    /// <summary>It is found in every name: nothing has to be matched.</summary>
    public bool MatchesAll { get; }

    /// <summary>A pattern that is no regular expression is found nowhere.</summary>
    public static NamePattern Parse(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return pattern switch
        {
            "" => None,
            ".*" or "^.*" or ".*$" => All,
            _ => TryCompile(pattern, out _) is { } regex ? new NamePattern(regex, matchesAll: false) : None,
        };
    }

    /// <summary>What is wrong with a pattern; null: nothing.</summary>
    public static string? Refusal(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        TryCompile(pattern, out var refusal);
        return refusal;
    }

    /// <summary>A text as a pattern that is found where the text is (rabbit_re:escape).</summary>
    public static string Escape(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var escaped = new StringBuilder(text.Length);
        foreach (var letter in text)
        {
            _ = (@"\^$.|?*+()[]{}-".Contains(letter, StringComparison.Ordinal) ? escaped.Append('\\') : escaped).Append(letter);
        }

        return escaped.ToString();
    }

    public bool Matches(string name)
    {
        if (_regex is null)
        {
            return MatchesAll;
        }

        try
        {
            return _regex.IsMatch(name);
        }
        catch (RegexMatchTimeoutException)
        {
            // Refused: the name's owner is told so, and can have a pattern that is found sooner.
            return false;
        }
    }

    private static Regex? TryCompile(string pattern, out string? refusal)
    {
        refusal = pattern.Length > LongestPattern ? $"it is longer than {LongestPattern} characters" : null;
        if (refusal is not null)
        {
            return null;
        }

        try
        {
            return Compile(pattern);
        }
        catch (ArgumentException exception)
        {
            refusal = exception.Message;
            return null;
        }
    }

    private static Regex Compile(string pattern)
    {
        try
        {
            return new Regex(pattern, Options | RegexOptions.NonBacktracking, LongestMatch);
        }
        catch (NotSupportedException)
        {
            // It looks around or refers back, or would be too large without: it is matched by going back, within the time.
            return new Regex(pattern, Options, LongestMatch);
        }
    }
}
