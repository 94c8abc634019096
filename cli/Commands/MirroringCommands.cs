using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>Policies for mirrors of classic queues: they are kept as before RabbitMQ 4.0 and have no effect, and scripts that go over to 4.x look for them and remove them.</summary>
internal static class MirroringCommands
{
    private const string Observability = "Monitoring, observability and health checks";

    private static readonly string[] Columns = ["vhost", "name", "pattern", "apply-to", "definition", "priority"];
    private static readonly (string Path, string What)[] Kinds = [("policies", "Policy"), ("operator-policies", "Operator policy")];

    /// <summary>Of rabbitmqctl.</summary>
    public static IEnumerable<Command> OfCtl =>
    [
        new("remove_classic_queue_mirroring_from_policies", "Operations", "Removes keys that enable classic queue mirroring from all regular and operator policies", "")
        {
            Banner = static _ => UserCommands.Told("Will remove keys that enable classic queue mirroring from all regular and operator policies"),
            Run = static async call =>
            {
                foreach (var (path, _) in Kinds)
                {
                    foreach (var policy in await FindAsync(call, path))
                    {
                        await RemoveAsync(call, path, policy);
                    }
                }

                return await ControlCommands.DoneAsync(call);
            },
        },
    ];

    /// <summary>Of rabbitmq-diagnostics and rabbitmq-queues.</summary>
    public static IEnumerable<Command> OfQueues =>
    [
        Listed("list_policies_with_classic_queue_mirroring", "List all policies that enable classic queue mirroring", "Listing policies with classic queue mirroring ...", "policies"),
        Listed(
            "list_operator_policies_with_classic_queue_mirroring", "List all operator policies that enable classic queue mirroring",
            "Listing operator policies with classic queue mirroring ...", "operator-policies"),
        new("check_if_cluster_has_classic_queue_mirroring_policy", Observability, "Health check that exits with a non-zero code if there are policies that enable classic queue mirroring", "")
        {
            Banner = static _ => UserCommands.Told("Checking if cluster has any classic queue mirroring policy ..."),
            Run = static async call =>
            {
                List<string> found = [];
                foreach (var (path, what) in Kinds)
                {
                    found.AddRange((await FindAsync(call, path)).Select(policy => $"{what} {policy["name"]} enables classic queue mirroring"));
                }

                return found.Count > 0
                    ? throw new CommandException(ExitCode.Unavailable, string.Join('\n', found))
                    : new TextAnswer("Cluster reported no policies that enable classic queue mirroring", new JsonObject { ["result"] = "ok" });
            },
        },
    ];

    private static Command Listed(string name, string summary, string banner, string path) => new(name, Observability, summary, "[--no-table-headers]")
    {
        Banner = _ => UserCommands.Told(banner),
        Run = async call => new RowsAnswer(Columns, [.. (await FindAsync(call, path)).Select(policy => (IReadOnlyList<JsonNode?>)[.. Columns.Select(column => policy[column])])]),
    };

    private static async Task<IEnumerable<JsonObject>> FindAsync(CommandCall call, string path) =>
        (await call.Broker.ListAsync(path)).Where(static policy => policy["definition"] is JsonObject definition && definition.Any(static setting => IsMirroring(setting.Key)));

    private static async Task RemoveAsync(CommandCall call, string path, JsonObject policy)
    {
        var address = $"{path}/{Uri.EscapeDataString(policy["vhost"]!.ToString())}/{Uri.EscapeDataString(policy["name"]!.ToString())}";
        var definition = policy["definition"]!.AsObject();
        foreach (var key in definition.Select(static setting => setting.Key).Where(IsMirroring).ToArray())
        {
            definition.Remove(key);
        }

        if (definition.Count == 0)
        {
            await call.Broker.DeleteAsync(address);
        }
        else
        {
            await call.Broker.PutAsync(address, policy);
        }
    }

    private static bool IsMirroring(string setting) => setting.StartsWith("ha-", StringComparison.Ordinal);
}
