using System.Text.Json.Nodes;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>
/// What scripts ask of replicas: rabbitmq-queues and rabbitmq-streams, and synchronising of mirrors. Queues and streams have none: each is in the store, and any silo
/// can serve it. So nothing is critical, and what would make or move a replica has nothing to do.
/// </summary>
internal static class ReplicaCommands
{
    private const string Group = "Replication", None = "There is nothing to do: every queue and stream is in the store, and any silo can serve it.";

    /// <summary>Of rabbitmq-queues.</summary>
    public static IEnumerable<Command> Queues =>
    [
        Nothing("add_member", "Adds a quorum queue member (replica) on the given node", "[--vhost <vhost>] <queue> <node>", 2),
        Nothing("delete_member", "Removes a quorum queue member (replica) on the given node", "[--vhost <vhost>] <queue> <node>", 2),
        Nothing("grow", "Grows quorum queue clusters by adding a member (replica) on the specified node", "<node> <all | even> [--vhost-pattern <pattern>] [--queue-pattern <pattern>]", 2),
        Nothing("shrink", "Shrinks quorum queue clusters by removing any members (replicas) on the given node", "<node> [--errors-only]", 1),
        Nothing("reclaim_quorum_memory", "Flushes quorum queue processes WAL, performs a full sweep GC on all of its local Erlang processes", "<queue>", 1),
        Status("quorum_status", "Displays quorum status of a quorum queue", "queue", "quorum"),
        .. Critical,
    ];

    /// <summary>Of rabbitmq-streams.</summary>
    public static IEnumerable<Command> Streams =>
    [
        Nothing("add_replica", "Adds a stream replica on the given node", "[--vhost <vhost>] <stream> <node>", 2),
        Nothing("delete_replica", "Removes a stream replica on the given node", "[--vhost <vhost>] <stream> <node>", 2),
        Nothing("restart_stream", "Restarts a stream including all of its replicas", "[--vhost <vhost>] <stream>", 1),
        Status("stream_status", "Displays the status of a stream", "stream", "stream"),
    ];

    /// <summary>Of rabbitmqctl: mirrors, as RabbitMQ has them up to 3.13.</summary>
    public static IEnumerable<Command> Mirrors =>
    [
        Nothing("sync_queue", "Instructs a mirrored queue with unsynchronised mirrors (follower replicas) to synchronise them", "[--vhost <vhost>] <queue>", 1),
        Nothing("cancel_sync_queue", "Instructs a synchronising mirrored queue to stop synchronising itself", "[--vhost <vhost>] <queue>", 1),
    ];

    /// <summary>Whether a node may be stopped.</summary>
    public static IEnumerable<Command> Critical =>
    [
        Check("check_if_node_is_quorum_critical", "Health check that exits with a non-zero code if there are queues with minimum online quorum", "node-is-quorum-critical", "quorum queues with minimum quorum"),
        Check("check_if_node_is_mirror_sync_critical", "Health check that exits with a non-zero code if there are classic mirrored queues without online synchronised mirrors", "node-is-mirror-sync-critical", "classic mirrored queues without in-sync mirrors online"),
    ];

    private static Command Nothing(string name, string summary, string usage, int words) => new(name, Group, summary, usage)
    {
        LeastWords = words,
        Options = [CommandOption.Vhost, new("errors-only"), new("vhost-pattern", HasValue: true), new("queue-pattern", HasValue: true)],

        // That it answers is enough.
        Run = static async call =>
        {
            await call.Broker.OverviewAsync();
            return Answer.Of(None);
        },
    };

    private static Command Check(string name, string summary, string check, string what) => new(name, Group, summary, "")
    {
        Banner = async call => $"Checking if node {await call.Broker.NodeAsync()} is critical for {what} ...",
        Run = async call => await call.Broker.CheckAsync($"health/checks/{check}") is { } reason
            ? throw new CommandException(ExitCode.Unavailable, reason)
            : Answer.Of($"Node {await call.Broker.NodeAsync()} reported no {what}"),
    };

    private static Command Status(string name, string summary, string word, string type) => new(name, Group, summary, $"[--vhost <vhost>] <{word}>")
    {
        LeastWords = 1,
        Options = [CommandOption.Vhost],
        Banner = async call => $"Status of {type} queue {call.Words[0]} on node {await call.Broker.NodeAsync()} ...",
        Run = async call =>
        {
            var queue = await call.Broker.FindAsync($"queues/{Uri.EscapeDataString(call.Vhost)}/{Uri.EscapeDataString(call.Words[0])}");
            return queue is null ? throw new CommandException(ExitCode.Unavailable, "not_found")
                : queue["type"]?.ToString() != type ? throw new CommandException(ExitCode.Unavailable, $"Cannot get {type} status of a {queue["type"]} queue")
                : new RowsAnswer(["Node Name", "State", "Messages"], [[Text(queue["node"]), JsonValue.Create("leader"), Text(queue["messages"])]]);
        },
    };

    private static JsonNode? Text(JsonNode? value) => value is null ? null : JsonValue.Create(value.ToString());
}
