using System.Text.Json.Nodes;
using Granary.Cli.Broker;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

internal static class OperationCommands
{
    private const string Queues = "Queues";
    private const string Operations = "Operations";

    private static readonly CommandOption IfEmpty = new("if-empty", 'e');
    private static readonly CommandOption IfUnused = new("if-unused", 'u');

    // For queues that plugins of RabbitMQ protect: there are none here.
    private static readonly CommandOption Force = new("force");

    public static IEnumerable<Command> All =>
    [
        new("delete_queue", Queues, "Deletes a queue", "[--vhost <vhost>] <queue_name> [--if-empty|-e] [--if-unused|-u] [--force]")
        {
            LeastWords = 1, Options = [CommandOption.Vhost, IfEmpty, IfUnused, Force],
            Banner = call => UserCommands.Told($"Deleting queue '{call.Words[0]}' on vhost '{call.Vhost}' {Condition(call)}..."),
            Run = DeleteQueueAsync,
        },
        new("purge_queue", Queues, "Purges a queue (removes all messages in it)", "[--vhost <vhost>] <queue>")
        {
            LeastWords = 1, Options = [CommandOption.Vhost],
            Banner = call => UserCommands.Told($"Purging queue '{call.Words[0]}' in vhost '{call.Vhost}' ..."),
            Run = static async call =>
            {
                var path = $"queues/{call.VhostPath}/{call.Path(0)}";
                var queue = await call.Broker.FindAsync(path) ?? throw new CommandException(ExitCode.Unavailable, "not_found");
                return queue["type"]?.ToString() == "stream" ? throw new CommandException(ExitCode.Unavailable, "not_supported")
                    : await call.Broker.DeleteAsync($"{path}/contents") ? Answer.None
                    : throw new CommandException(ExitCode.Unavailable, "not_found");
            },
        },
        new(
            "close_connection", Operations,
            "Instructs the broker to close the connection associated with the Erlang process id",
            "<connectionpid> <explanation>")
        {
            LeastWords = 2,
            Banner = call => UserCommands.Told($"Closing connection {call.Words[0]}, reason: {call.Words[1]}..."),
            Run = async call =>
            {
                var found = (await call.Broker.ListAsync("connections"))
                        .FirstOrDefault(connection => Pids.OfConnection(connection) == call.Words[0] || connection["name"]?.ToString() == call.Words[0]);
                if (found is not null)
                {
                    await CloseAsync(call, found, call.Words[1]);
                }
                else if (call.Words[0] is not ['<', .., '>'])
                {
                    throw new CommandException(ExitCode.Unavailable, "not_found");
                }

                // One that has gone meanwhile is closed.
                return Answer.None;
            },
        },
        new(
            "close_all_connections", Operations,
            "Instructs the broker to close all connections for the specified vhost or entire RabbitMQ node",
            "[--vhost <vhost> --limit <limit>] [-n <node> --global] [--per-connection-delay <delay>] <explanation>")
        {
            LeastWords = 1, Options = [CommandOption.Vhost, new("limit", HasValue: true), new("global"), new("per-connection-delay", HasValue: true)],
            Banner = call =>
                UserCommands.Told(
                    $"Closing {call["limit"] ?? "all"} connections {(call.Has("global") ? "cluster-wide" : $"in vhost {call.Vhost}")}, reason: {call.Words[0]}..."),
            Run = async call =>
            {
                var limit = call["limit"] is { } text ? call.Number(text, "--limit") : int.MaxValue;
                var delay = call["per-connection-delay"] is { } pause ? call.Number(pause, "--per-connection-delay") : 0;
                JsonObject[] all =
                [
                    .. (await call.Broker.ListAsync("connections"))
                        .Where(connection => call.Has("global") || connection["vhost"]?.GetValue<string>() == call.Vhost).Take(limit),
                ];
                foreach (var connection in all)
                {
                    await CloseAsync(call, connection, call.Words[0]);
                    await Task.Delay(Math.Max(0, delay));
                }

                return await ControlCommands.ValueAsync(call, $"Closed {all.Length} connections");
            },
        },
        new(
            "close_all_user_connections", Operations,
            "Instructs the broker to close all connections of the specified user",
            "<username> <explanation>")
        {
            LeastWords = 2,
            Banner = call => UserCommands.Told($"Closing connections of user {call.Words[0]}, reason: {call.Words[1]}..."),
            Run = async call =>
            {
                foreach (var connection in (await call.Broker.ListAsync("connections")).Where(connection => connection["user"]?.GetValue<string>() == call.Words[0]))
                {
                    await CloseAsync(call, connection, call.Words[1]);
                }

                return Answer.None;
            },
        },
        new(
            "export_definitions", "Definitions",
            "Exports definitions in JSON or compressed Erlang Term Format.",
            "<file_path | \"-\"> [--format <json | erlang>]")
        {
            LeastWords = 1, Options = [new("format", HasValue: true)], Timeout = 300,
            Check = static call =>
            {
                RequireJson(call);
                if (call.Words[0] != "-" && Path.GetDirectoryName(Path.GetFullPath(call.Words[0])) is { } folder && !Directory.Exists(folder))
                {
                    throw CommandException.BadArgument($"Directory {folder} does not exist");
                }
            },
            Banner = call => UserCommands.Told(call.Words[0] == "-" ? "" : $"Exporting definitions in JSON to a file at \"{call.Words[0]}\" ..."),
            Run = ExportAsync,
        },
        new(
            "import_definitions", "Definitions",
            "Imports definitions in JSON or compressed Erlang Term Format.",
            "<file_path | \"-\"> [--format <json | erlang>] [--skip-if-unchanged] [--dry-run]")
        {
            LeastWords = 0, MostWords = 1, Options = [new("format", HasValue: true), new("skip-if-unchanged"), new("dry-run")], Timeout = 300,
            Check = call =>
            {
                RequireJson(call);
                if (call.Words.Count > 0 && call.Words[0] != "-" && !File.Exists(call.Words[0]))
                {
                    throw CommandException.NotValid($"Bad argument: File {call.Words[0]} does not exist", ExitCode.Data);
                }
            },
            Banner = call =>
                UserCommands.Told(call.Has("dry-run") ? "Comparing definitions with what there is; nothing is changed ..." : call.Words.Count == 0 || call.Words[0] == "-"
                    ? "Importing definitions in JSON from standard input ..."
                    : $"Importing definitions in JSON from a file at \"{call.Words[0]}\" ..."),
            Run = async call =>
            {
                var text = await ReadAsync(call);
                if (string.IsNullOrWhiteSpace(text))
                {
                    throw new CommandException(ExitCode.Data, "Failed to deserialise input (format: JSON)");
                }

                var file = Json.Object(text);
                if (call.Has("dry-run"))
                {
                    return Answer.Of(ImportPreview.Of(await call.Broker.AskAsync("definitions?dry_run=true", file)));
                }

                await call.Broker.PostAsync("definitions", file);
                return Answer.Of("Successfully imported the definitions.");
            },
        },
        new(
            "rebalance", "Replication",
            "Rebalances queues over the members of the cluster",
            "< all | classic | quorum > [--vhost-pattern <pattern>] [--queue-pattern <pattern>]")
        {
            LeastWords = 1, Options = [new("vhost-pattern", HasValue: true), new("queue-pattern", HasValue: true)],
            Check = static call =>
            {
                if (call.Words[0] is not ("all" or "classic" or "quorum" or "stream"))
                {
                    throw new CommandException(ExitCode.Unavailable, $"type {call.Words[0]} is not supported. Try one of all, classic, quorum.");
                }
            },
            Formatter = "pretty_table",
            Banner = static call => UserCommands.Told($"Re-balancing leaders of {call.Words[0]} queues..."),
            Run = static async call => await ReplicaCommands.RebalanceAsync(call, call.Words[0]) is var nodes && call["formatter"] == "json"
                ? await ControlCommands.ValueAsync(call, "", nodes)
                : nodes.Count == 0 ? new RowsAnswer(["Output"], [[new JsonArray()]])
                : new RowsAnswer(
                    [.. nodes[0]!.AsArray().Select(static column => column![0]!.ToString())],
                    [.. nodes.Select(static node => (IReadOnlyList<JsonNode?>)[.. node!.AsArray().Select(static column => column![1])])]),
        },
    ];

    private static string Condition(CommandCall call) => (call.Has("if-empty"), call.Has("if-unused")) switch
    {
        (true, true) => "if queue is empty and if queue is unused ",
        (true, false) => "if queue is empty ",
        (false, true) => "if queue is unused ",
        _ => "",
    };

    private static async Task<Answer> DeleteQueueAsync(CommandCall call)
    {
        var path = $"queues/{call.VhostPath}/{call.Path(0)}";
        var queue = await call.Broker.FindAsync(path) ?? throw new CommandException(ExitCode.Usage, "Queue not found");
        var conditions = string.Join('&', new[] { call.Has("if-empty") ? "if-empty=true" : "", call.Has("if-unused") ? "if-unused=true" : "" }.Where(static one => one.Length > 0));
        try
        {
            return await call.Broker.DeleteAsync(conditions.Length > 0 ? $"{path}?{conditions}" : path)
                ? Answer.Of($"Queue was successfully deleted with {queue["messages_ready"] ?? queue["messages"] ?? 0} ready messages")
                : throw new CommandException(ExitCode.Usage, "Queue not found");
        }
        catch (CommandException refused) when (refused.Message.Contains("in use", StringComparison.Ordinal))
        {
            throw new CommandException(ExitCode.Usage, "Queue is in use");
        }
        catch (CommandException refused) when (refused.Message.Contains("not empty", StringComparison.Ordinal))
        {
            throw new CommandException(ExitCode.Usage, "Queue is not empty");
        }
    }

    private static Task CloseAsync(CommandCall call, JsonObject connection, string reason) =>
        call.Broker.DeleteAsync($"connections/{BrokerApi.Segment(connection["name"]?.ToString() ?? "")}", reason);

    private static void RequireJson(CommandCall call)
    {
        if (call["format"] is { } format && !format.Equals("json", StringComparison.OrdinalIgnoreCase))
        {
            throw CommandException.BadArgument(
                format.Equals("erlang", StringComparison.OrdinalIgnoreCase) ? "Format should be json: Erlang's own terms are not written here" : "Format should be either json or erlang");
        }
    }

    private static async Task<string> ReadAsync(CommandCall call)
    {
        if (call.Words.Count == 0 || call.Words[0] == "-")
        {
            return await call.Input.ReadToEndAsync();
        }

        try
        {
            return await File.ReadAllTextAsync(call.Words[0]);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Data, $"The file cannot be read: {exception.Message}");
        }
    }

    private static async Task<Answer> ExportAsync(CommandCall call)
    {
        var definitions = await call.Broker.GetAsync("definitions");
        var text = Json.Text(definitions).GetValue<string>();
        if (call.Words[0] == "-")
        {
            return Answer.Of(text);
        }

        try
        {
            await File.WriteAllTextAsync(call.Words[0], text);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Data, $"The file cannot be written: {exception.Message}");
        }

        return Answer.None;
    }
}
