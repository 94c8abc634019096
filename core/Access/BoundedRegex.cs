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

    /// <summary>Texts for which it may take too long, before it is known as one that does.</summary>
    private const int Strikes = 5;

    private static readonly TimeSpan LongestMatch = TimeSpan.FromMilliseconds(50);

    /// <summary>So long it is left alone then: thousands of names would otherwise take their time one after the other.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMinutes(1);

    private readonly Regex _regex;
    private readonly TimeProvider _clock;
    private int _strikes;
    private long _restsUntil = long.MinValue;

    /// <param name="clock">That of the machine unless given.</param>
    /// <exception cref="ArgumentException">It is no regular expression.</exception>
    public BoundedRegex(string pattern, RegexOptions options = RegexOptions.None, TimeProvider? clock = null)
    {
        _clock = clock ?? TimeProvider.System;
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

    /// <summary>
    /// Whether it is found anywhere in a text; null: that takes more than 50 ms, each of four times. Once that was so for five texts it is null for all of them for a minute, and for
    /// another one after the next text that takes so long.
    /// </summary>
    public bool? IsMatch(string text)
    {
        if (_clock.GetTimestamp() < Volatile.Read(ref _restsUntil))
        {
            return null;
        }

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

        if (Interlocked.Increment(ref _strikes) >= Strikes)
        {
            Volatile.Write(ref _restsUntil, _clock.GetTimestamp() + (long)(Rest.TotalSeconds * _clock.TimestampFrequency));
        }

        return null;
    }
}
