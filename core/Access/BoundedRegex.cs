using System.Text.RegularExpressions;

namespace Granary.Core.Access;

/// <summary>
/// A regular expression that somebody has given, and that cannot keep a process busy: it is matched without going back where it can be, in a time that grows with the text alone,
/// and otherwise within a limit.
/// </summary>
public sealed class BoundedRegex
{
    /// <summary>The time of a match also passes while its thread has no processor, or the engine is compiled: so many matches have to take too long.</summary>
    private const int Tries = 4;

    private static readonly TimeSpan LongestMatch = TimeSpan.FromMilliseconds(50);

    private readonly Regex _regex;

    /// <exception cref="ArgumentException">It is no regular expression.</exception>
    public BoundedRegex(string pattern, RegexOptions options = RegexOptions.None)
    {
        options |= RegexOptions.CultureInvariant;
        try
        {
            _regex = new Regex(pattern, options | RegexOptions.NonBacktracking);
        }
        catch (NotSupportedException)
        {
            // It looks around or refers back, or would be too large without going back.
            _regex = new Regex(pattern, options, LongestMatch);
        }
    }

    /// <summary>Whether it is found anywhere in a text; null: that takes more than 50 ms, each of four times.</summary>
    public bool? IsMatch(string text)
    {
        for (var i = 0; i < Tries; i++)
        {
            try
            {
                return _regex.IsMatch(text);
            }
            catch (RegexMatchTimeoutException)
            {
                // Once more, or too long.
            }
        }

        return null;
    }
}
