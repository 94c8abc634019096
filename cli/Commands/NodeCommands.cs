using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

internal static class NodeCommands
{
    private const string Nodes = "Nodes";
    private const string Cluster = "Cluster";
    private const string Group = "Monitoring, observability and health checks";

    private static readonly string[] FlagColumns = ["name", "state", "stability", "provided_by", "desc", "doc_url"];

    private static readonly string[] DeprecatedColumns = ["name", "deprecation_phase", "state", "provided_by", "desc", "doc_url"];

    private static readonly CommandOption[] OptIn = [new("opt-in", 'o'), new("experimental", 'e')];

    public static IEnumerable<Command> All =>
    [
        new("ping", Group, "Checks that the node is up and that this tool can reach it", "")
        {
            Banner = async call =>
                $"Will ping {call["node"] ?? await NodeOrLocalAsync(call)}. This only checks that the node answers at its management port. Timeout: {call.Timeout.TotalMilliseconds:0} ms.",
            Run = async call =>
            {
                await call.Broker.OverviewAsync();
                return Answer.Of("Ping succeeded");
            },
        },
        new("status", Group, "Displays status of a node", "[--unit <unit>]")
        {
            Options = [new("unit", HasValue: true)],
            Banner = async call => $"Status of node {await call.Broker.NodeAsync()} ...",
            Run = StatusAsync,
        },
        new("cluster_status", Cluster, "Displays all the nodes in the cluster grouped by node type, together with the currently running nodes", "")
        {
            Banner = async call => $"Cluster status of node {await call.Broker.NodeAsync()} ...",
            Run = ClusterStatusAsync,
        },
        new("await_startup", Nodes, "Waits for the RabbitMQ application to start on the target node", "")
        {
            Timeout = 300,
            Run = AwaitAsync,
        },
        new("await_online_nodes", Cluster, "Waits for <count> nodes to join the cluster", "<count>")
        {
            LeastWords = 1, Timeout = 300,
            Banner = async call =>
                $"Will wait for at least {call.Words[0]} nodes to join the cluster of {await NodeOrLocalAsync(call)}. Timeout: {call.Timeout.TotalSeconds:0} seconds.",
            Run = AwaitAsync,
        },
        new("node_health_check", "Deprecated", "DEPRECATED. Asks the node for its health", "")
        {
            Banner = async call =>
                $"Timeout: {call.Timeout.TotalSeconds:0} seconds ...\nChecking health of node {await call.Broker.NodeAsync()} ...",
            Run = async call =>
                await call.Broker.CheckAsync("health/checks/local-alarms") is { } reason ? throw new CommandException(ExitCode.Software, reason) : Answer.Of("Health check passed"),
        },
        new("list_feature_flags", "Feature flags", "Lists feature flags", "[--no-table-headers] [<column>, ...]")
        {
            MostWords = int.MaxValue,
            Check = static call => Lists.Require(call, FlagColumns),
            Banner = static _ => UserCommands.Told("Listing feature flags ..."),
            Run = static async call => Lists.Of(call, await call.Broker.ListAsync("feature-flags"), ["name", "state"], static (flag, column) => flag[column]),
        },
        new("list_deprecated_features", "Feature flags", "Lists deprecated features", "[--used] [<column>, ...]")
        {
            MostWords = int.MaxValue, Options = [new("used")], Formatter = "pretty_table",
            Check = static call => Lists.Require(call, DeprecatedColumns),
            Banner = static call => UserCommands.Told(call.Has("used") ? "Listing deprecated features in use ..." : "Listing deprecated features ..."),
            Run = static async call =>
                Lists.Of(call, await call.Broker.ListAsync(call.Has("used") ? "deprecated-features/used" : "deprecated-features"), ["name", "deprecation_phase", "state"], static (feature, column) => feature[column]),
        },
        new(
            "enable_feature_flag", "Feature flags",
            "Enables a feature flag or all supported feature flags on the target node",
            "<all | feature_flag>")
        {
            LeastWords = 1, Options = OptIn,
            Check = static call =>
            {
                if (call.Words[0].Length == 0)
                {
                    throw CommandException.BadArgument("feature_flag cannot be an empty string.");
                }
            },
            Banner = static call => UserCommands.Told(call.Words[0] == "all" ? "Enabling all feature flags ..." : $"Enabling feature flag \"{call.Words[0]}\" ..."),
            Run = EnableFlagAsync,
        },
        new("stop_app", Nodes, "Stops the RabbitMQ application, leaving the runtime (Erlang VM) running", "")
        {
            Banner = async call => $"Stopping rabbit application on node {await call.Broker.NodeAsync()} ...",
            Run = static call => SetRunningAsync(call, isRunning: false),
        },
        new("start_app", Nodes, "Starts the RabbitMQ application but leaves the runtime (Erlang VM) running", "")
        {
            Banner = async call => $"Starting node {await call.Broker.NodeAsync()} ...",
            Run = static call => SetRunningAsync(call, isRunning: true),
        },
        Reset("reset", "Instructs a RabbitMQ node to leave the cluster and return to its virgin state"),
        Reset("force_reset", "Forcefully returns a RabbitMQ node to its virgin state"),
        new(
            "join_cluster", Cluster,
            "Instructs the node to become a member of the cluster that the specified node is in",
            "[--disc|--ram] <existing_cluster_member>")
        {
            LeastWords = 1, Options = [new("disc"), new("ram")],
            Banner = async call => $"Clustering node {await call.Broker.NodeAsync()} with {call.Words[0]}",
            Run = async call => await IsMemberAsync(call, call.Words[0])
                ? Answer.Of("Both are members of one cluster.")
                : throw new CommandException(
                    ExitCode.Unavailable,
                    $"{call.Words[0]} is no member of this cluster. Members find each other in PostgreSQL: start both with the same --connection and --cluster-id."),
        },
        new("change_cluster_node_type", Cluster, "Changes the type of the cluster node", "<disc | ram>")
        {
            LeastWords = 1,
            Check = static call =>
            {
                if (call.Words[0] is not ("disc" or "disk" or "ram"))
                {
                    throw CommandException.BadArgument("The node type must be either disc or ram.");
                }
            },
            Banner = async call => $"Turning {await call.Broker.NodeAsync()} into a {call.Words[0]} node",
            Run = static _ => Task.FromResult(Answer.Of("All members keep what they have in PostgreSQL: there are no types of nodes.")),
        },
        new("forget_cluster_node", Cluster, "Removes a node from the cluster", "[--offline] <existing_cluster_member_node>")
        {
            LeastWords = 1, Options = [new("offline")],
            Banner = call => UserCommands.Told($"Removing node {call.Words[0]} from the cluster"),
            Run = async call => await IsMemberAsync(call, call.Words[0])
                ? throw new CommandException(ExitCode.Unavailable, $"{call.Words[0]} is running. End its process: it is no member then.")
                : Answer.Of("It is no member: a process that has ended is forgotten by itself."),
        },
        Refused(
            "stop",
            Nodes,
            "Stops RabbitMQ and its runtime (Erlang VM).",
            "[<pidfile>]",
            "A node is ended by SIGTERM to its process, which systemd and Kubernetes send."),
        Refused(
            "shutdown",
            Nodes,
            "Stops RabbitMQ and its runtime (Erlang VM).",
            "[--wait]",
            "A node is ended by SIGTERM to its process, which systemd and Kubernetes send."),
        Refused("rotate_logs", Nodes, "Does nothing [deprecated]", "", "This command does not rotate logs anymore [deprecated]"),
    ];

    /// <summary>The heading of a part of a report, bold on a terminal.</summary>
    internal static string Head(string text) => $"\u001b[1m{text}\u001b[0m";

    /// <summary>All listeners of a node.</summary>
    internal static async Task<IReadOnlyList<JsonObject>> ListenersAsync(CommandCall call)
    {
        var node = await call.Broker.NodeAsync();
        var all = (await call.Broker.OverviewAsync())["listeners"] as JsonArray ?? [];
        return [.. all.OfType<JsonObject>().Where(listener => listener["node"]?.ToString() == node)];
    }

    internal static string ListenerLine(JsonObject listener, bool withNode = false) =>
        $"{(withNode ? $"Node: {listener["node"]}, interface" : "Interface")}: {listener["ip_address"] ?? listener["interface"]}, port: {listener["port"]}, " +
        $"protocol: {listener["protocol"]}, purpose: {Purpose(listener["protocol"]?.ToString())}";

    /// <summary>For programs, with the names that rabbitmq-diagnostics gives them.</summary>
    internal static JsonObject ListenerJson(JsonObject listener) => new()
    {
        ["interface"] = (listener["ip_address"] ?? listener["interface"])?.DeepClone(),
        ["node"] = listener["node"]?.DeepClone(),
        ["port"] = listener["port"]?.DeepClone(),
        ["protocol"] = listener["protocol"]?.DeepClone(),
        ["purpose"] = Purpose(listener["protocol"]?.ToString()),
    };

    private static string Purpose(string? protocol) => protocol switch
    {
        "amqp" => "AMQP 0-9-1",
        "amqp/ssl" => "AMQP 0-9-1 over TLS",
        "http" => "HTTP API",
        "https" => "HTTP API over TLS (HTTPS)",
        "clustering" => "inter-node communication",
        "http/prometheus" => "Prometheus exporter API over HTTP",
        "grpc" => "gRPC",
        _ => protocol ?? "",
    };

    private static Command Reset(string name, string summary) => new(name, Nodes, summary, "")
    {
        Banner = async call => $"Resetting node {await call.Broker.NodeAsync()} ...",
        Run = static _ =>
            Task.FromResult(Answer.Of(
                "Nothing was deleted: what a cluster has is in PostgreSQL and belongs to all members. " +
                "A lone node's files are removed by removing its data folder while it does not run.")),
    };

    private static Command Refused(string name, string group, string summary, string usage, string reason) => new(name, group, summary, usage)
    {
        MostWords = int.MaxValue,
        Options = [new("wait"), new("no-wait"), new("idempotent")],
        Run = _ => throw new CommandException(ExitCode.Unavailable, reason),
    };

    /// <summary>What a node on this machine is called, unless it is told.</summary>
    internal static string LocalName => $"rabbit@{Environment.MachineName.Split('.')[0]}";

    internal static async Task<bool> IsMemberAsync(CommandCall call, string node) =>
        (await call.Broker.ListAsync("nodes")).Any(member => member["name"]?.ToString() == node && member["running"]?.GetValue<bool>() != false);

    // All of them are enabled: there is none to be found that is not.
    private static async Task<Answer> EnableFlagAsync(CommandCall call)
    {
        if (call.Words[0] == "all" && OptIn.Any(option => call.Has(option.Name)))
        {
            throw new CommandException(ExitCode.Usage, "--opt-in and --experimental are for one feature flag that is named, not for all of them");
        }

        var flags = await call.Broker.ListAsync("feature-flags");
        return call.Words[0] == "all" || flags.Any(flag => flag["name"]?.ToString() == call.Words[0])
            ? await ControlCommands.DoneAsync(call)
            : throw new CommandException(ExitCode.Usage, $"This feature flag is not supported by node {await call.Broker.NodeAsync()}");
    }

    /// <summary>Whether the node that is asked serves clients: <c>stop_app</c> ends that, <c>start_app</c> begins it again.</summary>
    internal static async Task<bool> IsRunningAsync(Broker.BrokerApi broker) =>
        (await broker.FindAsync($"nodes/{Uri.EscapeDataString(await broker.NodeAsync())}/application"))?["running"]?.GetValue<bool>() != false;

    private static async Task<Answer> SetRunningAsync(CommandCall call, bool isRunning)
    {
        await call.Broker.PutAsync($"{await ControlCommands.PathAsync(call)}/application", new JsonObject { ["running"] = isRunning });
        return Answer.None;
    }

    private static async Task<string> NodeOrLocalAsync(CommandCall call)
    {
        try
        {
            return await call.Broker.NodeAsync();
        }
        catch (Exception exception) when (exception is CommandException or Broker.OutOfReachException)
        {
            // Whether it answers is what is to be found out.
            return LocalName;
        }
    }

    private static async Task<Answer> AwaitAsync(CommandCall call)
    {
        var wanted = call.Words.Count > 0 ? call.Number(call.Words[0], "the count") : 1;
        var until = DateTime.UtcNow + call.Timeout;
        while (true)
        {
            bool? isRunning = null;
            try
            {
                using var broker = call.Connect();
                if ((await broker.ListAsync("nodes")).Count(node => node["running"]?.GetValue<bool>() != false) >= wanted)
                {
                    isRunning = call.Words.Count > 0 || await IsRunningAsync(broker);
                }
            }
            catch (Exception exception) when (exception is Broker.OutOfReachException or CommandException { ExitCode: ExitCode.Unavailable } && DateTime.UtcNow < until)
            {
                // Not yet: what is waited for.
            }

            if (isRunning is { } answer)
            {
                // One that was stopped does not start by itself.
                return answer ? Answer.None : throw new CommandException(ExitCode.Unavailable, "rabbit_is_not_running");
            }

            if (DateTime.UtcNow >= until)
            {
                throw new CommandException(ExitCode.TemporaryFailure, $"Error: operation {call.Command.Name} timed out. Timeout value used: {call.Timeout.TotalMilliseconds:0}") { IsPlain = true };
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }
    }

    private static async Task<Answer> StatusAsync(CommandCall call)
    {
        var overview = await call.Broker.OverviewAsync();
        var name = await call.Broker.NodeAsync();
        var node = (await call.Broker.FindAsync($"nodes/{Uri.EscapeDataString(name)}"))?.AsObject() ?? [];
        var totals = overview["object_totals"] as JsonObject ?? [];
        var vhosts = await call.Broker.ListAsync("vhosts");
        var listeners = await ListenersAsync(call);
        var (unit, factor) = Unit(call);
        var text = new StringBuilder();
        Part(
            "Runtime", $"OS PID: {node["os_pid"]}", "OS: Linux", $"Uptime (seconds): {(node["uptime"]?.GetValue<long>() ?? 0) / 1000}",
            $"Is under maintenance?: {Flag(node["being_drained"])}",
            $"RabbitMQ version: {overview["rabbitmq_version"]}", $"Node name: {name}", $"{overview["product_name"]} version: {overview["product_version"]}");
        Part("Alarms", Alarms(node, name).DefaultIfEmpty("(none)").ToArray());
        Part("Memory", $"Total memory used: {Size(node["mem_used"])}", $"Memory high watermark setting: computed to: {Size(node["mem_limit"])}");
        Part("File Descriptors", $"Total: {node["fd_used"]}, limit: {node["fd_total"]}", $"Sockets: {node["sockets_used"]}, limit: {node["sockets_total"]}");
        Part("Free Disk Space", $"Low free disk space watermark: {Size(node["disk_free_limit"])}", $"Free disk space: {Size(node["disk_free"])}");
        Part("Totals", $"Connection count: {totals["connections"] ?? 0}", $"Queue count: {totals["queues"] ?? 0}", $"Virtual host count: {vhosts.Count}");
        Part("Listeners", [.. listeners.Select(listener => ListenerLine(listener))]);
        return new TextAnswer(text.ToString().TrimEnd('\n'), new JsonObject
        {
            ["alarms"] = new JsonArray([.. Alarms(node, name).Select(alarm => (JsonNode?)alarm)]),
            ["disk_free"] = node["disk_free"]?.DeepClone(),
            ["disk_free_limit"] = node["disk_free_limit"]?.DeepClone(),
            ["file_descriptors"] = new JsonObject
            {
                ["total_used"] = node["fd_used"]?.DeepClone(),
                ["total_limit"] = node["fd_total"]?.DeepClone(),
                ["sockets_used"] = node["sockets_used"]?.DeepClone(),
                ["sockets_limit"] = node["sockets_total"]?.DeepClone(),
            },
            ["is_under_maintenance"] = node["being_drained"]?.DeepClone() ?? false,
            ["listeners"] = new JsonArray([.. listeners.Select(listener => (JsonNode?)listener.DeepClone())]),
            ["memory"] = new JsonObject { ["total"] = node["mem_used"]?.DeepClone() },
            ["os"] = "Linux",
            ["pid"] = node["os_pid"]?.DeepClone(),
            ["rabbitmq_version"] = overview["rabbitmq_version"]?.DeepClone(),
            ["product_name"] = overview["product_name"]?.DeepClone(),
            ["product_version"] = overview["product_version"]?.DeepClone(),
            ["totals"] = new JsonObject
            {
                ["connection_count"] = totals["connections"]?.DeepClone() ?? 0,
                ["queue_count"] = totals["queues"]?.DeepClone() ?? 0,
                ["virtual_host_count"] = vhosts.Count,
            },
            ["uptime"] = (node["uptime"]?.GetValue<long>() ?? 0) / 1000,
        });

        void Part(string title, params string[] lines) => text.Append(Head(title)).Append("\n\n").AppendJoin('\n', lines).Append("\n\n");

        string Size(JsonNode? bytes) =>
            string.Create(CultureInfo.InvariantCulture, $"{Math.Round((bytes?.GetValue<double>() ?? 0) / factor, 4)} {unit}");
    }

    /// <exception cref="CommandException">No such unit.</exception>
    internal static (string Name, double Bytes) Unit(CommandCall call) => (call["unit"] ?? "gb").ToLowerInvariant() switch
    {
        "bytes" => ("bytes", 1),
        "kb" => ("kb", 1e3),
        "mb" => ("mb", 1e6),
        "gb" => ("gb", 1e9),
        var other => throw CommandException.NotValid($"\"unit '{other}' is not supported. Please use one of: bytes, mb, gb\""),
    };

    private static string Maintenance(JsonObject node) => Flag(node["being_drained"]) == "true" ? "marked for maintenance" : "not under maintenance";

    private static string Flag(JsonNode? value) => value?.ToString().ToLowerInvariant() ?? "false";

    internal static IEnumerable<string> Alarms(JsonObject node, string name)
    {
        if (Flag(node["mem_alarm"]) == "true")
        {
            yield return $"Memory alarm on node {name}";
        }

        if (Flag(node["disk_free_alarm"]) == "true")
        {
            yield return $"Free disk space alarm on node {name}";
        }
    }

    private static async Task<Answer> ClusterStatusAsync(CommandCall call)
    {
        var overview = await call.Broker.OverviewAsync();
        var nodes = await call.Broker.ListAsync("nodes");
        string[] names = [.. nodes.Select(node => node["name"]!.ToString())];
        string[] running = [.. nodes.Where(node => node["running"]?.GetValue<bool>() != false).Select(node => node["name"]!.ToString())];
        JsonObject[] listeners = [.. (overview["listeners"] as JsonArray ?? []).OfType<JsonObject>()];
        string[] alarms = [.. nodes.SelectMany(node => Alarms(node, node["name"]!.ToString()))];
        var version = $"RabbitMQ {overview["rabbitmq_version"]} ({overview["product_name"]} {overview["product_version"]})";
        var text = new StringBuilder();
        Part("Basics", $"Cluster name: {overview["cluster_name"]}");
        Part("Disk Nodes", names);
        Part("Running Nodes", running);
        Part("Versions", [.. running.Select(node => $"{node}: {version}")]);
        Part("Maintenance status", [.. nodes.Select(node => $"Node: {node["name"]}, status: {Maintenance(node)}")]);
        Part("Alarms", [.. alarms.DefaultIfEmpty("(none)")]);
        Part("Network Partitions", "(none)");
        Part("Listeners", [.. listeners.Select(listener => ListenerLine(listener, withNode: true))]);
        return new TextAnswer(text.ToString().TrimEnd('\n'), new JsonObject
        {
            ["alarms"] = Strings(alarms),
            ["cluster_name"] = overview["cluster_name"]?.DeepClone(),
            ["disk_nodes"] = Strings(names),
            ["feature_flags"] = new JsonArray(),
            ["listeners"] = new JsonObject(listeners.GroupBy(listener => listener["node"]!.ToString())
                .Select(group => KeyValuePair.Create(group.Key, (JsonNode?)new JsonArray([.. group.Select(listener => (JsonNode?)listener.DeepClone())])))),
            ["maintenance_status"] = new JsonObject(nodes.Select(node => KeyValuePair.Create(node["name"]!.ToString(), (JsonNode?)Maintenance(node)))),
            ["partitions"] = new JsonObject(),
            ["ram_nodes"] = new JsonArray(),
            ["running_nodes"] = Strings(running),
            ["versions"] = new JsonObject(running.Select(node => KeyValuePair.Create(node, (JsonNode?)new JsonObject
            {
                ["rabbitmq_name"] = overview["product_name"]?.DeepClone(),
                ["rabbitmq_version"] = overview["rabbitmq_version"]?.DeepClone(),
            }))),
        });

        void Part(string title, params string[] lines) => text.Append(Head(title)).Append("\n\n").AppendJoin('\n', lines).Append("\n\n");
    }

    private static JsonArray Strings(IEnumerable<string> texts) => [.. texts.Select(text => (JsonNode?)text)];
}
