using System.Globalization;
using Granary.Core.Figures;
using Granary.Core.Logs;
using Granary.Gateway.Management.Frame;

namespace Granary.Gateway.Management.Nodes;

/// <summary>
/// <c>GET /api/log?lines=N&amp;after=NUMBER</c>: the last lines of the log of the node that is asked, the oldest first, and where else they go. RabbitMQ tells them to its own
/// tools alone. <c>/api/events?of=log</c> follows them.
/// </summary>
internal sealed class LogResource(ClusterFigures figures, LogRing? ring = null) : IResource
{
    private const int StandardLines = 50;

    public void Map(ApiRoutes routes) => routes.Get("/log", Need.Administrator, AnswerAsync);

    private async Task AnswerAsync(ApiCall call)
    {
        var (lines, after) = (Number(call, "lines", StandardLines), Number(call, "after", 0));
        var node = (await figures.TakeAsync(FigureKinds.Node, call.Aborted).ConfigureAwait(false)).Node;
        await call.ReplyAsync(
            new LogJson(node, Location(), [.. (ring?.Last((int)Math.Min(lines, LogRing.Capacity), after) ?? []).Select(static line => LogLineJson.Of(line.Number, line.Line))]),
            ApiJson.Default.LogJson).ConfigureAwait(false);
    }

    private static long Number(ApiCall call, string name, long unlessTold) =>
        call.Query[name].ToString() is not { Length: > 0 } text ? unlessTold
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw ApiException.BadRequest($"{name} is a whole number");

    // Whoever has started the process may have sent its standard output to a file.
    private static string Location()
    {
        try
        {
            return File.ResolveLinkTarget("/proc/self/fd/1", returnFinalTarget: false) is { Exists: true } file && !file.FullName.StartsWith("/dev/", StringComparison.Ordinal) ? file.FullName : LogJson.StandardOutput;
        }
        catch (IOException)
        {
            // Not a system that says so.
            return LogJson.StandardOutput;
        }
    }
}

/// <summary>A part of the log of a node.</summary>
/// <param name="Location">A file, or RabbitMQ's name for standard output.</param>
internal sealed record LogJson(string Node, string Location, LogLineJson[] Lines)
{
    public const string StandardOutput = "<stdout>";
}

/// <summary>A line of it.</summary>
/// <param name="Number">One more than that of the line before it.</param>
/// <param name="Line">As it is written to standard output.</param>
internal sealed record LogLineJson(long Number, DateTimeOffset Time, string Level, string Category, int Event, string Text, string Line)
{
    public static LogLineJson Of(long number, LogLine line) => new(number, new DateTimeOffset(line.Time), LogLevelJson.NameOf(line.Level), line.Category, line.Event, line.Text, line.ToString());
}
