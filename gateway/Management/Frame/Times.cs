using System.Globalization;

namespace Granary.Gateway.Management.Frame;

/// <summary>Times as RabbitMQ's management tells them.</summary>
internal static class Times
{
    /// <param name="milliseconds">Since 1970.</param>
    public static string Format(long milliseconds) =>
        DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("yyyy-MM-dd'T'HH:mm:ss.fffzzz", CultureInfo.InvariantCulture);
}
