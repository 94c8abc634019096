using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>
/// What is asked of a broker about itself: its settings, and <c>eval</c>. There is no Erlang to evaluate anything, but the expressions that known tools send are
/// questions, and they are answered in Erlang's words.
/// </summary>
internal static partial class EvalCommands
{
    public static IEnumerable<Command> All =>
    [
        new("eval", "Operations", "Answers the Erlang expressions that known tools send; there is no Erlang", "<expression>")
        {
            MostWords = int.MaxValue,
            Run = static async call =>
            {
                var expression = call.Words.Count > 0 ? string.Join(' ', call.Words) : await call.Input.ReadToEndAsync();
                return expression.Trim().Length > 0
                    ? await EvaluateAsync(call, expression)
                    : throw new CommandException(ExitCode.Data, "Expression to evaluate is not provided via argument or stdin");
            },
        },
        new("eval_file", "Operations", "Answers the Erlang expressions that known tools send, from a file; there is no Erlang", "<file path>")
        {
            LeastWords = 1,
            Check = static call =>
            {
                if (!File.Exists(call.Words[0]))
                {
                    throw CommandException.NotValid($"\"File {call.Words[0]} does not exist\"");
                }
            },
            Run = static async call => await EvaluateAsync(call, await File.ReadAllTextAsync(call.Words[0])),
        },
        new("environment", "Configuration and Environment", "Displays the name and value of each setting, and where it is from", "")
        {
            Banner = async call => $"Application environment of node {await call.Broker.NodeAsync()} ...",
            Run = static async call => Lists.Of(call, await call.Broker.ListAsync("config/effective"), ["name", "value", "origin"], static (setting, column) => setting[column]),
        },
    ];

    private static async Task<Answer> EvaluateAsync(CommandCall call, string text)
    {
        var expression = text.Trim().TrimEnd('.').TrimEnd();
        if (Login().Match(expression) is { Success: true } login)
        {
            return await ToldAsync(call, await CheckAsync(call, Text(login.Groups[1].Value), Text(login.Groups[2].Value)));
        }

        var packed = Spaces().Replace(expression, "");
        if (Alarm().Match(packed) is { Success: true } alarm)
        {
            return await ToldAsync(call, await SetAlarmAsync(call, alarm.Groups["node"].Value, alarm.Groups["resource"].Value, isRaised: alarm.Groups["set"].Success));
        }

        return await ToldAsync(call, packed switch
        {
            "node()" => Atom(await call.Broker.NodeAsync()),
            "rabbit:is_running()" or "rabbit:is_booted()" or "rabbit:is_booted(node())" => await IsThereAsync(call),
            "rabbit_nodes:cluster_name()" => $"<<\"{Escaped((await call.Broker.OverviewAsync())["cluster_name"]?.ToString() ?? "")}\">>",
            "rabbit_mnesia:cluster_nodes(running)" or "rabbit_mnesia:cluster_nodes(all)" or "rabbit_nodes:list_running()" or "rabbit_nodes:list_members()" or "mnesia:system_info(running_db_nodes)" =>
                $"[{string.Join(',', (await call.Broker.ListAsync("nodes")).Select(static node => Atom(node["name"]!.ToString())))}]",
            "rabbit_vhost:list()" or "rabbit_vhost:list_names()" =>
                $"[{string.Join(',', (await call.Broker.ListAsync("vhosts")).Select(static vhost => $"<<\"{Escaped(vhost["name"]!.ToString())}\">>"))}]",
            "rabbit_alarm:get_alarms()" or "rabbit_alarm:get_local_alarms()" => await AlarmsAsync(call, isLocal: packed.Contains("local", StringComparison.Ordinal)),
            _ => throw new CommandException(
                ExitCode.Unavailable,
                "Granary has no Erlang, and this is none of the expressions that it knows: node(), rabbit:is_running(), rabbit_nodes:cluster_name(), rabbit_nodes:list_running(), " +
                "rabbit_vhost:list(), rabbit_access_control:check_user_pass_login(…), rabbit_alarm:set_alarm({{resource_limit,memory|disk,node()},[]}), rabbit_alarm:clear_alarm({resource_limit,memory|disk,node()}), " +
                "rabbit_alarm:get_alarms()."),
        });
    }

    // To programs the value is told, as far as JSON has it: an atom is a string there, and two of them are true and false.
    private static async Task<Answer> ToldAsync(CommandCall call, string term) => new TextAnswer(term, new JsonObject
    {
        ["node"] = await call.Broker.NodeAsync(),
        ["result"] = "ok",
        ["value"] = term is "true" or "false" ? JsonValue.Create(term == "true") : JsonValue.Create(term.Trim('\'')),
    });

    private static async Task<string> SetAlarmAsync(CommandCall call, string named, string resource, bool isRaised)
    {
        var node = named == "node()" ? await call.Broker.NodeAsync() : named.Trim('\'');
        var path = $"nodes/{Uri.EscapeDataString(node)}/alarms/{resource}";
        var isKnown = isRaised ? await call.Broker.TryPutAsync(path, new JsonObject()) : await call.Broker.DeleteAsync(path);
        return isKnown ? "ok" : throw new CommandException(ExitCode.Unavailable, $"Alarms are set at the node that is asked, and that is not {node}.");
    }

    private static async Task<string> AlarmsAsync(CommandCall call, bool isLocal)
    {
        var own = await call.Broker.NodeAsync();
        var alarms = (await call.Broker.ListAsync("nodes")).Where(node => !isLocal || node["name"]!.ToString() == own).SelectMany(static node => Alarms(node));
        return $"[{string.Join(',', alarms)}]";

        static IEnumerable<string> Alarms(JsonObject node) => new[] { ("disk_free_alarm", "disk"), ("mem_alarm", "memory") }
            .Where(alarm => node[alarm.Item1]?.GetValue<bool>() == true)
            .Select(alarm => $"{{{{resource_limit,{alarm.Item2},{Atom(node["name"]!.ToString())}}},[]}}");
    }

    // Puppet's module finds out by this whether a password has to be set.
    private static async Task<string> CheckAsync(CommandCall call, string user, string password) => await call.Broker.AcceptsAsync(user, password)
        ? $"{{ok,{{user,<<\"{Escaped(user)}\">>,[],[{{rabbit_auth_backend_internal,none}}]}}}}"
        : $"{{refused,<<\"{Escaped(user)}\">>,\"user '~s' - invalid credentials\",[<<\"{Escaped(user)}\">>]}}";

    private static async Task<string> IsThereAsync(CommandCall call) => await NodeCommands.IsRunningAsync(call.Broker) ? "true" : "false";

    private static string Atom(string text) => PlainAtom().IsMatch(text) ? text : $"'{text}'";

    private static string Escaped(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);

    private static string Text(string quoted) => Escape().Replace(quoted, "$1");

    [GeneratedRegex("""^rabbit_access_control:check_user_pass_login\(\s*(?:list_to_binary\(|<<)"((?:[^"\\]|\\.)*)"(?:\)|>>)\s*,\s*(?:list_to_binary\(|<<)"((?:[^"\\]|\\.)*)"(?:\)|>>)\s*\)$""")]
    private static partial Regex Login();

    // As RabbitMQ's own tests, and people who try what their clients do, raise and clear one.
    [GeneratedRegex("""^(?:rabbit_alarm|alarm_handler):(?:(?<set>set_alarm)\(\{|clear_alarm\()\{resource_limit,(?<resource>memory|disk),(?<node>node\(\)|'[^']+'|[a-z][\w@]*)\}(?(set),\[\]\})\)$""")]
    private static partial Regex Alarm();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"\\(.)")]
    private static partial Regex Escape();

    [GeneratedRegex("^[a-z][A-Za-z0-9_@]*$")]
    private static partial Regex PlainAtom();
}
