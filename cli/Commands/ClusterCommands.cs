using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>
/// What scripts do that build a cluster out of RabbitMQ's nodes. Members find each other in PostgreSQL, and are members from their start to their end: so each command
/// succeeds where what is wanted holds, and is refused, with RabbitMQ's exit code, where it does not.
/// </summary>
internal static class ClusterCommands
{
    private const string Nodes = "Nodes", Cluster = "Cluster", How = "Members find each other in PostgreSQL: start both with the same --connection and --cluster-id.";

    public static IEnumerable<Command> All =>
    [
        Reset("reset", "Resetting", "Instructs a RabbitMQ node to leave the cluster and return to its virgin state"),
        Reset("force_reset", "Forcefully resetting", "Forcefully returns a RabbitMQ node to its virgin state"),
        new(
            "join_cluster", Cluster,
            "Instructs the node to become a member of the cluster that the specified node is in",
            "[--disc|--ram] <existing_cluster_member>")
        {
            LeastWords = 1, NeedsStopped = true, Options = [new("disc"), new("ram")],
            Check = static call =>
            {
                if (call.Has("disc") && call.Has("ram"))
                {
                    throw NodeType();
                }
            },
            Banner = static async call => $"Clustering node {await call.Broker.NodeAsync()} with {call.Words[0]}",
            Run = static async call =>
            {
                var node = await call.Broker.NodeAsync();
                return call.Words[0] == node ? throw new CommandException(ExitCode.Software, $"Error: cannot cluster node with itself: {node}")
                    : await NodeCommands.IsMemberAsync(call, call.Words[0]) ? Already(node, "The node is already a member of this cluster", "already_member")
                    : throw new CommandException(ExitCode.Unavailable, $"{call.Words[0]} is no member of this cluster. {How}");
            },
        },
        new("change_cluster_node_type", Cluster, "Changes the type of the cluster node", "<disc | ram>")
        {
            LeastWords = 1, NeedsStopped = true,
            Check = static call =>
            {
                if (call.Words[0] is not ("disc" or "disk" or "ram"))
                {
                    throw NodeType();
                }
            },
            Banner = static async call => $"Turning {await call.Broker.NodeAsync()} into a {call.Words[0]} node",
            Run = static async call =>
            {
                // All members keep what they have in PostgreSQL, whatever they are called.
                var node = await call.Broker.NodeAsync();
                return call.Words[0] != "ram" ? Already(node, "Node type is already disc", "Node type is already disc")
                    : (await call.Broker.ListAsync("nodes")).Count > 1 ? Answer.Of("All members keep what they have in PostgreSQL: there are no types of nodes.")
                    : throw new CommandException(ExitCode.Unavailable, "{:not_clustered, 'Non-clustered nodes can only be disc nodes.'}");
            },
        },
        new("forget_cluster_node", Cluster, "Removes a node from the cluster", "[--offline] <existing_cluster_member_node>")
        {
            LeastWords = 1, Options = [new("offline")],
            Banner = static call => UserCommands.Told($"Removing node {call.Words[0]} from the cluster"),
            Run = static async call => await NodeCommands.IsMemberAsync(call, call.Words[0])
                ? throw new CommandException(ExitCode.Unavailable, $"{call.Words[0]} is running. End its process: it is no member then.")
                : Answer.Of("It is no member: a process that has ended is forgotten by itself."),
        },
        new("force_boot", Cluster, "Forces node to start even if it cannot contact or rejoin any of its previously known peers", "")
        {
            // A node never waits for its former peers when it starts.
            NeedsStopped = true, Run = static _ => Task.FromResult(Answer.None),
        },
        new("update_cluster_nodes", Cluster, "Instructs a cluster member node to sync the list of known cluster members from <seed_node>", "<seed_node>")
        {
            LeastWords = 1, NeedsStopped = true,
            Banner = static async call => $"Will seed {await call.Broker.NodeAsync()} from {call.Words[0]} on next start",
            Run = static async call =>
            {
                var node = await call.Broker.NodeAsync();
                return call.Words[0] == node ? throw new CommandException(ExitCode.Software, $"Error: cannot cluster node with itself: {node}")
                    : await NodeCommands.IsMemberAsync(call, call.Words[0])
                        ? Answer.Of("Both are members of one cluster: members find each other in PostgreSQL, and keep no list of their own.")
                    : throw new CommandException(ExitCode.Unavailable, $"{call.Words[0]} is no member of this cluster. {How}");
            },
        },
    ];

    private static Command Reset(string name, string doing, string summary) => new(name, Nodes, summary, "")
    {
        NeedsStopped = true,
        Banner = async call => $"{doing} node {await call.Broker.NodeAsync()} ...",
        Run = static async call => new TextAnswer(
            "Nothing was deleted: what a cluster has is in PostgreSQL and belongs to all members. " +
            "A lone node's files are removed by removing its data folder while it does not run.",
            (await ControlCommands.DoneAsync(call) as TextAnswer)!.Json),
    };

    private static TextAnswer Already(string node, string text, string value) => new(text, new JsonObject { ["node"] = node, ["result"] = "ok", ["value"] = value });

    private static CommandException NodeType() => CommandException.BadArgument("The node type must be either disc or ram.");
}
