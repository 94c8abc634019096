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

    /// <summary>For so long it gets little time then: thousands of names would otherwise take theirs one after the other.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMinutes(1);

    /// <summary>The engine looks at the clock only now and then, so that a match without much going back is through whatever else the machine does.</summary>
    private static readonly TimeSpan LongestAtRest = TimeSpan.FromMilliseconds(5);

    private readonly Regex _regex;

    // Null: it cannot take too long.
    private readonly Regex? _atRest;
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
            _atRest = new Regex(pattern, options, LongestAtRest);
        }
    }

    /// <summary>It took too long for five texts, or for one more since: for a minute it gets 5 ms for each text.</summary>
    public bool IsAtRest => _clock.GetTimestamp() < Volatile.Read(ref _restsUntil);

    /// <summary>Whether it is found anywhere in a text; null: that takes more than 50 ms, each of four times, or more than 5 ms while it is <see cref="IsAtRest"/>.</summary>
    public bool? IsMatch(string text)
    {
        if (_atRest is not null && IsAtRest)
        {
            return Try(_atRest, text);
        }

        for (var i = 0; i < Tries; i++)
        {
            if (Try(_regex, text) is { } isMatch)
            {
                return isMatch;
            }
        }

        if (Interlocked.Increment(ref _strikes) >= Strikes)
        {
            Volatile.Write(ref _restsUntil, _clock.GetTimestamp() + (long)(Rest.TotalSeconds * _clock.TimestampFrequency));
        }

        return null;
    }

    private static bool? Try(Regex regex, string text)
    {
        try
        {
            return regex.IsMatch(text);
        }
        catch (RegexMatchTimeoutException)
        {
            return null;
        }
    }
}
