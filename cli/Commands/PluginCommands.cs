using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>rabbitmq-plugins: what Granary has built in counts as enabled, and cannot be taken out.</summary>
internal static class PluginCommands
{
    private const string Group = "Plugin Management";

    private static readonly string[] BuiltIn = ["rabbitmq_management", "rabbitmq_management_agent", "rabbitmq_prometheus", "rabbitmq_web_dispatch"];

    private static readonly CommandOption Enabled = new("enabled", 'E');
    private static readonly CommandOption WithDependencies = new("implicitly-enabled", 'e');
    private static readonly CommandOption Minimal = new("minimal", 'm');
    private static readonly CommandOption Verbose = new("verbose", 'v');
    private static readonly CommandOption Offline = new("offline");
    private static readonly CommandOption Online = new("online");
    private static readonly CommandOption All_ = new("all");

    public static IEnumerable<Command> All =>
    [
        new("list", Group, "Lists plugins and their state", "[pattern] [--verbose] [--minimal] [--enabled] [--implicitly-enabled]")
        {
            MostWords = 1, Options = [Enabled, WithDependencies, Minimal, Verbose],
            Banner = call => UserCommands.Told($"Listing plugins with pattern \"{(call.Words.Count > 0 ? call.Words[0] : ".*")}\" ..."),
            Run = ListAsync,
        },
        new("enable", Group, "Enables one or more plugins", "<plugin1> [<plugin2>] | --all [--offline] [--online]")
        {
            MostWords = int.MaxValue, Options = [Offline, Online, All_], Check = RequireNamesOrAll,
            Banner = async call => $"Enabling plugins on node {await NodeAsync(call)}:\n{string.Join('\n', call.Words)}",
            Run = static call => call.Words.Where(plugin => !BuiltIn.Contains(plugin)).ToArray() is { Length: > 0 } unknown
                ? throw NotFound(unknown)
                : UnchangedAsync(call, "enabled"),
        },
        new("disable", Group, "Disables one or more plugins", "<plugin1> [<plugin2>] | --all [--offline] [--online]")
        {
            MostWords = int.MaxValue, Options = [Offline, Online, All_], Check = RequireNamesOrAll,
            Banner = async call => $"Disabling plugins on node {await NodeAsync(call)}:\n{string.Join('\n', call.Words)}",
            Run = static call => call.Words.FirstOrDefault(plugin => BuiltIn.Contains(plugin)) is { } plugin
                ? throw new CommandException(ExitCode.Software, $"{plugin} is a part of Granary and cannot be taken out")
                : UnchangedAsync(call, "disabled"),
        },
        new("set", Group, "Enables one or more plugins, disables the rest", "<plugin1> [<plugin2>] [--offline] [--online]")
        {
            MostWords = int.MaxValue, Options = [Offline, Online],
            Banner = async call => $"Enabling plugins on node {await NodeAsync(call)}:\n{string.Join('\n', call.Words)}",
            Run = static call => call.Words.Where(plugin => !BuiltIn.Contains(plugin)).ToArray() is { Length: > 0 } unknown
                ? throw new CommandException(ExitCode.Data, $"The following plugins were not found: {string.Join(", ", unknown.Distinct())}")
                : BuiltIn.FirstOrDefault(plugin => !call.Words.Contains(plugin) && IsExplicit(plugin)) is { } missing
                ? throw new CommandException(ExitCode.Software, $"{missing} is a part of Granary and cannot be taken out")
                : UnchangedAsync(call, null),
        },
        new("directories", Group, "Displays plugin directory and enabled plugin file paths", "[--offline] [--online]")
        {
            Options = [Offline, Online],
            Run = static _ => throw new CommandException(ExitCode.Unavailable, "There are no directories of plugins: what Granary has is built in (rabbitmq-plugins list)."),
        },
        new(
            "is_enabled", Group,
            "Health check that exits with a non-zero code if provided plugins are not enabled on target node",
            "<plugin1> [<plugin2>] [--offline] [--online]")
        {
            LeastWords = 1, MostWords = int.MaxValue, Options = [Offline, Online],
            Banner = async call =>
                $"Asking node {await NodeAsync(call)} if p{Are(call.Words)[1..]} enabled...",
            Run = async call =>
            {
                var node = await NodeAsync(call);
                string[] missing = [.. call.Words.Where(static plugin => !BuiltIn.Contains(plugin))];
                if (missing.Length == 0)
                {
                    var told = $"{Are(call.Words)} enabled on node {node}";
                    return new TextAnswer(told, new JsonObject { ["message"] = told, ["result"] = "ok" }) { IsCheck = true };
                }

                var text = $"{Are(missing)} not enabled on node {node}. Enabled plugins and dependencies: {string.Join(", ", BuiltIn)}";
                throw new CommandException(ExitCode.Unavailable, text) { Json = new JsonObject { ["message"] = text, ["result"] = "error" } };
            },
        },
    ];

    private static string Are(IReadOnlyList<string> plugins) => $"Plugin{(plugins.Count == 1 ? "" : "s")} {string.Join(", ", plugins)} {(plugins.Count == 1 ? "is" : "are")}";

    // The others come with them.
    private static bool IsExplicit(string plugin) => plugin is "rabbitmq_management" or "rabbitmq_prometheus";

    private static void RequireNamesOrAll(CommandCall call)
    {
        if (call.Has("all") == call.Words.Count > 0)
        {
            throw call.Has("all") ? CommandException.BadArgument("Cannot set both --all and a list of plugins") : CommandException.NotValid("not enough arguments.");
        }
    }

    /// <param name="changed">What plugins that were changed stand under, for programs; there are none.</param>
    private static async Task<Answer> UnchangedAsync(CommandCall call, string? changed)
    {
        var node = await NodeAsync(call);
        var done = new JsonObject { ["mode"] = call.Has("offline") ? "offline" : "online", ["set"] = Names(), ["started"] = new JsonArray(), ["stopped"] = new JsonArray() };
        if (changed is not null)
        {
            done[changed] = new JsonArray();
        }

        // Which are to be enabled, and what came of it: rabbitmq-plugins tells them one after the other.
        var text = string.Join('\n', ["The following plugins have been configured:", .. BuiltIn.Select(static plugin => $"  {plugin}"), $"Applying plugin configuration to {node}...", "Plugin configuration unchanged."]);
        return new TextAnswer(text, new JsonArray(Names(), done));

        static JsonArray Names() => [.. BuiltIn.Select(static plugin => (JsonNode?)plugin)];
    }

    private static CommandException NotFound(string[] plugins) =>
        new(ExitCode.Software, $"{{:plugins_not_found, [{string.Join(", ", plugins.Distinct().Select(plugin => $":{plugin}"))}]}}");

    private static async Task<string> NodeAsync(CommandCall call) =>
        call.Has("offline") ? "rabbit@localhost" : await call.Broker.NodeAsync();

    private static async Task<Answer> ListAsync(CommandCall call)
    {
        Regex pattern;
        try
        {
            pattern = new Regex(call.Words.Count > 0 ? call.Words[0] : "", RegexOptions.NonBacktracking);
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            throw CommandException.NotValid($"the pattern is no regular expression: {exception.Message}");
        }

        string[] plugins = [.. BuiltIn.Where(plugin =>
            pattern.IsMatch(plugin) && (!call.Has("enabled") || call.Has("implicitly-enabled") || IsExplicit(plugin)))];
        if (call.Has("minimal"))
        {
            return new TextAnswer(string.Join('\n', plugins), Listed("minimal", static plugin => new JsonObject { ["name"] = plugin }));
        }

        var version = (await call.Broker.OverviewAsync())["rabbitmq_version"]?.ToString() ?? "";
        var width = plugins.Select(plugin => plugin.Length).DefaultIfEmpty().Max();
        var text = string.Join('\n',
        [
            " Configured: E = explicitly enabled; e = implicitly enabled",
            $" | Status: * = running on {await call.Broker.NodeAsync()}",
            " |/",
            .. plugins.Select(plugin => $"[{(IsExplicit(plugin) ? 'E' : 'e')}*] {plugin.PadRight(width)} {version}"),
        ]);
        return new TextAnswer(text, Listed(call.Has("verbose") ? "verbose" : "normal", plugin => new JsonObject
        {
            ["enabled"] = IsExplicit(plugin) ? "enabled" : "implicit",
            ["name"] = plugin,
            ["running"] = true,
            ["running_version"] = version,
            ["version"] = version,
        }));

        JsonObject Listed(string format, Func<string, JsonObject> plugin) => new()
        {
            ["format"] = format,
            ["plugins"] = new JsonArray([.. plugins.Select(name => (JsonNode?)plugin(name))]),
            ["status"] = "running",
        };
    }
}
