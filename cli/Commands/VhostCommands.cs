using System.Text.Json.Nodes;
using Granary.Cli.Broker;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

internal static class VhostCommands
{
    private const string Group = "Virtual hosts";

    private static readonly string[] Columns = ["name", "description", "tags", "default_queue_type", "tracing", "cluster_state", "metadata", "protected_from_deletion"];

    private static readonly CommandOption[] MetadataOptions = [new("description", 'd', HasValue: true), new("tags", HasValue: true), new("default-queue-type", HasValue: true)];

    private static readonly CommandOption Protection = new("protected-from-deletion");

    public static IEnumerable<Command> All =>
    [
        new(
            "add_vhost", Group,
            "Creates a virtual host",
            "<vhost> [--description <description>] [--tags \"<tag1>,<tag2>,<...>\"] [--default-queue-type <quorum|classic|stream>]")
        {
            LeastWords = 1,
            Options = MetadataOptions,
            Banner = call => UserCommands.Told($"Adding vhost \"{call.Words[0]}\" ..."),
            Run = async call =>
            {
                // As there, one that is there stays as it is, whatever is said of it.
                if (await call.Broker.FindAsync($"vhosts/{call.Path(0)}") is null)
                {
                    await call.Broker.PutAsync($"vhosts/{call.Path(0)}", Metadata(call));
                    if (call.Broker.User is { } user)
                    {
                        // The API lets who makes a vhost do all in it, which rabbitmqctl lets nobody. It is a new vhost: there was no permission before.
                        await call.Broker.DeleteAsync($"permissions/{call.Path(0)}/{BrokerApi.Segment(user)}");
                    }
                }

                return Answer.None;
            },
        },
        new(
            "update_vhost_metadata", Group,
            "Updates metadata (tags, description, default queue type, protection from deletion) of a virtual host",
            "<vhost> [--description=<description>] [--tags=\"<tag1>,<tag2>,<...>\"] [--default-queue-type=<quorum|classic|stream>] [--protected-from-deletion=<true|false>]")
        {
            LeastWords = 1,
            Options = [.. MetadataOptions, Protection],
            Check = static call =>
            {
                if (MetadataOptions.Append(Protection).All(option => call[option.Name] is null))
                {
                    throw CommandException.NotValid("not enough arguments.");
                }
            },
            Banner = static call => UserCommands.Told($"Updating metadata of vhost \"{call.Words[0]}\" ..."),
            Run = static async call =>
            {
                if (Metadata(call) is { Count: > 0 } metadata)
                {
                    await ChangeAsync(call, call.Words[0], metadata);
                }

                if (call[Protection.Name] is not null)
                {
                    await ProtectAsync(call, call.Has(Protection.Name));
                }

                return Answer.None;
            },
        },
        Protected("enable_vhost_deletion_protection", "Protects a virtual host from deletion (until the protection is removed)", static vhost => $"Protecting virtual host \"{vhost}\" from removal by updating its metadata...", isProtected: true),
        Protected("disable_vhost_deletion_protection", "Removes deletion protection from a virtual host (so that it can be deleted)", static vhost => $"Removing deletion protection from virtual host \"{vhost}\" by updating its metadata...", isProtected: false),
        new("delete_vhost", Group, "Deletes a virtual host", "<vhost>")
        {
            LeastWords = 1,
            Banner = call => UserCommands.Told($"Deleting vhost \"{call.Words[0]}\" ..."),
            Run = async call =>
                await call.Broker.DeleteAsync($"vhosts/{call.Path(0)}") ? Answer.None : throw Refusals.NoVhost(call.Words[0]),
        },
        new("set_vhost_tags", Group, "Sets virtual host tags", "<vhost> <tag> [...]")
        {
            LeastWords = 1, MostWords = int.MaxValue,
            Banner = call => UserCommands.Told($"Setting tags for virtual host \"{call.Words[0]}\" to [{string.Join(", ", call.Words.Skip(1))}] ..."),
            Run = async call =>
            {
                if (await call.Broker.FindAsync($"vhosts/{call.Path(0)}") is null)
                {
                    throw new CommandException(ExitCode.Data, $"Virtual host \"{call.Words[0]}\" does not exist");
                }

                await ChangeAsync(call, call.Words[0], new JsonObject { ["tags"] = string.Join(',', call.Words.Skip(1)) });
                return Answer.None;
            },
        },
        new("list_vhosts", "Access Control", "Lists virtual hosts", "[--no-table-headers] [<column>, ...]")
        {
            MostWords = int.MaxValue,
            Check = call => Lists.Require(call, Columns),
            Banner = static _ => UserCommands.Told("Listing vhosts ..."),
            Run = async call =>
                Lists.Of(call, await call.Broker.ListAsync("vhosts"), ["name"], static (vhost, column) => column switch
            {
                "tags" => UserCommands.Tags(vhost["tags"]),
                "default_queue_type" => vhost["default_queue_type"] ?? "undefined",
                "cluster_state" => new JsonArray([.. (vhost["cluster_state"] as JsonObject ?? []).Select(node => (JsonNode?)$"{{{node.Key}, {node.Value}}}")]),
                _ => vhost[column],
            }),
        },
        new("set_vhost_limits", Group, "Sets virtual host limits", "[--vhost <vhost>] <definition>")
        {
            LeastWords = 1, Options = [CommandOption.Vhost],
            Banner = call => UserCommands.Told($"Setting vhost limits to \"{call.Words[0]}\" for vhost \"{call.Vhost}\" ..."),
            Run = async call =>
            {
                await Limits.SetAsync(call.Broker, $"vhost-limits/{call.VhostPath}", call.Words[0], ["max-connections", "max-queues"], areAll: true, Refusals.NoVhost(call.Vhost));
                return Answer.None;
            },
        },
        new("clear_vhost_limits", Group, "Clears virtual host limits", "[--vhost <vhost>]")
        {
            Options = [CommandOption.Vhost],
            Banner = call => UserCommands.Told($"Clearing vhost \"{call.Vhost}\" limits ..."),
            Run = async call =>
            {
                var all = await call.Broker.ListAsync("vhost-limits");
                if (all.FirstOrDefault(vhost => vhost["vhost"]?.GetValue<string>() == call.Vhost)?["value"] is not JsonObject { Count: > 0 })
                {
                    throw new CommandException(ExitCode.Unavailable, "Parameter does not exist");
                }

                foreach (var name in new[] { "max-connections", "max-queues" })
                {
                    await call.Broker.DeleteAsync($"vhost-limits/{call.VhostPath}/{name}");
                }

                return Answer.None;
            },
        },
        new("list_vhost_limits", Group, "Displays configured virtual host limits", "[--vhost <vhost>] [--global] [--no-table-headers]")
        {
            Options = [CommandOption.Vhost, new("global")],
            Banner = call =>
                UserCommands.Told(call.Has("global") ? "Listing limits for all vhosts ..." : $"Listing limits for vhost \"{call.Vhost}\" ..."),
            Run = async call =>
            {
                var all = await call.Broker.ListAsync("vhost-limits");
                if (call.Has("global"))
                {
                    return new RowsAnswer(["vhost", "limits"], [.. all.Select(vhost => (IReadOnlyList<JsonNode?>)[vhost["vhost"], Json.Sorted(vhost["value"])])], ShowsNothing: true);
                }

                if (await call.Broker.FindAsync($"vhosts/{call.VhostPath}") is null)
                {
                    throw Refusals.NoVhost(call.Vhost);
                }

                var own = all.FirstOrDefault(vhost => vhost["vhost"]?.GetValue<string>() == call.Vhost)?["value"];
                var text = own is null ? "" : Json.Sorted(own).GetValue<string>();
                return new TextAnswer(text, own is null ? new JsonArray() : new JsonObject { ["node"] = await call.Broker.NodeAsync(), ["result"] = "ok", ["value"] = text });
            },
        },
        Tracing("trace_on", "Starts tracing", isOn: true, call => $"Starting tracing for vhost \"{call.Vhost}\" ...", "enabled"),
        Tracing("trace_off", "Stops tracing", isOn: false, call => $"Stopping tracing for vhost \"{call.Vhost}\" ...", "disabled"),
        new("restart_vhost", Group, "Restarts a failed vhost data stores and queues", "[--vhost <vhost>]")
        {
            Options = [CommandOption.Vhost],
            Banner = async call => $"Trying to restart vhost '{call.Vhost}' on node '{await call.Broker.NodeAsync()}' ...",
            Run = async call => await call.Broker.FindAsync($"vhosts/{call.VhostPath}") is not null
                ? Answer.Of($"Vhost '{call.Vhost}' is already running on node '{await call.Broker.NodeAsync()}'")
                : throw new CommandException(ExitCode.Software, $"Failed to start vhost '{call.Vhost}' on node '{await call.Broker.NodeAsync()}'Reason: {{:no_such_vhost, {Terms.Quote(call.Vhost)}}}"),
        },
    ];

    private static Command Tracing(string name, string about, bool isOn, Func<CommandCall, string> banner, string done) => new(name, Group, about, "[--vhost <vhost>]")
    {
        // As there, words are passed over.
        MostWords = int.MaxValue,
        Options = [CommandOption.Vhost],
        Banner = call => UserCommands.Told(banner(call)),
        Run = async call =>
        {
            await ChangeAsync(call, call.Vhost, new JsonObject { ["tracing"] = isOn });
            return await ControlCommands.ValueAsync(call, $"Trace {done} for vhost {call.Vhost}");
        },
    };

    // PUT empties the metadata that it does not name, here as in RabbitMQ: so all of it is sent, as it is now where no change of it is wanted.
    private static async Task ChangeAsync(CommandCall call, string name, JsonObject changes)
    {
        var path = $"vhosts/{BrokerApi.Segment(name)}";
        var now = await call.Broker.FindAsync(path) ?? throw Refusals.NoVhost(name);
        var wanted = new JsonObject { ["description"] = now["description"]?.DeepClone() ?? "", ["tags"] = now["tags"]?.DeepClone() ?? "" };
        if (now["default_queue_type"]?.GetValue<string>() is { } type and not "undefined")
        {
            wanted["default_queue_type"] = type;
        }

        foreach (var (key, value) in changes)
        {
            wanted[key] = value?.DeepClone();
        }

        await call.Broker.PutAsync(path, wanted);
    }

    private static async Task ProtectAsync(CommandCall call, bool isProtected)
    {
        var path = $"vhosts/{call.Path(0)}";
        if (await call.Broker.FindAsync(path) is null)
        {
            throw Refusals.NoVhost(call.Words[0]);
        }

        path = $"{path}/deletion/protection";
        await (isProtected ? call.Broker.PostAsync(path) : call.Broker.DeleteAsync(path));
    }

    private static Command Protected(string name, string summary, Func<string, string> banner, bool isProtected) => new(name, Group, summary, "<vhost>")
    {
        LeastWords = 1,
        Banner = call => UserCommands.Told(banner(call.Words[0])),
        Run = async call =>
        {
            await ProtectAsync(call, isProtected);
            return Answer.None;
        },
    };

    private static JsonObject Metadata(CommandCall call)
    {
        var body = new JsonObject();
        foreach (var option in MetadataOptions)
        {
            if (call[option.Name] is { } value)
            {
                body[option.Name.Replace('-', '_')] = value;
            }
        }

        return body["default_queue_type"]?.GetValue<string>() is null or "classic" or "quorum" or "stream"
            ? body
            : throw new CommandException(ExitCode.Usage, "Unsupported default queue type");
    }
}
