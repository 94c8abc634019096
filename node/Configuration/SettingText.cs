using System.Globalization;
using System.Net;
using System.Security.Authentication;
using Microsoft.Extensions.Logging;

namespace Granary.Node.Configuration;

/// <summary>How the values of settings are written. Each throws <see cref="FormatException"/> with what is wrong.</summary>
internal static class SettingText
{
    public const string VerifyNone = "verify_none", VerifyPeer = "verify_peer";

    public static string AsItIs(string text) => text;

    public static int Port(string text) => ushort.TryParse(text, out var port) ? port : throw new FormatException($"'{text}' is not a port: 0 to 65535");

    /// <summary>With the part behind the @ that RabbitMQ adds where it is left out.</summary>
    public static string NodeName(string text) => text.Split('@') switch
    {
        [{ Length: > 0 }] => $"{text}@{Environment.MachineName.Split('.')[0]}",
        [{ Length: > 0 }, { Length: > 0 }] => text,
        _ => throw new FormatException($"'{text}' is not a name such as rabbit@host"),
    };

    public static IPAddress Address(string text) =>
        IPAddress.TryParse(text, out var address) ? address : throw new FormatException($"'{text}' is not an IP address");

    /// <summary>Whole ones.</summary>
    public static TimeSpan Seconds(string text) =>
        uint.TryParse(text, out var seconds) ? TimeSpan.FromSeconds(seconds) : throw new FormatException($"'{text}' is not a number of seconds");

    /// <summary>Parts of them, too, and none, up to ten years.</summary>
    public static TimeSpan AnyTime(string text) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds <= 315_360_000
            ? TimeSpan.FromSeconds((double)seconds)
            : throw new FormatException($"'{text}' is not a number of seconds");

    /// <summary>Parts of them, too, up to an hour.</summary>
    public static TimeSpan Timeout(string text) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is >= 0.001m and <= 3600
            ? TimeSpan.FromSeconds((double)seconds)
            : throw new FormatException($"'{text}' is not a number of seconds from 0.001 to 3600");

    public static bool Flag(string text) => bool.TryParse(text, out var value) ? value : throw new FormatException($"'{text}' is not true or false");

    public static Func<string, int> Number(int from, int to) => text =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= from && number <= to
            ? number
            : throw new FormatException($"'{text}' is not a number from {from} to {to}");

    public static Func<string, int> Size(int from, int to) => text => ByteSize.Parse(text) is var size && size >= from && size <= to
        ? (int)size
        : throw new FormatException($"{size} bytes are not from {from} to {to}");

    public static T OneOf<T>(string text)
        where T : struct, Enum =>
        Enum.TryParse<T>(text, ignoreCase: true, out var value) && Enum.IsDefined(value) && !int.TryParse(text, out _)
            ? value
            : throw new FormatException($"'{text}' is not one of {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}");

    /// <summary>As RabbitMQ calls them; those between two of .NET's are the lesser one's.</summary>
    public static LogLevel Level(string text) => text switch
    {
        "debug" => LogLevel.Debug,
        "info" or "notice" => LogLevel.Information,
        "warning" => LogLevel.Warning,
        "error" => LogLevel.Error,
        "critical" or "alert" or "emergency" => LogLevel.Critical,
        "none" => LogLevel.None,
        _ => throw new FormatException($"'{text}' is not one of debug, info, warning, error, critical, none"),
    };

    /// <summary>RabbitMQ's <c>verify</c>: whether clients are asked for certificates.</summary>
    public static string Verify(string text) =>
        text is VerifyNone or VerifyPeer ? text : throw new FormatException($"'{text}' is not one of {VerifyNone}, {VerifyPeer}");

    public static SslProtocols TlsVersions(string text) => text.Split(',', StringSplitOptions.TrimEntries).Aggregate(SslProtocols.None, (all, one) => all | one switch
    {
        "tlsv1.2" => SslProtocols.Tls12,
        "tlsv1.3" => SslProtocols.Tls13,
        _ => throw new FormatException($"'{one}' is not one of tlsv1.2, tlsv1.3"),
    });
}
