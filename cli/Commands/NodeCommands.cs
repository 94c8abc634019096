using System.Globalization;
using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

internal static class NodeCommands
{
    private const string Nodes = "Nodes";
    private const string Cluster = "Cluster";

    private static readonly string[] FlagColumns = ["name", "state", "stability", "provided_by", "desc", "doc_url"];

    private static readonly string[] DeprecatedColumns = ["name", "deprecation_phase", "state", "provided_by", "desc", "doc_url"];

    private static readonly CommandOption[] OptIn = [new("opt-in", 'o'), new("experimental", 'e')];

    public static IEnumerable<Command> All =>
    [
        new("await_startup", Nodes, "Waits for the RabbitMQ application to start on the target node", "")
        {
            Timeout = 300,
            Run = AwaitAsync,
        },
        new("await_online_nodes", Cluster, "Waits for <count> nodes to join the cluster", "<count>")
        {
            LeastWords = 1, Timeout = 300, Check = static call => PositiveNumber(call.Words[0]),
            Banner = async call =>
                $"Will wait for at least {call.Words[0]} nodes to join the cluster of {await NodeOrLocalAsync(call)}. Timeout: {call.Timeout.TotalSeconds:0} seconds.",
            Run = AwaitAsync,
        },
        new("node_health_check", "Deprecated", "DEPRECATED. Asks the node for its health", "")
        {
            Timeout = 70,
            Banner = static async call =>
                "This command is DEPRECATED and will be removed in a future version.\nIt performs intrusive, opinionated health checks and requires a fully booted node.\n" +
                "Use one of the options covered in https://www.rabbitmq.com/monitoring.html#health-checks instead.\n" +
                $"Timeout: {call.Timeout.TotalSeconds:0} seconds ...\nChecking health of node {await call.Broker.NodeAsync()} ...",
            Run = static async call => await call.Broker.CheckAsync("health/checks/local-alarms") is { } reason
                ? throw new CommandException(ExitCode.Software, $"Error: health check failed. Message: {reason}")
                : Answer.Of("Health check passed"),
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
        Refused(
            "stop",
            Nodes,
            "Stops RabbitMQ and its runtime (Erlang VM).",
            "[<pidfile>]", 1,
            "A node is ended by SIGTERM to its process, which systemd and Kubernetes send."),
        Refused(
            "shutdown",
            Nodes,
            "Stops RabbitMQ and its runtime (Erlang VM).",
            "[--wait]", 0,
            "A node is ended by SIGTERM to its process, which systemd and Kubernetes send."),
        Refused("rotate_logs", Nodes, "Does nothing [deprecated]", "", 0, "This command does not rotate logs anymore [deprecated]"),
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

    private static Command Refused(string name, string group, string summary, string usage, int words, string reason) => new(name, group, summary, usage)
    {
        MostWords = words,
        Options = [new("wait"), new("no-wait"), new("idempotent")],
        Run = _ => throw new CommandException(ExitCode.Unavailable, reason),
    };

    /// <exception cref="CommandException">It is none above zero.</exception>
    internal static int PositiveNumber(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
        ? number
        : throw CommandException.BadArgument("Argument must be a positive integer");

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

    internal static async Task<string> NodeOrLocalAsync(CommandCall call)
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
        var wanted = call.Words.Count > 0 ? PositiveNumber(call.Words[0]) : 1;
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

    /// <exception cref="CommandException">No such unit.</exception>
    internal static (string Name, double Bytes) Unit(CommandCall call) => (call["unit"] ?? "gb").ToLowerInvariant() switch
    {
        "bytes" => ("bytes", 1),
        "kb" => ("kb", 1e3),
        "mb" => ("mb", 1e6),
        "gb" => ("gb", 1e9),
        var other => throw CommandException.NotValid($"\"unit '{other}' is not supported. Please use one of: bytes, mb, gb\""),
    };

    internal static string Flag(JsonNode? value) => value?.ToString().ToLowerInvariant() ?? "false";

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
}
