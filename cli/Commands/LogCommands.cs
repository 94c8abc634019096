using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>The log of the node that is asked.</summary>
internal static class LogCommands
{
    private const string Observability = "Monitoring, observability and health checks";
    private const string Configuration = "Configuration and Environment";

    // As many as a node keeps.
    private const int MostLines = 1000;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    public static IEnumerable<Command> All =>
    [
        new("log_location", Configuration, "Shows log file location(s) on target node", "[--all|-a]")
        {
            Options = [new("all", 'a')],
            Banner = static async call => $"Log file location(s) on node {await call.Broker.NodeAsync()} ...",
            Run = static async call =>
            {
                var log = await ReadAsync(call, 0);
                var location = log["location"]!.ToString();
                return new TextAnswer(location, new JsonObject { ["node_name"] = log["node"]!.ToString(), ["paths"] = new JsonArray(location), ["result"] = "ok" });
            },
        },
        new("log_tail", Observability, "Prints the last N lines of the log on the node", "[--number|-N <number>]")
        {
            Options = [new("number", 'N', HasValue: true)],
            Check = static call => Lines(call),
            Banner = static async call => $"Last {Lines(call)} log lines on node {await call.Broker.NodeAsync()} ...",
            Run = static async call =>
            {
                string[] lines = [.. LinesOf(await ReadAsync(call, Lines(call)))];
                return new TextAnswer(string.Join('\n', lines), new JsonArray([.. lines.Select(static line => (JsonNode?)line)]));
            },
        },
        new("log_tail_stream", Observability, "Streams logs from a running node for a period of time", "[--duration|-d <seconds>]")
        {
            Options = [new("duration", 'd', HasValue: true)],
            Check = static call => Duration(call),
            Banner = static async call => Duration(call) is { } duration
                ? $"Streaming logs from node {await call.Broker.NodeAsync()} for {duration.TotalSeconds:0} seconds ..."
                : $"Streaming logs from node {await call.Broker.NodeAsync()} ...",
            Run = static call => Task.FromResult<Answer>(new StreamAnswer(StreamAsync(call))),
        },
    ];

    private static async Task<JsonObject> ReadAsync(CommandCall call, int lines, long after = 0) =>
        (await call.Broker.GetAsync(string.Create(CultureInfo.InvariantCulture, $"log?lines={lines}&after={after}"))).AsObject();

    private static IEnumerable<string> LinesOf(JsonObject log) => log["lines"]!.AsArray().Select(static line => line!["line"]!.ToString());

    private static async IAsyncEnumerable<string> StreamAsync(CommandCall call)
    {
        var duration = Duration(call);
        var began = Stopwatch.GetTimestamp();
        var last = Last(await ReadAsync(call, 1), 0);
        while (duration is null || Stopwatch.GetElapsedTime(began) < duration)
        {
            await Task.Delay(Pause);
            var log = await ReadAsync(call, MostLines, last);
            foreach (var line in LinesOf(log))
            {
                yield return line;
            }

            last = Last(log, last);
        }
    }

    // After a restart of the node its numbers begin anew, and what it has logged since is less.
    private static long Last(JsonObject log, long unlessAny) => log["lines"]!.AsArray().LastOrDefault()?["number"]?.GetValue<long>() ?? unlessAny;

    private static int Lines(CommandCall call) =>
        call["number"] is not { } text ? 50
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? Math.Min(number, MostLines)
        : throw CommandException.NotValid($"Invalid options for this command:\n-N : {text}");

    // Null: until it is interrupted.
    internal static TimeSpan? Duration(CommandCall call) =>
        call["duration"] is null or "infinity" ? null
        : int.TryParse(call["duration"], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? TimeSpan.FromSeconds(seconds)
        : throw CommandException.NotValid($"Invalid options for this command:\n-d : {call["duration"]}");
}
