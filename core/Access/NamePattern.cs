using System.Text;

namespace Granary.Core.Access;

/// <summary>
/// A pattern of a permission or a policy: a regular expression that is found anywhere in the name; an empty one is found nowhere. None can keep the broker busy:
/// most are compared as text (<see cref="PlainPattern"/>), the others are matched within bounds (<see cref="BoundedRegex"/>); what takes too long counts as not found.
/// </summary>
public sealed class NamePattern
{
    /// <summary>As in RabbitMQ (rabbit_re).</summary>
    private const int LongestPattern = 1024;

    private static readonly NamePattern All = new(matchesAll: true);
    private static readonly NamePattern None = new(matchesAll: false);

    private readonly PlainPattern? _plain;
    private readonly PatternText _text = PatternText.Unknown;
    private readonly Lazy<BoundedRegex>? _regex;

    private NamePattern(bool matchesAll) => MatchesAll = matchesAll;

    private NamePattern(PlainPattern plain, string pattern) => (_plain, _regex) = (plain, new Lazy<BoundedRegex>(() => new BoundedRegex(pattern)));

    private NamePattern(PatternText text, BoundedRegex regex) => (_text, _regex) = (text, new Lazy<BoundedRegex>(regex));

    /// <summary>It is found in every name: nothing has to be matched.</summary>
    public bool MatchesAll { get; }

    /// <summary>Of these, every name that it is found in has at least one: none if it is found nowhere.</summary>
    internal IEnumerable<PatternText> Texts => _plain is not null ? _plain.Texts : _regex is not null || MatchesAll ? [_text] : [];

    /// <summary>A pattern that is no regular expression is found nowhere.</summary>
    public static NamePattern Parse(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return pattern switch
        {
            "" => None,
            ".*" or "^.*" or ".*$" => All,
            { Length: <= LongestPattern } when PlainPattern.TryParse(pattern) is { } plain => new NamePattern(plain, pattern),
            _ => TryCompile(pattern, out _) is { } regex ? new NamePattern(PatternText.Of(pattern), regex) : None,
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

    /// <summary>What takes too long is not found: the name's owner is told so, and can have a pattern that is found sooner.</summary>
    public bool Matches(string name) => Find(name) is true;

    /// <summary>Whether it is found in a name; null: that takes too long.</summary>
    public bool? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (_regex is null)
        {
            return MatchesAll;
        }

        // Dots and dollars treat the ends of lines by rules of their own, which only the engine follows.
        if (_plain is not null && !name.Contains('\n', StringComparison.Ordinal))
        {
            return _plain.Matches(name);
        }

        return _text.MayBeIn(name) ? _regex.Value.IsMatch(name) : false;
    }

    private static BoundedRegex? TryCompile(string pattern, out string? refusal)
    {
        refusal = pattern.Length > LongestPattern ? $"it is longer than {LongestPattern} characters" : null;
        if (refusal is not null)
        {
            return null;
        }

        try
        {
            return new BoundedRegex(pattern);
        }
        catch (ArgumentException exception)
        {
            refusal = exception.Message;
            return null;
        }
    }
}
