using System.Globalization;
using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

internal static class PolicyCommands
{
    private const string Policies = "Policies";
    private const string Parameters = "Parameters";

    private static readonly CommandOption Priority = new("priority", HasValue: true);
    private static readonly CommandOption ApplyTo = new("apply-to", HasValue: true);

    public static IEnumerable<Command> All =>
    [
        Set("set_policy", "Sets or updates a policy", "policy", "policies"),
        Clear("clear_policy", "Clears (removes) a policy", "policy", "policies"),
        List("list_policies", "Lists all policies in a virtual host", "Listing policies", "policies"),
        Set("set_operator_policy", "Sets an operator policy that overrides a subset of arguments in user policies", "operator policy override", "operator-policies"),
        Clear("clear_operator_policy", "Clears an operator policy", "operator policy", "operator-policies"),
        List("list_operator_policies", "Lists operator policy overrides for a virtual host", "Listing operator policy overrides", "operator-policies"),
        new("set_parameter", Parameters, "Sets a runtime parameter.", "[--vhost <vhost>] <component_name> <name> <value>")
        {
            LeastWords = 3, Options = [CommandOption.Vhost],
            Banner = call =>
                UserCommands.Told($"Setting runtime parameter \"{call.Words[1]}\" for component \"{call.Words[0]}\" to \"{call.Words[2]}\" in vhost \"{call.Vhost}\" ..."),
            Run = call => PutAsync(call, $"parameters/{call.Path(0)}/{call.VhostPath}/{call.Path(1)}", new JsonObject { ["value"] = Value(call.Words[2]) }),
        },
        new("clear_parameter", Parameters, "Clears a runtime parameter.", "[--vhost <vhost>] <component_name> <name>")
        {
            LeastWords = 2, Options = [CommandOption.Vhost],
            Banner = call =>
                UserCommands.Told($"Clearing runtime parameter \"{call.Words[1]}\" for component \"{call.Words[0]}\" on vhost \"{call.Vhost}\" ..."),
            Run = async call =>
                await call.Broker.DeleteAsync($"parameters/{call.Path(0)}/{call.VhostPath}/{call.Path(1)}") ? Answer.None : throw Absent(),
        },
        new("list_parameters", Parameters, "Lists runtime parameters for a virtual host", "[--vhost <vhost>] [--no-table-headers]")
        {
            Options = [CommandOption.Vhost],
            Banner = call => UserCommands.Told($"Listing runtime parameters for vhost \"{call.Vhost}\" ..."),
            Run = async call =>
            {
                await RequireVhostAsync(call);
                return new RowsAnswer(["component", "name", "value"], [.. (await call.Broker.ListAsync("parameters"))
                    .Where(parameter => parameter["vhost"]?.GetValue<string>() == call.Vhost)
                    .Select(static parameter => (IReadOnlyList<JsonNode?>)[parameter["component"], parameter["name"], Json.Text(parameter["value"])])], ShowsNothing: true);
            },
        },
        new("set_global_parameter", Parameters, "Sets a runtime parameter.", "<name> <value>")
        {
            LeastWords = 2,
            Banner = call => UserCommands.Told($"Setting global runtime parameter \"{call.Words[0]}\" to \"{call.Words[1]}\" ..."),
            Run = call => PutAsync(call, $"global-parameters/{call.Path(0)}", new JsonObject { ["name"] = call.Words[0], ["value"] = Value(call.Words[1]) }),
        },
        new("clear_global_parameter", Parameters, "Clears a global runtime parameter", "<name>")
        {
            LeastWords = 1,
            Banner = call => UserCommands.Told($"Clearing global runtime parameter \"{call.Words[0]}\" ..."),
            Run = async call =>
                await call.Broker.DeleteAsync($"global-parameters/{call.Path(0)}") ? Answer.None : throw Absent(),
        },
        new("list_global_parameters", Parameters, "Lists global runtime parameters", "[--no-table-headers]")
        {
            Banner = static _ => UserCommands.Told("Listing global runtime parameters ..."),
            Run = async call => new RowsAnswer(["name", "value"], [.. (await call.Broker.ListAsync("global-parameters"))
                .Select(static parameter => (IReadOnlyList<JsonNode?>)[parameter["name"], Json.Text(parameter["value"])])]),
        },
        new("set_cluster_name", "Cluster", "Sets the cluster name", "<name>")
        {
            LeastWords = 1,
            Banner = call => UserCommands.Told($"Setting cluster name to {call.Words[0]} ..."),
            Run = call => PutAsync(call, "cluster-name", new JsonObject { ["name"] = call.Words[0] }),
        },
    ];

    private static Command Set(string name, string summary, string kind, string path) =>
        new(name, Policies, summary, "[--vhost <vhost>] [--priority <priority>] [--apply-to <apply-to>] <name> <pattern> <definition>")
        {
            // The fourth word was the priority in RabbitMQ before 3.7, and scripts of that time still give it.
            LeastWords = 3,
            MostWords = 4,
            Options = [CommandOption.Vhost, Priority, ApplyTo],
            Banner = call =>
                UserCommands.Told($"Setting {kind} \"{call.Words[0]}\" for pattern \"{call.Words[1]}\" to \"{call.Words[2]}\" with priority \"{PriorityOf(call)}\" for vhost \"{call.Vhost}\" ..."),
            Check = call => _ = PriorityNumber(call),
            Run = call => PutAsync(call, $"{path}/{call.VhostPath}/{call.Path(0)}", new JsonObject
            {
                ["pattern"] = call.Words[1],
                ["definition"] = Json.Object(call.Words[2]),
                ["priority"] = PriorityNumber(call),
                ["apply-to"] = call["apply-to"] ?? "all",
            }),
        };

    private static Command Clear(string name, string summary, string kind, string path) => new(name, Policies, summary, "[--vhost <vhost>] <name>")
    {
        LeastWords = 1,
        Options = [CommandOption.Vhost],
        Banner = call => UserCommands.Told($"Clearing {kind} \"{call.Words[0]}\" on vhost \"{call.Vhost}\" ..."),
        Run = async call =>
            await call.Broker.DeleteAsync($"{path}/{call.VhostPath}/{call.Path(0)}") ? Answer.None : throw Absent(),
    };

    private static Command List(string name, string summary, string told, string path) => new(name, Policies, summary, "[--vhost <vhost>] [--no-table-headers]")
    {
        Options = [CommandOption.Vhost],
        Banner = call => UserCommands.Told($"{told} for vhost \"{call.Vhost}\" ..."),
        Run = async call =>
        {
            await RequireVhostAsync(call);
            string[] columns = ["vhost", "name", "pattern", "apply-to", "definition", "priority"];
            return new RowsAnswer(columns, [.. (await call.Broker.ListAsync($"{path}/{call.VhostPath}"))
                .Select(policy =>
                    (IReadOnlyList<JsonNode?>)[.. columns.Select(column => column == "definition" ? Json.Text(policy[column]) : policy[column])])], ShowsNothing: true);
        },
    };

    private static string PriorityOf(CommandCall call) => call["priority"] ?? (call.Words.Count > 3 ? call.Words[3] : "0");

    private static long PriorityNumber(CommandCall call)
    {
        var text = PriorityOf(call);
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var priority)
            ? priority
            : throw CommandException.NotValid($"Invalid options for this command:\n--priority : {text}");
    }

    /// <summary>What the broker refuses of it is told as it says it.</summary>
    private static async Task<Answer> PutAsync(CommandCall call, string path, JsonObject body)
    {
        try
        {
            return await call.Broker.TryPutAsync(path, body) ? Answer.None : throw Refusals.NoVhost(call.Vhost);
        }
        catch (CommandException refused) when (refused.ExitCode == ExitCode.Software)
        {
            throw new CommandException(ExitCode.Unavailable, refused.Message);
        }
    }

    private static async Task RequireVhostAsync(CommandCall call)
    {
        if (await call.Broker.FindAsync($"vhosts/{call.VhostPath}") is null)
        {
            throw Refusals.NoVhost(call.Vhost);
        }
    }

    private static JsonNode? Value(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (System.Text.Json.JsonException)
        {
            throw new CommandException(ExitCode.Unavailable, "JSON decoding error. Reason: badarg");
        }
    }

    private static CommandException Absent() => new(ExitCode.Unavailable, "Parameter does not exist");
}
