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
        new("drain", Group, "Puts the node in maintenance mode", "")
        {
            Run = static async call => Answer.Of(
                $"{await call.Broker.NodeAsync()} drains when it is stopped: at SIGTERM it is not ready any more, serves its clients for --drain-time, hands its queues over and tells its clients to go. Nothing has to be done before."),
        },
        new("revive", Group, "Puts the node out of maintenance and into regular operating mode", "")
        {
            Run = static async call => Answer.Of($"{await call.Broker.NodeAsync()} is in regular operating mode: it always is, until it stops."),
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
