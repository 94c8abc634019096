using System.Text.Json.Nodes;
using Granary.Cli.Broker;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

internal static class AccessCommands
{
    private const string Group = "Access Control";

    public static IEnumerable<Command> All =>
    [
        new("set_permissions", Group, "Sets user permissions for a vhost", "[--vhost <vhost>] <username> <conf> <write> <read>")
        {
            LeastWords = 4, Options = [CommandOption.Vhost],
            Banner = call => UserCommands.Told($"Setting permissions for user \"{call.Words[0]}\" in vhost \"{call.Vhost}\" ..."),
            Run = async call =>
            {
                await RequireBothAsync(call);
                await call.Broker.PutAsync(
                    $"permissions/{call.VhostPath}/{call.Path(0)}",
                    new JsonObject { ["configure"] = call.Words[1], ["write"] = call.Words[2], ["read"] = call.Words[3] });
                return Answer.None;
            },
        },
        new("set_permissions_globally", Group, "Sets user permissions for all virtual hosts that there are", "<username> <conf> <write> <read>")
        {
            LeastWords = 4,
            Banner = static call => UserCommands.Told($"Setting permissions for user \"{call.Words[0]}\" in all virtual hosts ..."),
            Run = static async call =>
            {
                if (await call.Broker.FindAsync($"users/{call.Path(0)}") is null)
                {
                    throw Refusals.NoUserToGrant(call.Words[0]);
                }

                foreach (var vhost in await call.Broker.ListAsync("vhosts"))
                {
                    await call.Broker.PutAsync(
                        $"permissions/{BrokerApi.Segment(vhost["name"]!.ToString())}/{call.Path(0)}",
                        new JsonObject { ["configure"] = call.Words[1], ["write"] = call.Words[2], ["read"] = call.Words[3] });
                }

                return Answer.None;
            },
        },
        new("clear_permissions", Group, "Revokes user permissions for a vhost", "[--vhost <vhost>] <username>")
        {
            LeastWords = 1, Options = [CommandOption.Vhost],
            Banner = call => UserCommands.Told($"Clearing permissions for user \"{call.Words[0]}\" in vhost \"{call.Vhost}\" ..."),
            Run = async call =>
            {
                await RequireBothAsync(call);
                await call.Broker.DeleteAsync($"permissions/{call.VhostPath}/{call.Path(0)}");
                return Answer.None;
            },
        },
        new("list_permissions", Group, "Lists user permissions in a virtual host", "[--vhost <vhost>] [--no-table-headers]")
        {
            Options = [CommandOption.Vhost],
            Banner = call => UserCommands.Told($"Listing permissions for vhost \"{call.Vhost}\" ..."),
            Run = call => ListAsync(call, $"vhosts/{call.VhostPath}/permissions", Refusals.NoVhost(call.Vhost), "user", "configure", "write", "read"),
        },
        new("list_user_permissions", Group, "Lists permissions of a user across all virtual hosts", "[--no-table-headers] <username>")
        {
            LeastWords = 1,
            Banner = call => UserCommands.Told($"Listing permissions for user \"{call.Words[0]}\" ..."),
            Run = call =>
                ListAsync(call, $"users/{call.Path(0)}/permissions", Refusals.NoSuchUser(call.Words[0]), "vhost", "configure", "write", "read"),
        },
        new("set_topic_permissions", Group, "Sets user topic permissions for an exchange", "[--vhost <vhost>] <username> <exchange> <write> <read>")
        {
            LeastWords = 4, Options = [CommandOption.Vhost],
            Banner = call =>
                UserCommands.Told($"Setting topic permissions on \"{call.Words[1]}\" for user \"{call.Words[0]}\" in vhost \"{call.Vhost}\" ..."),
            Run = async call =>
            {
                await RequireBothAsync(call);
                await call.Broker.PutAsync(
                    $"topic-permissions/{call.VhostPath}/{call.Path(0)}",
                    new JsonObject { ["exchange"] = call.Words[1], ["write"] = call.Words[2], ["read"] = call.Words[3] });
                return Answer.None;
            },
        },
        new("clear_topic_permissions", Group, "Clears user topic permissions for a vhost or exchange", "[--vhost <vhost>] <username> [<exchange>]")
        {
            LeastWords = 1, MostWords = 2, Options = [CommandOption.Vhost],
            Banner = call => UserCommands.Told(call.Words.Count > 1
                ? $"Clearing topic permissions on \"{call.Words[1]}\" for user \"{call.Words[0]}\" in vhost \"{call.Vhost}\" ..."
                : $"Clearing topic permissions for user \"{call.Words[0]}\" in vhost \"{call.Vhost}\" ..."),
            Run = async call =>
            {
                await RequireBothAsync(call);
                var exchange = call.Words.Count > 1 ? $"/{call.Path(1)}" : "";
                await call.Broker.DeleteAsync($"topic-permissions/{call.VhostPath}/{call.Path(0)}{exchange}");
                return Answer.None;
            },
        },
        new("list_topic_permissions", Group, "Lists topic permissions in a virtual host", "[--vhost <vhost>] [--no-table-headers]")
        {
            Options = [CommandOption.Vhost],
            Banner = call => UserCommands.Told($"Listing topic permissions for vhost \"{call.Vhost}\" ..."),
            Run = call =>
                ListAsync(call, $"vhosts/{call.VhostPath}/topic-permissions", Refusals.NoVhost(call.Vhost), "user", "exchange", "write", "read"),
        },
        new("list_user_topic_permissions", Group, "Lists user topic permissions", "[--no-table-headers] <username>")
        {
            LeastWords = 1,
            Banner = call => UserCommands.Told($"Listing topic permissions for user \"{call.Words[0]}\" ..."),
            Run = async call =>
                await RowsAsync(call, $"users/{call.Path(0)}/topic-permissions", Refusals.NoSuchUser(call.Words[0]), ["vhost", "exchange", "write", "read"]) with { HasHeader = false },
        },
    ];

    private static async Task<Answer> ListAsync(CommandCall call, string path, CommandException absent, params string[] columns) =>
        await RowsAsync(call, path, absent, columns);

    private static async Task<RowsAnswer> RowsAsync(CommandCall call, string path, CommandException absent, string[] columns) =>
        await call.Broker.FindAsync(path) is JsonArray list
            ? new RowsAnswer(columns, [.. list.OfType<JsonObject>().Select(item => (IReadOnlyList<JsonNode?>)[.. columns.Select(column => item[column])])], ShowsNothing: true)
            : throw absent;

    private static async Task RequireBothAsync(CommandCall call)
    {
        if (await call.Broker.FindAsync($"vhosts/{call.VhostPath}") is null)
        {
            throw Refusals.NoVhostToGrant(call.Vhost);
        }

        if (await call.Broker.FindAsync($"users/{BrokerApi.Segment(call.Words[0])}") is null)
        {
            throw Refusals.NoUserToGrant(call.Words[0]);
        }
    }
}
