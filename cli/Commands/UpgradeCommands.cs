using System.Text.Json.Nodes;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>rabbitmq-upgrade: what scripts run before and after they stop a node.</summary>
internal static class UpgradeCommands
{
    private const string Group = "Upgrade";

    public static IEnumerable<Command> All =>
    [
        new("await_online_quorum_plus_one", Group, "Waits for all quorum queues and streams to have an above minimum online quorum", "")
        {
            Timeout = 120,
            Banner = static _ => UserCommands.Told("Will wait for a quorum + 1 of nodes to be online for all quorum queues and streams..."),

            // That it answers is enough: every queue is in the store, and any silo can serve it.
            Run = static async call =>
            {
                await call.Broker.OverviewAsync();
                return Answer.None;
            },
        },
        new("await_online_synchronized_mirror", Group, "Waits for all classic mirrored queues hosted on the target node to have at least one synchronized mirror online", "")
        {
            Timeout = 120,
            Banner = static call => UserCommands.Told($"Will wait for a synchronised mirror be online for all classic mirrored queues for {call.Timeout.TotalSeconds:0} seconds..."),
            Run = static async call =>
            {
                await call.Broker.OverviewAsync();
                const string None = "There are no mirrors to wait for: every queue is in the store, and any silo can serve it";
                return new TextAnswer(None, new JsonObject { ["message"] = None, ["result"] = "ok" });
            },
        },
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
            Banner = static _ => UserCommands.Told("Executing post upgrade tasks..."),

            // As RabbitMQ's: what has moved while members were away is evened out.
            Run = static async call =>
            {
                await call.Broker.PostAsync("rebalance/queues");
                return Answer.None;
            },
        },
    ];
}
