using System.Text.Json.Nodes;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>rabbitmq-upgrade: what scripts run before and after they stop a node.</summary>
internal static class UpgradeCommands
{
    private const string Group = "Upgrade";

    public static IEnumerable<Command> All =>
    [
        Awaited(
            "await_online_quorum_plus_one", "Waits for all quorum queues and streams to have an above minimum online quorum",
            static seconds => $"Will wait for a quorum + 1 of nodes to be online for all quorum queues for {seconds:0} seconds..."),
        Awaited(
            "await_online_synchronized_mirror", "Waits for all classic mirrored queues hosted on the target node to have at least one synchronized mirror online",
            static seconds => $"Will wait for a synchronised mirror be online for all classic mirrored queues for {seconds:0} seconds..."),
        new("drain", Group, "Puts the node in maintenance mode. Such nodes will not serve any client traffic", "")
        {
            Banner = static async call => $"Will put node {await call.Broker.NodeAsync()} into maintenance mode. The node will no longer serve any client traffic!",
            Run = static async call =>
            {
                await ControlCommands.AcceptAsync(call, isAccepting: false);
                var node = await call.Broker.NodeAsync();
                foreach (var connection in (await call.Broker.ListAsync("connections")).Where(connection => connection["node"]?.ToString() == node))
                {
                    await call.Broker.DeleteAsync($"connections/{Uri.EscapeDataString(connection["name"]!.ToString())}", "Node was put into maintenance mode");
                }

                return await ControlCommands.DoneAsync(call);
            },
        },
        new("revive", Group, "Puts the node out of maintenance and into regular operating mode. Such nodes will again serve client traffic", "")
        {
            Banner = static async call => $"Will put node {await call.Broker.NodeAsync()} back into regular operating mode. The node will again serve client traffic and host primary queue replicas.",
            Run = static async call =>
            {
                await ControlCommands.AcceptAsync(call, isAccepting: true);
                return await ControlCommands.DoneAsync(call);
            },
        },
        new("post_upgrade", Group, "Runs post-upgrade tasks", "")
        {
            Banner = static _ => UserCommands.Told("Executing post upgrade tasks...\nRebalancing queue masters..."),

            // As RabbitMQ's: what has moved while members were away is evened out.
            Run = static async call =>
            {
                var nodes = await ReplicaCommands.RebalanceAsync(call, "all");
                return await ControlCommands.ValueAsync(
                    call, string.Join('\n', nodes.Select(static node => string.Join(", ", node!.AsArray().Select(static column => $"{column![0]}: {column[1]}")))), nodes);
            },
        },
    ];

    /// <summary>That it answers is enough: every queue is in the store, and any silo can serve it.</summary>
    private static Command Awaited(string name, string summary, Func<double, string> banner) => new(name, Group, summary, "")
    {
        Timeout = 120,
        Banner = call => UserCommands.Told(banner(call.Timeout.TotalSeconds)),
        Run = static async call =>
        {
            const string Alone = "Target node seems to be the only one in a single node cluster, the ";
            return !await ReplicaCommands.IsAloneAsync(call) ? Answer.None
                : new TextAnswer($"{Alone}command does not apply", new JsonObject { ["message"] = $"{Alone}check does not apply", ["result"] = "ok" });
        },
    };
}
