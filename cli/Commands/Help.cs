using System.Globalization;
using System.Text;

namespace Granary.Cli.Commands;

/// <summary>How the tool and its commands are called.</summary>
internal static class Help
{
    private static readonly string UsageHead = $"\n{NodeCommands.Head("Usage")}\n";

    /// <summary>All commands, by groups.</summary>
    public static string Of(Tool tool)
    {
        var text = new StringBuilder($"{UsageHead}\n{tool.Name} [--node <node>] [--timeout <timeout>] [--longnames] [--quiet] <command> [<command options>]\n\nAvailable commands:\n");
        foreach (var group in tool.Commands.GroupBy(static command => command.Group))
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{NodeCommands.Head(group.Key)}:\n\n");
            foreach (var command in group.OrderBy(static command => command.Name, StringComparer.Ordinal))
            {
                text.Append(CultureInfo.InvariantCulture, $"   {command.Name,-29} {command.Summary}\n");
            }
        }

        return text.Append(CultureInfo.InvariantCulture, $"\nUse '{tool.Name} help <command>' to learn more about a specific command").ToString();
    }

    /// <summary>One command.</summary>
    public static string Of(Tool tool, Command command) => $"""
        {UsageHead}
        {LineOf(tool, command)}

        {command.Summary.TrimEnd('.')}.

        {NodeCommands.Head("General Options")}

        -?, --help             displays command help
        -n, --node <node>      connect to node <node>
        -t, --timeout <n>      for commands that support it, operation timeout in seconds
        -q, --quiet            suppress informational messages
        -s, --silent           suppress informational messages and table header row
        -p, --vhost            for commands that are scoped to a virtual host, virtual host to use
            --formatter        json, pretty_table, table, csv, erlang
            --url <address>    where the management API is, if not on this machine (GRANARY_CTL_URL)
            --user <name>      who asks (GRANARY_CTL_USER); the password is in GRANARY_CTL_PASSWORD or in the file GRANARY_CTL_PASSWORD_FILE
        """;

    public static string UsageOf(Tool tool, Command command) => $"{UsageHead}\n{LineOf(tool, command)}";

    private static string LineOf(Tool tool, Command command) =>
        $"{tool.Name} [--node <node>] [--longnames] [--quiet] {command.Name} {command.Usage}".TrimEnd();
}
