using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;

namespace Granary.Testing.Logs;

/// <summary>One event of a log, with its exception if it has one.</summary>
/// <param name="Event">The event's id, which is how tests announce it.</param>
public sealed partial record LogLine(DateTimeOffset Time, LogLevel Level, string Category, int Event, string Text)
{
    /// <summary>What a process says past its log, mostly with its last breath.</summary>
    public const string Outside = "(not in the log)";

    private const string TimeFormat = "yyyy-MM-dd HH:mm:ss.fff";

    /// <summary>Reads a line as the node writes it to its console; anything else is something said outside of the log, and as bad as can be.</summary>
    public static LogLine Parse(string line)
    {
        ArgumentNullException.ThrowIfNull(line);
        var match = Line().Match(line);
        return match.Success && DateTimeOffset.TryParseExact(match.Groups[1].Value, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var time)
            ? new LogLine(time, LevelOf(match.Groups[2].Value), match.Groups[3].Value, int.Parse(match.Groups[4].Value, CultureInfo.InvariantCulture), match.Groups[5].Value)
            : new LogLine(DateTimeOffset.Now, LogLevel.Critical, Outside, 0, line);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Time.LocalDateTime:HH:mm:ss.fff} {Level} {Category}[{Event}] {Text}");

    private static LogLevel LevelOf(string name) => name switch
    {
        "trce" => LogLevel.Trace,
        "dbug" => LogLevel.Debug,
        "info" => LogLevel.Information,
        "warn" => LogLevel.Warning,
        "fail" => LogLevel.Error,
        _ => LogLevel.Critical,
    };

    [GeneratedRegex(@"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (trce|dbug|info|warn|fail|crit): ([^\s\[]+)\[(-?\d+)\] (.*)$")]
    private static partial Regex Line();
}
