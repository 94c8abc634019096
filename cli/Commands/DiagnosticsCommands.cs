using System.Net.Sockets;
using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>What rabbitmq-diagnostics has beside the lists: questions whose answer is an exit code.</summary>
internal static class DiagnosticsCommands
{
    private const string Group = "Monitoring, observability and health checks";

    public static IEnumerable<Command> All =>
    [
        new("server_version", Group, "Displays server version on the target node", "")
        {
            Banner = async call => $"Asking node {await call.Broker.NodeAsync()} for its RabbitMQ version...",
            Run = async call =>
            {
                var version = (await call.Broker.OverviewAsync())["rabbitmq_version"]?.ToString() ?? "";
                return new TextAnswer(version, new JsonObject { ["result"] = "ok", ["value"] = version });
            },
        },
        new("check_running", Group, "Health check that exits with a non-zero code if the RabbitMQ app on the target node is not running", "")
        {
            Banner = async call => $"Checking if RabbitMQ is running on node {await call.Broker.NodeAsync()} ...",
            Run = async call => await RunningAsync(call) is var (isRunning, told) && isRunning ? Answer.Of(told) : throw new CommandException(ExitCode.Unavailable, told),
        },
        new("is_running", Group, "Checks if RabbitMQ is fully booted and running on the target node", "")
        {
            Banner = async call => $"Asking node {await call.Broker.NodeAsync()} for its status ...",
            Run = async call => await RunningAsync(call) is var (isRunning, told) ? new TextAnswer(told, new JsonObject { ["message"] = told, ["result"] = isRunning }) : Answer.None,
        },
        new("is_booting", Group, "Checks if RabbitMQ is still booting on the target node", "")
        {
            Banner = async call => $"Asking node {await call.Broker.NodeAsync()} for its boot status ...",
            Run = async call =>
            {
                var told = $"RabbitMQ on node {await call.Broker.NodeAsync()} is fully booted (check with is_running), stopped or has not started booting yet";
                return new TextAnswer(told, new JsonObject { ["message"] = told, ["result"] = false });
            },
        },
        Alarms(
            "alarms",
            "Lists resource alarms (local or cluster-wide) in effect on the target node",
            "report any known resource alarms",
            "no alarms, local or clusterwide",
            "alarms",
            isCheck: false),
        Alarms(
            "check_alarms",
            "Health check that exits with a non-zero code if the target node reports any alarms, local or cluster-wide.",
            "report any local resource alarms",
            "no alarms, local or clusterwide",
            "alarms",
            isCheck: true),
        Alarms(
            "check_local_alarms",
            "Health check that exits with a non-zero code if the target node reports any local alarms",
            "report any local resource alarms",
            "no local alarms",
            "local-alarms",
            isCheck: true),
        new("check_port_connectivity", Group, "Basic TCP connectivity health check for each listener's port on the target node", "[--address <host>]")
        {
            Options = [new("address", 'a', HasValue: true)],
            Banner = async call =>
                $"Testing TCP connections to all active listeners on node {await call.Broker.NodeAsync()} ...",
            Run = ConnectAsync,
        },
        new(
            "check_port_listener", Group,
            "Health check that exits with a non-zero code if target node does not have an active listener for given port",
            "<port>")
        {
            LeastWords = 1,
            Check = static call => NodeCommands.PositiveNumber(call.Words[0]),
            Banner = async call =>
                $"Asking node {await call.Broker.NodeAsync()} if there's an active listener on port {call.Words[0]} ...",
            Run = async call =>
            {
                var node = await call.Broker.NodeAsync();
                var listeners = await NodeCommands.ListenersAsync(call);
                return listeners.Any(listener => listener["port"]?.ToString() == call.Words[0])
                    ? new TextAnswer($"A listener for port {call.Words[0]} is running on node {node}.", new JsonObject { ["node"] = node, ["port"] = call.Words[0], ["result"] = "ok" })
                    : throw CommandException.Found(
                        $"No listener for port {call.Words[0]} is active on node {node}. Found listeners that use the following ports: " +
                        string.Join(", ", listeners.Select(listener => listener["port"]!.GetValue<int>()).Order()),
                        Missing(call.Words[0], listeners, "ports", "port"));
            },
        },
        new(
            "check_protocol_listener", Group,
            "Health check that exits with a non-zero code if target node does not have an active listener for given protocol",
            "<protocol>")
        {
            LeastWords = 1,
            Banner = async call =>
                $"Asking node {await call.Broker.NodeAsync()} if there's an active listener for protocol {call.Words[0]} ...",
            Run = async call =>
            {
                var node = await call.Broker.NodeAsync();
                var wanted = call.Words[0].ToLowerInvariant() switch
                {
                    "amqp091" or "amqp0.9.1" or "amqp0-9-1" or "amqp0_9_1" or "amqp10" or "amqp1.0" or "amqp1-0" or "amqp1_0" => "amqp",
                    "amqps" => "amqp/ssl",
                    "http1" or "http1.1" or "http_api" or "management" or "management_ui" or "ui" => "http",
                    "cli" or "distribution" => "clustering",
                    var other => other,
                };
                var listeners = await NodeCommands.ListenersAsync(call);
                string[] protocols = [.. listeners.Select(listener => listener["protocol"]!.ToString()).Order(StringComparer.Ordinal)];
                return protocols.Contains(wanted)
                    ? new TextAnswer($"A listener for protocol {wanted} is running on node {node}.", new JsonObject { ["node"] = node, ["protocol"] = wanted, ["result"] = "ok" })
                    : throw new CommandException(
                        ExitCode.Unavailable,
                        $"No listener for protocol {wanted} is active on node {node}. Found listeners for the following protocols: {string.Join(", ", protocols)}")
                    { Json = Missing(wanted, listeners, "protocols", "protocol") };
            },
        },
        new("check_virtual_hosts", Group, "Health check that checks if all vhosts are running in the target node", "")
        {
            Banner = async call => $"Checking if all vhosts are running on node {await call.Broker.NodeAsync()} ...",
            Run = async call => await call.Broker.CheckAsync("health/checks/virtual-hosts") is { } reason
                ? throw new CommandException(ExitCode.Unavailable, reason) { Json = new JsonObject { ["down_vhosts"] = new JsonArray(reason), ["result"] = "error" } }
                : new TextAnswer($"Node {await call.Broker.NodeAsync()} reported all vhosts as running", new JsonObject { ["result"] = "ok" }) { IsCheck = true },
        },
        new("check_for_quorum_queues_without_an_elected_leader", Group, "Checks that quorum queues have elected and available leader replicas", "[--vhost <vhost>] [--across-all-vhosts] <pattern>")
        {
            LeastWords = 1, Options = [CommandOption.Vhost, new("across-all-vhosts")],
            Banner = static call => UserCommands.Told(call.Has("across-all-vhosts")
                ? $"Checking leader replicas of quorum queues matching '{call.Words[0]}' in all vhosts ..."
                : $"Checking leader replicas of quorum queues matching '{call.Words[0]}' in vhost {call.Vhost} ..."),
            Run = static async call =>
                await call.Broker.CheckAsync($"health/checks/quorum-queues-without-elected-leaders/{(call.Has("across-all-vhosts") ? "all-vhosts" : $"vhost/{call.VhostPath}")}") is { } reason
                    ? throw new CommandException(ExitCode.Unavailable, reason)
                    : Answer.Of($"Node {await call.Broker.NodeAsync()} reported all quorum queue as having responsive leader replicas"),
        },
        Store("check_if_metadata_store_is_initialized", "Health check that exits with a non-zero code if the metadata store on target node has not yet finished initializing", "initialized"),
        Store("check_if_metadata_store_is_initialized_with_data", "Health check that exits with a non-zero code if the metadata store on target node has not yet finished initializing with data", "initialized/with-data"),
        new("listeners", Group, "Lists active connection listeners (bound interface, port, protocol) on the target node", "")
        {
            Banner = async call => $"Asking node {await call.Broker.NodeAsync()} to report its protocol listeners ...",
            Run = async call =>
            {
                var listeners = await NodeCommands.ListenersAsync(call);
                return new TextAnswer(string.Join('\n', listeners.Select(listener => NodeCommands.ListenerLine(listener))), await ListenersAsync(call, listeners));
            },
        },
    ];

    private static Command Store(string name, string summary, string check) => new(name, Group, summary, "")
    {
        Run = async call => await call.Broker.CheckAsync($"health/checks/metadata-store/{check}") is { } reason
            ? throw new CommandException(ExitCode.Unavailable, reason)
            : Answer.Of($"Metadata store on node {await call.Broker.NodeAsync()} has completed its initialization"),
    };

    private static Command Alarms(string name, string summary, string asked, string none, string check, bool isCheck) => new(name, Group, summary, "")
    {
        Banner = async call => $"Asking node {await call.Broker.NodeAsync()} to {asked} ...",
        Run = async call =>
        {
            var reason = await call.Broker.CheckAsync($"health/checks/{check}");
            var node = await call.Broker.NodeAsync();
            if (reason is null)
            {
                return new TextAnswer($"Node {node} reported {none}", isCheck ? new JsonObject { ["result"] = "ok" } : new JsonObject { ["alarms"] = new JsonArray(), ["node"] = node, ["result"] = "ok" })
                {
                    IsCheck = isCheck,
                };
            }

            var (own, others) = await AlarmsAsync(call, node);
            var isLocal = check == "local-alarms";
            var text = string.Join('\n', isLocal ? own : own.Concat(others));

            // To programs RabbitMQ tells alarms under other names than that there are none.
            var json = new JsonObject
            {
                ["local"] = Lines(own),
                ["message"] = $"Node {node} reported {(isLocal ? "local " : "")}alarms",
                ["result"] = isCheck ? "error" : "ok",
            };
            if (!isLocal)
            {
                json["global"] = Lines(others);
            }

            return !isCheck ? new TextAnswer(text, json) : isLocal
                ? throw new CommandException(ExitCode.Unavailable, text) { IsCheck = true, Json = json }
                : throw CommandException.Found(text, json);
        },
    };

    private static JsonArray Lines(IEnumerable<string> lines) => [.. lines.Select(static line => (JsonNode?)line)];

    private static async Task<(string[] Own, string[] Others)> AlarmsAsync(CommandCall call, string own)
    {
        var nodes = await call.Broker.ListAsync("nodes");
        return (Of(isOwn: true), Of(isOwn: false));

        string[] Of(bool isOwn) =>
        [
            .. nodes.Select(static node => (Node: node, Name: node["name"]!.ToString())).Where(one => one.Name == own == isOwn)
                .SelectMany(static one => NodeCommands.Alarms(one.Node, one.Name)),
        ];
    }

    /// <summary>What a check for a listener has found instead.</summary>
    private static JsonObject Missing(string missing, IReadOnlyList<JsonObject> listeners, string found, string field) => new()
    {
        ["listeners"] = new JsonArray([.. listeners.Select(static listener => (JsonNode?)NodeCommands.ListenerJson(listener))]),
        ["missing"] = missing,
        [found] = new JsonArray([.. listeners.Select(listener => listener[field]?.DeepClone())]),
        ["result"] = "error",
    };

    private static async Task<JsonObject> ListenersAsync(CommandCall call, IEnumerable<JsonObject> listeners) => new()
    {
        ["listeners"] = new JsonArray([.. listeners.Select(static listener => (JsonNode?)NodeCommands.ListenerJson(listener))]),
        ["node"] = await call.Broker.NodeAsync(),
        ["result"] = "ok",
    };

    private static async Task<(bool IsRunning, string Told)> RunningAsync(CommandCall call)
    {
        var (isRunning, node) = (await NodeCommands.IsRunningAsync(call.Broker), await call.Broker.NodeAsync());
        return (isRunning, $"RabbitMQ on node {node} is {(isRunning ? "fully booted and running" : "not running or has not fully booted yet (check with is_booting)")}");
    }

    private static async Task<Answer> ConnectAsync(CommandCall call)
    {
        var node = await call.Broker.NodeAsync();
        List<int> reached = [];
        List<JsonObject> failed = [];
        var listeners = await NodeCommands.ListenersAsync(call);
        foreach (var listener in listeners)
        {
            var port = listener["port"]!.GetValue<int>();
            var address = listener["ip_address"]?.ToString() ?? "127.0.0.1";
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync(call["address"] ?? (address is "0.0.0.0" or "::" or "[::]" ? "127.0.0.1" : address), port);
                reached.Add(port);
            }
            catch (SocketException)
            {
                // Told with the others.
                failed.Add(listener);
            }
        }

        if (failed.Count > 0)
        {
            throw new CommandException(
                ExitCode.Unavailable,
                $"Connection to ports of the following listeners on node {node} failed: \n{string.Join('\n', failed.Select(static listener => NodeCommands.ListenerLine(listener)))}")
            {
                Json = new JsonObject
                {
                    ["failures"] = new JsonArray([.. failed.Select(static listener => (JsonNode?)NodeCommands.ListenerJson(listener))]),
                    ["node"] = node,
                    ["result"] = "error",
                },
            };
        }

        return new TextAnswer($"Successfully connected to ports {string.Join(", ", reached.Order())} on node {node}.", await ListenersAsync(call, listeners));
    }
}
