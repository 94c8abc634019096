namespace Granary.Core.Logs;

/// <summary>
/// The last lines that the process has logged, for whoever asks it: tools and the management page read them from here. Each line has a number, one more than that of the
/// line before it. Safe for use by any thread.
/// </summary>
public sealed class LogRing
{
    /// <summary>How many lines there are at most.</summary>
    public const int Capacity = 1000;

    /// <summary>Characters of a line's text; what is longer is cut here, and whole on standard output.</summary>
    public const int LongestText = 4000;

    private readonly Lock _gate = new();
    private readonly LogLine[] _lines = new LogLine[Capacity];

    // Of the line that comes next.
    private long _next = 1;

    public void Add(LogLine line)
    {
        ArgumentNullException.ThrowIfNull(line);
        var kept = line.Text.Length <= LongestText ? line : line with { Text = string.Concat(line.Text.AsSpan(0, LongestText), "…") };
        lock (_gate)
        {
            _lines[_next++ % Capacity] = kept;
        }
    }

    /// <summary>The last lines, the oldest first.</summary>
    /// <param name="most">How many of them.</param>
    /// <param name="after">Those with a higher number alone.</param>
    public IReadOnlyList<(long Number, LogLine Line)> Last(int most, long after = 0)
    {
        lock (_gate)
        {
            var first = Math.Max(Math.Max(1, after + 1), _next - Math.Clamp(most, 0, Capacity));
            return first >= _next ? [] : [.. Enumerable.Range(0, (int)(_next - first)).Select(i => (first + i, _lines[(first + i) % Capacity]))];
        }
    }
}
