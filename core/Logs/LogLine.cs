using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;

namespace Granary.Core.Logs;

/// <summary>One event as it stands in the log: one line, whatever clients have sent.</summary>
/// <param name="Time">When, by the clock of the machine.</param>
/// <param name="Category">From where.</param>
/// <param name="Event">Which event (docs/operations.md has a table).</param>
/// <param name="Text">What, and of an exception all that there is.</param>
public sealed partial record LogLine(DateTime Time, LogLevel Level, string Category, int Event, string Text)
{
    private static readonly string[] Levels = ["trce", "dbug", "info", "warn", "fail", "crit"];

    public static LogLine Of(DateTime time, LogLevel level, string category, int id, string text, Exception? exception) =>
        new(time, level, category, id, Hidden(exception is null ? OneLine(text) : $"{OneLine(text)} {OneLine(exception.ToString())}"));

    /// <summary>As it is written to standard output.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Time:yyyy-MM-dd HH:mm:ss.fff} {Levels[(int)Level]}: {Category}[{Event}] {Text}");

    // What clients send gets into texts: a line break of theirs must not make a line that looks like one of ours, and nothing of theirs may tell a terminal what to do.
    private static string OneLine(string text) => Printable(text.ReplaceLineEndings(" "));

    // Control characters are shown as \x1b is. Those from 0x80 on are for terminals what ESC and another character are.
    private static string Printable(string text) =>
        text.AsSpan().ContainsAnyInRange('\0', '\u001f') || text.AsSpan().ContainsAnyInRange('\u007f', '\u009f') ? Escaped(text) : text;

    private static string Escaped(string text)
    {
        var escaped = new StringBuilder(text.Length + 16);
        foreach (var letter in text)
        {
            if (char.IsControl(letter))
            {
                escaped.Append(CultureInfo.InvariantCulture, $"\\x{(int)letter:x2}");
            }
            else
            {
                escaped.Append(letter);
            }
        }

        return escaped.ToString();
    }

    // No event has a password; an exception of a library might show where it was to connect to. Most lines do not, and most nodes never load what looks for it.
    private static string Hidden(string text) =>
        text.Contains("assword=", StringComparison.Ordinal) || (text.Contains("://", StringComparison.Ordinal) && text.Contains('@', StringComparison.Ordinal)) ? WithoutPasswords(text) : text;

    // Apart from the question whether it is needed: what compiles a method loads all that is in it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static string WithoutPasswords(string text) => InAddress().Replace(InSettings().Replace(text, "$1***"), "$1***@");

    [GeneratedRegex("([Pp]assword=)[^;\\s\"']+")]
    private static partial Regex InSettings();

    [GeneratedRegex("(://[^\\s/@:]*:)[^\\s/@]+@")]
    private static partial Regex InAddress();
}
