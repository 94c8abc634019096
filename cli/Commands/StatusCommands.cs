using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Granary.Cli.Broker;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>How a node and its cluster are: in RabbitMQ's parts, and for programs under its names.</summary>
internal static class StatusCommands
{
    private const string Group = "Monitoring, observability and health checks";

    private const string None = "(none)";

    public static IEnumerable<Command> All =>
    [
        new("ping", Group, "Checks that the node is up and that this tool can reach it", "")
        {
            Banner = static async call =>
                $"Will ping {call["node"] ?? await NodeCommands.NodeOrLocalAsync(call)}. This only checks that the node answers at its management port. Timeout: {call.Timeout.TotalMilliseconds:0} ms.",
            Run = static async call =>
            {
                await call.Broker.OverviewAsync();
                return Answer.Of("Ping succeeded");
            },
        },
        new("status", Group, "Displays status of a node", "[--unit <unit>]")
        {
            Options = [new("unit", HasValue: true)],
            Check = static call => NodeCommands.Unit(call),
            Banner = static async call => $"Status of node {await call.Broker.NodeAsync()} ...",
            Run = StatusAsync,
        },
        new("cluster_status", "Cluster", "Displays all the nodes in the cluster grouped by node type, together with the currently running nodes", "")
        {
            Banner = static async call => $"Cluster status of node {await call.Broker.NodeAsync()} ...",
            Run = ClusterStatusAsync,
        },
    ];

    private static async Task<Answer> StatusAsync(CommandCall call)
    {
        var overview = await call.Broker.OverviewAsync();
        var name = await call.Broker.NodeAsync();
        var path = $"nodes/{BrokerApi.Segment(name)}";
        var node = (await call.Broker.FindAsync(path))?.AsObject() ?? [];
        var memory = (await call.Broker.FindAsync($"{path}/memory"))?["memory"] as JsonObject ?? [];

        // Another broker than Granary does not tell how the limit was set.
        var watermark = await call.Broker.FindAsync($"{path}/memory-watermark") as JsonObject ?? new JsonObject { ["absolute"] = node["mem_limit"]?.DeepClone() };
        var totals = overview["object_totals"] as JsonObject ?? [];
        var vhosts = await call.Broker.ListAsync("vhosts");
        var listeners = await NodeCommands.ListenersAsync(call);
        var json = new JsonObject
        {
            ["active_plugins"] = List("enabled_plugins"),
            ["alarms"] = new JsonArray([.. AlarmsOf(node, name)]),
            ["config_files"] = List("config_files"),
            ["crypto_lib_version"] = "",
            ["data_directory"] = node["db_dir"]?.DeepClone() ?? "",
            ["disk_free"] = node["disk_free"]?.DeepClone(),
            ["disk_free_limit"] = node["disk_free_limit"]?.DeepClone(),
            ["enabled_plugin_file"] = "",
            ["erlang_version"] = overview["erlang_full_version"]?.DeepClone() ?? "",
            ["file_descriptors"] = new JsonObject
            {
                ["sockets_limit"] = node["sockets_total"]?.DeepClone(),
                ["sockets_used"] = node["sockets_used"]?.DeepClone(),
                ["total_limit"] = node["fd_total"]?.DeepClone(),
                ["total_used"] = node["fd_used"]?.DeepClone(),
            },
            ["is_under_maintenance"] = node["being_drained"]?.DeepClone() ?? false,
            ["listeners"] = new JsonArray([.. listeners.Select(static listener => (JsonNode?)NodeCommands.ListenerJson(listener))]),
            ["log_files"] = List("log_files"),
            ["memory"] = memory.DeepClone(),
            ["net_ticktime"] = node["net_ticktime"]?.DeepClone(),
            ["os"] = "Linux",
            ["pid"] = node["os_pid"]?.ToString() is { } pid && long.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out var process) ? process : null,
            ["processes"] = new JsonObject { ["limit"] = node["proc_total"]?.DeepClone(), ["used"] = node["proc_used"]?.DeepClone() },
            ["product_name"] = overview["product_name"]?.DeepClone(),
            ["product_version"] = overview["product_version"]?.DeepClone(),
            ["rabbitmq_version"] = overview["rabbitmq_version"]?.DeepClone(),
            ["raft_data_directory"] = "",
            ["release_series_support_status"] = "supported",
            ["run_queue"] = node["run_queue"]?.DeepClone(),
            ["totals"] = new JsonObject
            {
                ["connection_count"] = totals["connections"]?.DeepClone() ?? 0,
                ["queue_count"] = totals["queues"]?.DeepClone() ?? 0,
                ["virtual_host_count"] = vhosts.Count,
            },
            ["uptime"] = (node["uptime"]?.GetValue<long>() ?? 0) / 1000,
            ["vm_memory_calculation_strategy"] = node["mem_calculation_strategy"]?.DeepClone(),
            ["vm_memory_high_watermark_limit"] = node["mem_limit"]?.DeepClone(),
            ["vm_memory_high_watermark_setting"] = watermark.DeepClone(),
        };
        return new TextAnswer(StatusText(call, json, NodeCommands.Alarms(node, name), name, [.. listeners.Select(static listener => NodeCommands.ListenerLine(listener))]), json);

        JsonArray List(string field) => node[field]?.DeepClone() as JsonArray ?? [];
    }

    private static string StatusText(CommandCall call, JsonObject json, IEnumerable<string> alarms, string node, string[] listeners)
    {
        var (unit, factor) = NodeCommands.Unit(call);
        var (files, totals, watermark) = (json["file_descriptors"]!, json["totals"]!, json["vm_memory_high_watermark_setting"]!);
        var setting = watermark["relative"] is { } share ? $"{share.ToJsonString()} of available memory" : Size(watermark["absolute"]);
        var text = new Parts();
        text.Add(
            "Runtime", $"OS PID: {json["pid"]}", $"OS: {json["os"]}", $"Uptime (seconds): {json["uptime"]}", $"Is under maintenance?: {NodeCommands.Flag(json["is_under_maintenance"])}",
            $"Product name: {json["product_name"]}", $"Product version: {json["product_version"]}", $"RabbitMQ version: {json["rabbitmq_version"]}", $"Node name: {node}",
            $"Runtime version: {json["erlang_version"]}", $"Threads: {json["processes"]!["used"]} used, {json["processes"]!["limit"]} limit", $"Scheduler run queue: {json["run_queue"]}");
        text.Add("Plugins", ["Enabled plugins:", "", .. Items("active_plugins")]);
        text.Add("Data directory", $"Node data directory: {json["data_directory"]}");
        text.Add("Config files", [.. Items("config_files")]);
        text.Add("Log file(s)", [.. Items("log_files")]);
        text.Add("Alarms", [.. alarms.DefaultIfEmpty(None)]);
        text.Add(
            "Memory",
            [
                $"Total memory used: {Size(json["memory"]!["total"]?["rss"])}", $"Calculation strategy: {json["vm_memory_calculation_strategy"]}",
                $"Memory high watermark setting: {setting}, computed to: {Size(json["vm_memory_high_watermark_limit"])}",
                "", .. SystemCommands.Breakdown(json["memory"]!.AsObject()).Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Name}: {Size(part.Bytes)} ({part.Share} %)")),
            ]);
        text.Add("File Descriptors", $"Total: {files["total_used"]}, limit: {files["total_limit"]}", $"Sockets: {files["sockets_used"]}, limit: {files["sockets_limit"]}");
        text.Add("Free Disk Space", $"Low free disk space watermark: {Size(json["disk_free_limit"])}", $"Free disk space: {Size(json["disk_free"])}");
        text.Add("Totals", $"Connection count: {totals["connection_count"]}", $"Queue count: {totals["queue_count"]}", $"Virtual host count: {totals["virtual_host_count"]}");
        text.Add("Listeners", [.. listeners.DefaultIfEmpty(None)]);
        return text.ToString();

        IEnumerable<string> Items(string field) => json[field]!.AsArray().Select(static item => $" * {item}");

        string Size(JsonNode? bytes) => string.Create(CultureInfo.InvariantCulture, $"{Math.Round(double.Parse(bytes?.ToJsonString() ?? "0", CultureInfo.InvariantCulture) / factor, 4)} {unit}");
    }

    private static async Task<Answer> ClusterStatusAsync(CommandCall call)
    {
        var overview = await call.Broker.OverviewAsync();
        var nodes = await call.Broker.ListAsync("nodes");
        var flags = await call.Broker.ListAsync("feature-flags");
        string[] names = [.. nodes.Select(static node => Name(node))];
        string[] running = [.. nodes.Where(static node => node["running"]?.GetValue<bool>() != false).Select(static node => Name(node))];
        JsonObject[] listeners = [.. (overview["listeners"] as JsonArray ?? []).OfType<JsonObject>()];
        var text = new Parts();
        text.Add("Basics", $"Cluster name: {overview["cluster_name"]}");
        text.Add("Disk Nodes", [.. names.Order(StringComparer.Ordinal)]);
        text.Add("Running Nodes", [.. running.Order(StringComparer.Ordinal)]);
        text.Add("Versions", [.. running.Select(node => $"{node}: {overview["product_name"]} {overview["product_version"]} on .NET {overview["erlang_version"]}")]);
        text.Add("Maintenance status", [.. nodes.Select(static node => $"Node: {Name(node)}, status: {Maintenance(node)}")]);
        text.Add("Alarms", [.. nodes.SelectMany(static node => NodeCommands.Alarms(node, Name(node))).DefaultIfEmpty(None)]);
        text.Add("Network Partitions", None);
        text.Add("Listeners", [.. listeners.Select(static listener => NodeCommands.ListenerLine(listener, withNode: true)).DefaultIfEmpty(None)]);
        text.Add("Feature flags", [.. flags.Select(static flag => $"Flag: {flag["name"]}, state: {flag["state"]}").DefaultIfEmpty(None)]);
        return new TextAnswer(text.ToString(), new JsonObject
        {
            ["alarms"] = new JsonArray([.. nodes.SelectMany(static node => AlarmsOf(node, Name(node)))]),
            ["cluster_name"] = overview["cluster_name"]?.DeepClone(),
            ["disk_nodes"] = Strings(names),
            ["feature_flags"] = new JsonArray([.. flags.Select(static flag => flag.DeepClone())]),
            ["listeners"] = new JsonObject(listeners.GroupBy(static listener => listener["node"]!.ToString())
                .Select(static group => KeyValuePair.Create(group.Key, (JsonNode?)new JsonArray([.. group.Select(static listener => (JsonNode?)NodeCommands.ListenerJson(listener))])))),
            ["maintenance_status"] = new JsonObject(nodes.Select(static node => KeyValuePair.Create(Name(node), (JsonNode?)Maintenance(node)))),
            ["partitions"] = new JsonObject(),
            ["ram_nodes"] = new JsonArray(),
            ["running_nodes"] = Strings(running),
            ["versions"] = new JsonObject(running.Select(node => KeyValuePair.Create(node, (JsonNode?)new JsonObject
            {
                ["erlang_version"] = overview["erlang_version"]?.DeepClone(),
                ["rabbitmq_name"] = overview["product_name"]?.DeepClone(),
                ["rabbitmq_version"] = overview["product_version"]?.DeepClone(),
            }))),
        });
    }

    private static string Name(JsonObject node) => node["name"]!.ToString();

    private static string Maintenance(JsonObject node) => NodeCommands.Flag(node["being_drained"]) == "true" ? "marked for maintenance" : "not under maintenance";

    private static IEnumerable<JsonNode?> AlarmsOf(JsonObject node, string name) =>
        from alarm in new[] { ("mem_alarm", "memory"), ("disk_free_alarm", "disk") }
        where NodeCommands.Flag(node[alarm.Item1]) == "true"
        select new JsonObject { ["node"] = name, ["resource"] = alarm.Item2, ["type"] = "resource_limit" };

    private static JsonArray Strings(IEnumerable<string> texts) => [.. texts.Select(static text => (JsonNode?)text)];

    /// <summary>A report: each part has a title, and an empty line before it.</summary>
    private sealed class Parts
    {
        private readonly StringBuilder _text = new();

        public void Add(string title, params string[] lines) =>
            _text.Append(_text.Length > 0 ? "\n\n" : "").Append(NodeCommands.Head(title)).Append("\n\n").AppendJoin('\n', lines);

        public override string ToString() => _text.ToString();
    }
}
