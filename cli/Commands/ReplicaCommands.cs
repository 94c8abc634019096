using System.Globalization;
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

    private const int MostPeeked = 64;

    private static readonly CommandOption Tracking = new("tracking");

    // In the order in which rabbitmq-queues has them.
    private static readonly string[] PeekedProperties =
        ["cluster_id", "app_id", "user_id", "type", "timestamp", "message_id", "expiration", "reply_to", "correlation_id", "priority", "delivery_mode", "content_encoding", "content_type"];

    /// <summary>Of rabbitmq-queues.</summary>
    public static IEnumerable<Command> Queues =>
    [
        Nothing("add_member", "Adds a quorum queue member (replica) on the given node", "[--vhost <vhost>] <queue> <node>", 2),
        Nothing("delete_member", "Removes a quorum queue member (replica) on the given node", "[--vhost <vhost>] <queue> <node>", 2),
        Nothing("grow", "Grows quorum queue clusters by adding a member (replica) on the specified node", "<node> <all | even> [--vhost-pattern <pattern>] [--queue-pattern <pattern>]", 2),
        Nothing("shrink", "Shrinks quorum queue clusters by removing any members (replicas) on the given node", "<node> [--errors-only]", 1),
        Nothing("grow_to_count", "Grows quorum queue clusters to the given number of members (replicas)", "<node_count> <all | even> [--vhost-pattern <pattern>] [--queue-pattern <pattern>]", 2),
        Nothing("transfer_leadership", "Transfers the leadership of a quorum queue to the given node", "[--vhost <vhost>] <queue> <node>", 2),
        Nothing("force_checkpoint", "Forces checkpoints for all matching quorum queues", "[--vhost-pattern <pattern>] [--queue-pattern <pattern>]", 0),
        Nothing("reclaim_quorum_memory", "Flushes quorum queue processes WAL, performs a full sweep GC on all of its local Erlang processes", "<queue>", 1),
        new("peek", "Monitoring, observability and health checks", "Peeks at the given position of a quorum queue", "[--vhost <vhost>] <queue> <position>")
        {
            LeastWords = 2, Options = [CommandOption.Vhost], Formatter = "pretty_table",
            Check = static call => Position(call),
            Banner = static async call => $"Peeking at quorum queue {call.Words[0]} at position {call.Words[1]} on node {await call.Broker.NodeAsync()} ...",
            Run = PeekAsync,
        },
        Status("quorum_status", "Displays quorum status of a quorum queue", "queue", "quorum"),
        .. Critical,
    ];

    /// <summary>Of rabbitmq-streams.</summary>
    public static IEnumerable<Command> Streams =>
    [
        Nothing("add_replica", "Adds a stream replica on the given node", "[--vhost <vhost>] <stream> <node>", 2),
        Nothing("delete_replica", "Removes a stream replica on the given node", "[--vhost <vhost>] <stream> <node>", 2),
        Nothing("restart_stream", "Restarts a stream including all of its replicas", "[--vhost <vhost>] <stream>", 1),
        new("set_stream_retention_policy", Group, "Sets the retention policy of a stream queue", "[--vhost <vhost>] <name> <policy>")
        {
            LeastWords = 2, Options = [CommandOption.Vhost],
            Banner = static call => UserCommands.Told($"Setting retention policy of stream queue {call.Words[0]} to {call.Words[1]} ..."),
            Run = static async call => await call.Broker.FindAsync($"queues/{call.VhostPath}/{call.Path(0)}") is null
                ? throw new CommandException(ExitCode.Unavailable, "not_found")
                : throw new CommandException(
                    ExitCode.Unavailable,
                    $"How long a stream keeps its messages is set by a policy, and holds at once: rabbitmqctl set_policy NAME '^{call.Words[0]}$' '{{\"max-age\":\"{call.Words[1]}\"}}' --apply-to streams"),
        },
        Status("stream_status", "Displays the status of a stream", "stream", "stream"),
    ];

    /// <summary>Of rabbitmq-streams alone, since RabbitMQ 4.3: rabbitmq-queues has the same names for quorum queues.</summary>
    public static IEnumerable<Command> StreamReplicas =>
    [
        Nothing(
            "grow", "Grows stream clusters by adding a replica on the specified node",
            "<node> <all | even> [--vhost-pattern <pattern>] [--queue-pattern <pattern>] [--errors-only]", 2),
        Nothing("shrink", "Shrinks stream clusters by removing any replicas on the given node", "<node> [--errors-only]", 1),
        Nothing("transfer_leadership", "Transfers the leadership of a stream to the given node", "[--vhost <vhost>] <stream> <node>", 2),
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

    private static int Position(CommandCall call) =>
        int.TryParse(call.Words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var position) && position > 0
            ? position
            : throw CommandException.NotValid("\"position value must be a positive integer\"");

    // The messages before it are looked at, too: they stay where they are, as if nobody had.
    private static async Task<Answer> PeekAsync(CommandCall call)
    {
        var (path, position) = ($"queues/{call.VhostPath}/{call.Path(0)}", Position(call));
        if (await call.Broker.FindAsync(path) is not { } queue)
        {
            throw Refused(call, $"Target queue was not found in virtual host '{call.Vhost}'");
        }

        if (queue["type"]?.ToString() != "quorum")
        {
            throw Refused(call, $"Cannot peek into a {queue["type"]} queue");
        }

        var messages = (await call.Broker.AskAsync($"{path}/get", new JsonObject { ["count"] = position, ["ackmode"] = "browse", ["encoding"] = "auto" })).AsArray();
        if (messages.Count < position)
        {
            throw Refused(call, "Target queue does not have a message at that position");
        }

        var found = messages[position - 1]!.AsObject();
        var properties = found["properties"] as JsonObject ?? [];
        var payload = found["payload"]!.ToString();
        (string Name, JsonNode? Value)[] told =
        [
            .. PeekedProperties.Where(properties.ContainsKey).Select(name => (name, properties[name])),
            ("routing_keys", new JsonArray(found["routing_key"]!.ToString())), ("exchange", found["exchange"]),
            ("payload (max 64 bytes)", payload.Length > MostPeeked ? payload[..MostPeeked] : payload),
            .. (properties["headers"] as JsonObject ?? []).Select(static header => ($"header.{header.Key}", header.Value)),
        ];
        return call["formatter"] == "json"
            ? new TextAnswer(null, new JsonObject
            {
                ["message"] = new JsonObject(told.OrderBy(static one => one.Name, StringComparer.Ordinal).Select(static one => KeyValuePair.Create(one.Name, one.Value?.DeepClone()))),
                ["result"] = "ok",
            })
            : new RowsAnswer(
                ["keys", "values"],
                [.. told.Select(static one => (IReadOnlyList<JsonNode?>)[JsonValue.Create(one.Name), one.Value is JsonArray { Count: 1 } keys ? keys[0] : one.Value])]);
    }

    private static CommandException Refused(CommandCall call, string reason) => call["formatter"] == "json"
        ? new CommandException(ExitCode.Unavailable, new JsonObject { ["message"] = reason, ["result"] = "error" }.ToJsonString(Json.Relaxed)) { IsPlain = true }
        : new CommandException(ExitCode.Unavailable, reason);

    private static Command Nothing(string name, string summary, string usage, int words) => new(name, Group, summary, usage)
    {
        LeastWords = words,
        Options =
        [
            CommandOption.Vhost, new("errors-only"), new("vhost-pattern", HasValue: true), new("queue-pattern", HasValue: true),
            new("membership", HasValue: true), new("preferred-leader-node", HasValue: true),
        ],

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
        Options = type == "stream" ? [CommandOption.Vhost, Tracking] : [CommandOption.Vhost],
        Banner = async call => $"Status of {type} queue {call.Words[0]} on node {await call.Broker.NodeAsync()} ...",
        Run = async call =>
        {
            var queue = await call.Broker.FindAsync($"queues/{Uri.EscapeDataString(call.Vhost)}/{Uri.EscapeDataString(call.Words[0])}");
            return queue is null ? throw new CommandException(ExitCode.Unavailable, "not_found")
                : queue["type"]?.ToString() != type ? throw new CommandException(ExitCode.Unavailable, $"Cannot get {type} status of a {queue["type"]} queue")
                : call.Has(Tracking.Name) ? new RowsAnswer(["type", "reference", "value"], await TrackedAsync(call))
                : new RowsAnswer(["Node Name", "State", "Messages"], [[Text(queue["node"]), JsonValue.Create("leader"), Text(queue["messages"])]]);
        },
    };

    // Offsets that consumers have stored, and the last numbers of publishers.
    private static async Task<IReadOnlyList<IReadOnlyList<JsonNode?>>> TrackedAsync(CommandCall call)
    {
        var tracked = await call.Broker.GetAsync($"stream/{call.VhostPath}/{call.Path(0)}/tracking");
        return
        [
            .. new[] { ("offset", "offsets"), ("sequence", "writers") }.SelectMany(kind => (tracked[kind.Item2] as JsonObject ?? [])
                .Select(one => (IReadOnlyList<JsonNode?>)[JsonValue.Create(kind.Item1), JsonValue.Create(one.Key), Text(one.Value)])),
        ];
    }

    private static JsonNode? Text(JsonNode? value) => value is null ? null : JsonValue.Create(value.ToString());
}
