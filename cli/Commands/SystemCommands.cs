using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>What rabbitmq-diagnostics asks of a node's process and its machine.</summary>
internal static class SystemCommands
{
    private const string Observability = "Monitoring, observability and health checks";
    private const string Configuration = "Configuration and Environment";

    private const string Unresolved = "Hostname does not resolve (resolution failed with an nxdomain)";

    private static readonly CommandOption Offline = new("offline");

    private static readonly string[] TimeUnits = ["days", "weeks", "months", "years"];

    /// <summary>Of rabbitmqctl, too.</summary>
    public static IEnumerable<Command> OfCtl =>
    [
        new("list_node_auth_attempt_stats", Observability, "Lists authentication attempts on the target node", "[--by-source]")
        {
            Options = [new("by-source")],
            Banner = static async call => $"Listing authentication\n attempts for node \"{await call.Broker.NodeAsync()}\" ...",
            Run = static call => call.Has("by-source") ? throw Untracked() : AttemptsAsync(call),
        },
    ];

    public static IEnumerable<Command> All =>
    [
        new("reset_node_auth_attempt_metrics", Configuration, "Resets auth attempt metrics on the target node", "")
        {
            Banner = static async call => $"Reset auth attempt metrics on node {await call.Broker.NodeAsync()} ...",
            Run = static async call =>
            {
                await call.Broker.DeleteAsync($"auth/attempts/{Uri.EscapeDataString(await call.Broker.NodeAsync())}");
                return await ControlCommands.DoneAsync(call);
            },
        },
        new("enable_auth_attempt_source_tracking", Configuration, "Enables the tracking of peer IP address and username of authentication attempts", "")
        {
            Run = static _ => throw Untracked(),
        },
        new("disable_auth_attempt_source_tracking", Configuration, "Disables the tracking of peer IP address and username of authentication attempts", "")
        {
            Banner = static _ => UserCommands.Told("Disabling authentication attempt source tracking ..."),
            Run = ControlCommands.DoneAsync,
        },
        new("certificates", Configuration, "Displays certificates (public keys) for every listener on target node that is configured to use TLS", "")
        {
            Banner = static async call => $"Certificates of node {await call.Broker.NodeAsync()} ...",
            Run = static async call => Certificates(await call.Broker.ListAsync($"{await ControlCommands.PathAsync(call)}/certificates")),
        },
        new("check_certificate_expiration", Observability, "Checks the expiration date on the certificates for every listener configured to use TLS", "[--within <period>] [--unit <unit>]")
        {
            Options = [new("within", HasValue: true), new("unit", HasValue: true)],
            Check = static call => Period(call),
            Banner = static async call => $"Checking certificate expiration on node {await call.Broker.NodeAsync()} ...",
            Run = CheckCertificatesAsync,
        },
        new("tls_versions", Observability, "Lists TLS versions supported (but not necessarily allowed) on the target node", "")
        {
            Banner = static _ => UserCommands.Told("Listing all TLS versions supported by the runtime..."),
            Run = static _ => Task.FromResult<Answer>(new TextAnswer("tlsv1.3\ntlsv1.2", new JsonObject { ["versions"] = new JsonArray("tlsv1.3", "tlsv1.2") })),
        },
        new("command_line_arguments", Configuration, "Displays target node's command-line arguments and flags", "")
        {
            Banner = static async call => $"Command line arguments of node {await call.Broker.NodeAsync()} ...",
            Run = static async call => Answer.Of(string.Join('\n', (await SettingsAsync(call))
                .Where(static setting => setting.Origin == "command line").Select(static setting => $"--{setting.Name} {setting.Value}"))),
        },
        new("os_env", Configuration, "Lists the environment variables that the target node takes settings from", "")
        {
            Banner = static async call => $"Listing RabbitMQ-specific environment variables defined on node {await call.Broker.NodeAsync()}...",
            Run = EnvironmentAsync,
        },
        new("discover_peers", Observability, "Performs peer discovery and lists discovered nodes, if any", "")
        {
            Banner = static _ => UserCommands.Told("Discovering peers nodes ..."),
            Run = static async call =>
            {
                var own = await call.Broker.NodeAsync();
                string[] others = [.. (await call.Broker.ListAsync("nodes")).Select(static node => node["name"]!.ToString()).Where(node => node != own).Order(StringComparer.Ordinal)];
                return others.Length == 0
                    ? new TextAnswer("No peers discovered", new JsonObject { ["message"] = "No peers discovered" })
                    : new TextAnswer(string.Join('\n', others), new JsonArray([.. others.Select(static node => (JsonNode?)node)]));
            },
        },
        new("erlang_version", Observability, "Displays the version of the runtime on the target node, which is .NET", "[--details]")
        {
            Options = [new("details", 'd'), Offline],
            Banner = static async call => $"Asking node {await call.Broker.NodeAsync()} for the version of its runtime...",
            Run = static async call =>
            {
                var overview = await call.Broker.OverviewAsync();
                var version = (call.Has("details") ? overview["erlang_full_version"] : $".NET {overview["erlang_version"]}")!.ToString();
                return new TextAnswer(version, new JsonObject { ["result"] = "ok", ["value"] = version });
            },
        },
        new("list_network_interfaces", Observability, "Lists network interfaces (NICs) on the target node", "[--offline]")
        {
            Options = [Offline],
            Banner = static async call => call.Has(Offline.Name)
                ? "Will report the network interfaces of this machine ..."
                : $"Asking node {await call.Broker.NodeAsync()} to report its network interfaces ...",
            Run = InterfacesAsync,
        },
        new("resolve_hostname", Configuration, "Resolves a hostname to a set of addresses", "<hostname> [--address-family <ipv4 | ipv6>]")
        {
            LeastWords = 1, Options = [new("address-family", 'a', HasValue: true), Offline],
            Check = static call =>
            {
                if (call["address-family"] is { } family && family.ToLowerInvariant() is not ("ipv4" or "ipv6"))
                {
                    throw CommandException.BadArgument($"unsupported IP address family {family}. Valid values are: ipv4, ipv6");
                }
            },
            Banner = static async call => call.Has("offline")
                ? $"Resolving hostname {call.Words[0]} to {call["address-family"] ?? "IPv4"} addresses..."
                : $"Asking node {await call.Broker.NodeAsync()} to resolve hostname {call.Words[0]} to {call["address-family"] ?? "IPv4"} addresses...",
            Run = ResolveAsync,
        },
        new("resolver_info", Configuration, "Displays effective hostname resolver configuration on target node: that of its machine", "[--offline]")
        {
            Options = [Offline],
            Banner = static async call => $"Asking node {await NodeAsync(call)} for its effective hostname resolver (inetrc) configuration...",
            Run = static async call => new TextAnswer(
                $"{NodeCommands.Head("Runtime Hostname Resolver (inetrc) Settings")}\n\nLookup order: native\nHosts file: /etc/hosts\nResolver conf file: /etc/resolv.conf\nCache size: \n\n{NodeCommands.Head("inetrc File Host Entries")}\n\n(none)",
                new JsonObject
                {
                    ["node"] = await NodeAsync(call),
                    ["resolver"] = new JsonObject { ["hosts_file"] = "/etc/hosts", ["lookup"] = "native", ["resolv_conf"] = "/etc/resolv.conf" },
                    ["result"] = "ok",
                }),
        },
        new("runtime_thread_stats", Observability, "Provides a breakdown of what the threads of the target node do", "[--sample-interval <interval>]")
        {
            Options = [new("sample-interval", 'i', HasValue: true)],
            Check = static call => Interval(call),
            Banner = static async call => $"Will collect runtime thread stats on {await call.Broker.NodeAsync()} for {Interval(call)} seconds...",
            Run = ThreadsAsync,
        },
        new("memory_breakdown", Observability, "Provides a memory usage breakdown on the target node.", "[--unit <unit>]")
        {
            Options = [new("unit", HasValue: true)],
            Check = static call => NodeCommands.Unit(call),
            Banner = static async call => $"Reporting memory breakdown on node {await call.Broker.NodeAsync()}...",
            Run = BreakdownAsync,
        },
        new("maybe_stuck", Observability, "Detects work that potentially does not make progress on the target node", "")
        {
            Banner = static async call => $"Asking node {await call.Broker.NodeAsync()} whether its work makes progress...",
            Run = static async call =>
            {
                var threads = await ThreadStatsAsync(call, 5);
                var (waiting, done) = (threads["waiting"]!.GetValue<long>(), threads["done"]!.GetValue<long>());
                return Answer.Of(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{threads["pool_threads"]} threads of the pool have done {done} pieces of work in {threads["seconds"]!.GetValue<double>():0.0} s, and {waiting} wait.\n{(waiting > 0 && done == 0 ? "Suspicious: nothing of what waits was begun." : "Nothing suspicious: work that waits is begun.")}"));
            },
        },
    ];

    private static async Task<Answer> BreakdownAsync(CommandCall call)
    {
        var (unit, factor) = NodeCommands.Unit(call);
        var memory = (await call.Broker.GetAsync($"{await ControlCommands.PathAsync(call)}/memory"))["memory"]!.AsObject();
        var parts = Breakdown(memory);
        return new TextAnswer(
            string.Join('\n', parts.Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Name}: {Math.Round(part.Bytes / factor, 4)} {unit} ({part.Share}%)"))),
            new JsonObject(parts.Select(static part => KeyValuePair.Create(part.Name, (JsonNode?)new JsonObject { ["bytes"] = part.Bytes, ["percentage"] = part.Share }))));
    }

    /// <summary>The parts of a node's memory, the largest first, each with its share in hundredths.</summary>
    internal static IReadOnlyList<(string Name, long Bytes, double Share)> Breakdown(JsonObject memory)
    {
        var total = memory["total"]?["rss"]?.GetValue<double>() ?? 0;
        return
        [
            .. memory.Where(static part => part.Value?.GetValueKind() == JsonValueKind.Number).Select(static part => (part.Key, Bytes: part.Value!.GetValue<long>()))
                .Select(part => (part.Key, part.Bytes, Math.Round(part.Bytes / Math.Max(total, 1) * 100, 2))).OrderByDescending(static part => part.Bytes),
        ];
    }

    private static CommandException Untracked() => new(
        ExitCode.Unavailable, "Attempts to log in are counted by protocol, and not by where they come from: of those that are refused, the log has user and address (rabbitmq-diagnostics log_tail).");

    private static async Task<Answer> AttemptsAsync(CommandCall call)
    {
        var node = await call.Broker.NodeAsync();
        var attempts = await call.Broker.ListAsync($"auth/attempts/{Uri.EscapeDataString(node)}");
        string[] columns = ["protocol", "auth_attempts", "auth_attempts_failed", "auth_attempts_succeeded"];
        var json = new JsonObject { ["attempts"] = new JsonArray([.. attempts.Select(static one => (JsonNode?)one.DeepClone())]), ["node"] = node, ["result"] = "ok" };
        return attempts.Count == 0
            ? new TextAnswer($"Node {node} reported no authentication attempt stats", json)
            : call["formatter"] == "json" ? new TextAnswer(null, json)
            : new RowsAnswer(columns, [.. attempts.Select(one => (IReadOnlyList<JsonNode?>)[.. columns.Select(column => one[column])])]);
    }

    private static TextAnswer Certificates(IReadOnlyList<JsonObject> all) => new(
        all.Count == 0
            ? "No listener is configured to use TLS."
            : string.Join("\n\n", all.Select(static one =>
                $"Listener: {one["listener"]}\nSubject: {one["subject"]}\nIssuer: {one["issuer"]}\nSerial number: {one["serial"]}\n" +
                $"Valid from: {one["valid_from"]}\nValid until: {one["valid_until"]}\nSubject alternative names: {string.Join(", ", one["subject_alternative_names"]!.AsArray())}")),
        new JsonArray([.. all.Select(static one => (JsonNode?)one.DeepClone())]));

    /// <exception cref="CommandException">It is no period.</exception>
    private static (int Count, string Unit) Period(CommandCall call)
    {
        var unit = (call["unit"] ?? "weeks").ToLowerInvariant();
        return TimeUnits.Contains(unit)
            ? (call["within"] is { } text ? call.Number(text, "--within") : 4, unit)
            : throw CommandException.NotValid($"\"unit '{unit}' is not supported. Please use one of: days, weeks, months, years\"");
    }

    private static async Task<Answer> CheckCertificatesAsync(CommandCall call)
    {
        var (count, unit) = Period(call);
        if (await call.Broker.CheckAsync($"health/checks/certificate-expiration/{count}/{unit}") is null)
        {
            return new TextAnswer($"No certificates are expiring within {count} {unit}.", new JsonObject { ["result"] = "ok" });
        }

        var all = await call.Broker.ListAsync($"{await ControlCommands.PathAsync(call)}/certificates");
        throw new CommandException(ExitCode.Unavailable, $"Certificates are expiring within {count} {unit}.\n{Certificates(all).Text}");
    }

    private static async Task<IEnumerable<(string Name, string Value, string Origin)>> SettingsAsync(CommandCall call) =>
        (await call.Broker.ListAsync("config/effective")).Select(static setting => (setting["name"]!.ToString(), setting["value"]!.ToString(), setting["origin"]!.ToString()));

    private static async Task<Answer> EnvironmentAsync(CommandCall call)
    {
        const string From = "environment ";
        (string Variable, string Value)[] all =
        [
            .. (await SettingsAsync(call)).Where(static setting => setting.Origin.StartsWith(From, StringComparison.Ordinal))
                .Select(static setting => (setting.Origin[From.Length..], setting.Value)).OrderBy(static setting => setting.Item1, StringComparer.Ordinal),
        ];
        return new TextAnswer(
            string.Join('\n', all.Select(static variable => $"{variable.Variable}={variable.Value}")),
            new JsonObject
            {
                ["node"] = await call.Broker.NodeAsync(),
                ["result"] = "ok",
                ["variables"] = new JsonObject(all.Select(static variable => KeyValuePair.Create(variable.Variable, (JsonNode?)variable.Value))),
            });
    }

    private static async Task<Answer> InterfacesAsync(CommandCall call)
    {
        var all = call.Has(Offline.Name) ? OwnInterfaces() : await call.Broker.ListAsync($"{await ControlCommands.PathAsync(call)}/network-interfaces");
        var text = new StringBuilder();
        foreach (var one in all)
        {
            text.Append(CultureInfo.InvariantCulture, $"{NodeCommands.Head($"Interface {one["name"]}")}\n\n");
            if (one["hardware_address"]?.ToString() is { Length: > 0 } hardware)
            {
                text.Append(CultureInfo.InvariantCulture, $"hwaddr: {hardware}\n");
            }

            foreach (var address in one["addresses"]!.AsArray())
            {
                text.Append(CultureInfo.InvariantCulture, $"addr: {address}\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"state: {one["state"]}\n\n");
        }

        return new TextAnswer(text.ToString().TrimEnd('\n'), new JsonObject { ["interfaces"] = new JsonObject(all.Select(static one => KeyValuePair.Create(one["name"]!.ToString(), (JsonNode?)one.DeepClone()))) });
    }

    /// <summary>The node that is asked; the one of this machine, if none is.</summary>
    private static async Task<string> NodeAsync(CommandCall call) => call.Has(Offline.Name) ? NodeCommands.LocalName : await call.Broker.NodeAsync();

    // As the broker tells its own.
    private static IReadOnlyList<JsonObject> OwnInterfaces() =>
    [
        .. NetworkInterface.GetAllNetworkInterfaces().Select(static one => new JsonObject
        {
            ["name"] = one.Name,
            ["state"] = one.OperationalStatus.ToString().ToLowerInvariant(),
            ["hardware_address"] =
                string.Join(':', one.GetPhysicalAddress().GetAddressBytes().Select(static octet => octet.ToString("X", CultureInfo.InvariantCulture))),
            ["addresses"] = new JsonArray([.. one.GetIPProperties().UnicastAddresses.Select(static address =>
                (JsonNode?)$"{new IPAddress(address.Address.GetAddressBytes())}/{address.PrefixLength}")]),
        }),
    ];

    private static async Task<Answer> ResolveAsync(CommandCall call)
    {
        var isSix = call["address-family"]?.ToLowerInvariant() == "ipv6";
        string[] addresses;
        try
        {
            addresses = call.Has("offline")
                ? [.. (await Dns.GetHostAddressesAsync(call.Words[0], isSix ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork)).Select(static address => address.ToString())]
                : [.. (await call.Broker.GetAsync($"{await ControlCommands.PathAsync(call)}/addresses/{call.Path(0)}?family={(isSix ? "ipv6" : "ipv4")}"))["addresses"]!.AsArray().Select(static address => address!.ToString())];
        }
        catch (Exception exception) when (exception is SocketException or ArgumentException)
        {
            // Unknown, or no name at all.
            addresses = [];
        }

        return addresses.Length == 0
            ? throw new CommandException(ExitCode.Data, Unresolved) { Json = new JsonObject { ["message"] = Unresolved, ["node"] = await NodeAsync(call), ["result"] = "error" } }
            : new TextAnswer(string.Join('\n', addresses), new JsonObject
            {
                ["address_family"] = call["address-family"] ?? "IPv4",
                ["addresses"] = new JsonArray([.. addresses.Select(static address => (JsonNode?)address)]),
                ["hostname"] = call.Words[0],
                ["node"] = await NodeAsync(call),
                ["result"] = "ok",
            });
    }

    private static int Interval(CommandCall call) => call["sample-interval"] is not { } text ? 5
        : call.Number(text, "--sample-interval") is >= 1 and <= 60 and var seconds ? seconds
        : throw CommandException.NotValid("--sample-interval is a number of seconds, 1 to 60");

    private static async Task<JsonObject> ThreadStatsAsync(CommandCall call, int seconds) =>
        (await call.Broker.GetAsync($"{await ControlCommands.PathAsync(call)}/threads?seconds={seconds}")).AsObject();

    private static async Task<Answer> ThreadsAsync(CommandCall call)
    {
        var stats = await ThreadStatsAsync(call, Interval(call));
        JsonObject[] threads = [.. stats["threads"]!.AsArray().OfType<JsonObject>().OrderByDescending(static thread => thread["busy"]!.GetValue<double>())];
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"Watched for               : {stats["seconds"]!.GetValue<double>():0.000} s\nThreads of the pool       : {stats["pool_threads"]}\n");
        text.Append(CultureInfo.InvariantCulture, $"Pieces of work done       : {stats["done"]}\nPieces of work that wait  : {stats["waiting"]}\n\nStats per thread, of one processor:");
        foreach (var thread in threads)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{thread["name"],20}({thread["id"],7}) {thread["busy"]!.GetValue<double>(),7:0.00}%");
        }

        return new TextAnswer(text.ToString(), stats);
    }
}
