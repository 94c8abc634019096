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

    // They say of which queues, and how: nothing is done to any.
    private static readonly CommandOption[] Unused =
    [
        new("errors-only"), new("vhost-pattern", HasValue: true), new("queue-pattern", HasValue: true), new("membership", HasValue: true),
        new("preferred-leader-node", HasValue: true),
    ];

    // In the order in which rabbitmq-queues has them.
    private static readonly string[] PeekedProperties =
        ["cluster_id", "app_id", "user_id", "type", "timestamp", "message_id", "expiration", "reply_to", "correlation_id", "priority", "delivery_mode", "content_encoding", "content_type"];

    /// <summary>Of rabbitmq-queues.</summary>
    public static IEnumerable<Command> Queues =>
    [
        Added("add_member", "Adds a quorum queue member (replica) on the given node", "quorum", "Cannot add members to a {0} queue"),
        Removed("delete_member", "Removes a quorum queue member (replica) on the given node", "quorum", "Cannot delete members from a {0} queue", "last_node", isEither: true),
        Grown("grow", "Grows quorum queue clusters by adding a member (replica) on the specified node", "quorum queues"),
        Shrunk("shrink", "Shrinks quorum queue clusters by removing any members (replicas) on the given node", "quorum queues"),
        Nothing("grow_to_count", "Grows quorum queue clusters to the given number of members (replicas)", "<node_count> <all | even> [--vhost-pattern <pattern>] [--queue-pattern <pattern>]", 2),
        Nothing("transfer_leadership", "Transfers the leadership of a quorum queue to the given node", "[--vhost <vhost>] <queue> <node>", 2),
        Nothing("force_checkpoint", "Forces checkpoints for all matching quorum queues", "[--vhost-pattern <pattern>] [--queue-pattern <pattern>]", 0),
        OfQueue(
            "reclaim_quorum_memory", "Flushes quorum queue processes WAL, performs a full sweep GC on all of its local Erlang processes", "quorum",
            static call => $"Will flush Raft WAL of quorum queue {call.Words[0]} ...",
            static (call, queue) => queue is null ? Absent(call) : new CommandException(ExitCode.Unavailable, $"This operation is not applicable to {TypeOf(queue)} queues")),
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
        Added("add_replica", "Adds a stream replica on the given node", "stream", "Cannot add replicas to a {0} queue"),
        Removed("delete_replica", "Removes a stream replica on the given node", "stream", "Cannot delete replicas from a {0} queue", "Cannot delete the last member of a stream", isEither: false),
        Nothing("restart_stream", "Restarts a stream including all of its replicas", "[--vhost <vhost>] <stream>", 1),
        new("set_stream_retention_policy", Group, "Sets the retention policy of a stream queue", "[--vhost <vhost>] <name> <policy>")
        {
            LeastWords = 2, Options = [CommandOption.Vhost],
            Banner = static call => UserCommands.Told($"Setting retention policy of stream queue {call.Words[0]} to {call.Words[1]} ..."),
            Run = static async call => await FindAsync(call) is null
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
        Grown("grow", "Grows stream clusters by adding a replica on the specified node", "streams"),
        Shrunk("shrink", "Shrinks stream clusters by removing any replicas on the given node", "streams"),
        Nothing("transfer_leadership", "Transfers the leadership of a stream to the given node", "[--vhost <vhost>] <stream> <node>", 2),
    ];

    /// <summary>Of rabbitmqctl: mirrors, as RabbitMQ has them up to 3.13.</summary>
    public static IEnumerable<Command> Mirrors =>
    [
        OfMirrors(
            "sync_queue", "Instructs a mirrored queue with unsynchronised mirrors (follower replicas) to synchronise them", "Synchronising",
            static (_, queue) => IsMirrored(queue) ? Task.FromResult(Answer.None) : throw new CommandException(ExitCode.Unavailable, "not_mirrored")),
        OfMirrors(
            "cancel_sync_queue", "Instructs a synchronising mirrored queue to stop synchronising itself", "Stopping synchronising",
            static (call, _) => ControlCommands.ValueAsync(call, "not_syncing")),
    ];

    /// <summary>Whether a node may be stopped.</summary>
    public static IEnumerable<Command> Critical =>
    [
        Check("check_if_node_is_quorum_critical", "Health check that exits with a non-zero code if there are queues with minimum online quorum", "node-is-quorum-critical", "quorum of any quorum queues", "quorum queues with minimum quorum", "local queues with minimum online quorum"),
        Check("check_if_node_is_mirror_sync_critical", "Health check that exits with a non-zero code if there are classic mirrored queues without online synchronised mirrors", "node-is-mirror-sync-critical", "data safety of any classic mirrored queues", "classic mirrored queues without online mirrors", "local queues without online mirrors"),
    ];

    private static int Position(CommandCall call) =>
        int.TryParse(call.Words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var position) && position > 0
            ? position
            : throw CommandException.NotValid("\"position value must be a positive integer\"");

    // The messages before it are looked at, too: they stay where they are, as if nobody had.
    private static async Task<Answer> PeekAsync(CommandCall call)
    {
        var position = Position(call);
        if (await FindAsync(call) is not { } queue)
        {
            throw Absent(call);
        }

        if (queue["type"]?.ToString() != "quorum")
        {
            throw Refused($"Cannot peek into a {queue["type"]} queue");
        }

        var messages = (await call.Broker.AskAsync($"{PathOf(call)}/get", new JsonObject { ["count"] = position, ["ackmode"] = "browse", ["encoding"] = "auto" })).AsArray();
        if (messages.Count < position)
        {
            throw Refused("Target queue does not have a message at that position");
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

    private static CommandException Refused(string reason) =>
        new(ExitCode.Unavailable, reason) { Json = new JsonObject { ["message"] = reason, ["result"] = "error" } };

    private static CommandException Absent(CommandCall call) => Refused($"Target queue was not found in virtual host '{call.Vhost}'");

    private static string TypeOf(JsonNode queue) => queue["type"]?.ToString() ?? "classic";

    /// <summary>Of a queue that has to be there, and of one type: there is nothing to do with it.</summary>
    private static Command OfQueue(string name, string summary, string type, Func<CommandCall, string> banner, Func<CommandCall, JsonNode?, CommandException> refuse) => new(name, Group, summary, $"[--vhost <vhost>] <{type} queue>")
    {
        LeastWords = 1,
        Options = [CommandOption.Vhost],
        Banner = call => UserCommands.Told(banner(call)),
        Run = async call =>
        {
            var queue = await FindAsync(call);
            return queue is not null && TypeOf(queue) == type ? Answer.None : throw refuse(call, queue);
        },
    };

    private static Task<JsonNode?> FindAsync(CommandCall call) => call.Broker.FindAsync(PathOf(call));

    private static string PathOf(CommandCall call) => $"queues/{call.VhostPath}/{call.Path(0)}";

    /// <summary>A replica at a node that there is: every one of them can serve the queue already.</summary>
    private static Command Added(string name, string summary, string type, string unfit) => new(name, Group, summary, $"[--vhost <vhost>] <{type}> <node>")
    {
        LeastWords = 2,
        Options = [CommandOption.Vhost, .. Unused],
        Banner = static call => UserCommands.Told($"Adding a replica for queue {call.Words[0]} on node {call.Words[1]}..."),
        Run = async call =>
        {
            await RequireAsync(call, type, unfit);
            return await NodeCommands.IsMemberAsync(call, call.Words[1]) ? Answer.None : throw new CommandException(ExitCode.Unavailable, "node_not_running");
        },
    };

    /// <param name="isEither">A node that has none is as good as one whose replica is gone.</param>
    private static Command Removed(string name, string summary, string type, string unfit, string last, bool isEither) => new(name, Group, summary, $"[--vhost <vhost>] <{type}> <node>")
    {
        LeastWords = 2,
        Options = [CommandOption.Vhost, .. Unused],
        Banner = static call => UserCommands.Told($"Removing a replica of queue {call.Words[0]} on node {call.Words[1]}..."),
        Run = async call =>
        {
            await RequireAsync(call, type, unfit);
            return !await NodeCommands.IsMemberAsync(call, call.Words[1])
                ? isEither ? Answer.None : throw new CommandException(ExitCode.Unavailable, "node_not_running")
                : await IsAloneAsync(call) ? throw new CommandException(ExitCode.Unavailable, last)
                : Answer.None;
        },
    };

    private static async Task RequireAsync(CommandCall call, string type, string unfit)
    {
        var queue = await FindAsync(call) ?? throw new CommandException(ExitCode.Unavailable, "not_found");
        if (TypeOf(queue) != type)
        {
            throw new CommandException(ExitCode.Unavailable, string.Format(CultureInfo.InvariantCulture, unfit, TypeOf(queue)));
        }
    }

    private static Command Grown(string name, string summary, string what) => new(name, Group, summary, "<node> <all | even> [--vhost-pattern <pattern>] [--queue-pattern <pattern>]")
    {
        LeastWords = 2,
        Options = Unused,
        Check = static call =>
        {
            if (call.Words[1] is not ("all" or "even"))
            {
                throw CommandException.NotValid($"\"strategy '{call.Words[1]}' is not recognised.\"");
            }
        },
        Banner = call => UserCommands.Told($"Growing {call.Words[1]} {what} on {call.Words[0]}..."),
        Run = NoneChangedAsync,
    };

    private static Command Shrunk(string name, string summary, string what) => new(name, Group, summary, "<node> [--errors-only]")
    {
        LeastWords = 1,
        Options = Unused,
        Banner = call => UserCommands.Told($"Shrinking {what} on {call.Words[0]}..."),
        Run = NoneChangedAsync,
    };

    /// <summary>The list of the queues that have got a replica more, or less.</summary>
    private static async Task<Answer> NoneChangedAsync(CommandCall call)
    {
        await call.Broker.OverviewAsync();
        return new RowsAnswer(["vhost", "name", "size", "result"], [], ShowsNothing: true);
    }

    private static Command OfMirrors(string name, string summary, string doing, Func<CommandCall, JsonNode, Task<Answer>> run) => new(name, Group, summary, "[--vhost <vhost>] <queue>")
    {
        LeastWords = 1,
        Options = [CommandOption.Vhost],
        Banner = call => UserCommands.Told($"{doing} queue '{call.Words[0]}' in vhost '{call.Vhost}' ..."),
        Run = async call =>
        {
            var queue = await FindAsync(call) ?? throw new CommandException(ExitCode.Unavailable, "not_found");
            return TypeOf(queue) == "classic" ? await run(call, queue) : throw new CommandException(ExitCode.Unavailable, $"{TypeOf(queue)}_queue_not_supported");
        },
    };

    /// <summary>Evens out the queues over the members. They move one after the other; what is told is where those that would have replicas are now.</summary>
    /// <returns>For each node that has any, the columns that RabbitMQ tells, as name and value.</returns>
    internal static async Task<JsonArray> RebalanceAsync(CommandCall call, string type)
    {
        var patterns = new[] { "vhost-pattern", "queue-pattern" }.Where(option => call[option] is not null)
            .Select(option => $"{option.Replace('-', '_')}={Uri.EscapeDataString(call[option]!)}").ToArray();
        await call.Broker.PostAsync(patterns.Length > 0 ? $"rebalance/queues?{string.Join('&', patterns)}" : "rebalance/queues");
        var queues = (await call.Broker.ListAsync("queues")).Select(static queue => (Node: queue["node"]?.ToString() ?? "", IsQuorum: TypeOf(queue) == "quorum", IsMirrored: IsMirrored(queue)))
            .Where(queue => type is "all" or "quorum" ? queue.IsQuorum || (queue.IsMirrored && type == "all") : queue.IsMirrored && type == "classic");
        return
        [
            .. queues.GroupBy(static queue => queue.Node).OrderBy(static node => node.Key, StringComparer.Ordinal).Select(static node => (JsonNode?)new JsonArray(
                new JsonArray("Node name", node.Key),
                new JsonArray("Number of quorum queues", node.Count(static queue => queue.IsQuorum)),
                new JsonArray("Number of replicated classic queues", node.Count(static queue => queue.IsMirrored)))),
        ];
    }

    private static bool IsMirrored(JsonNode queue) => TypeOf(queue) == "classic" && queue["effective_policy_definition"]?["ha-mode"] is not null;

    internal static async Task<bool> IsAloneAsync(CommandCall call) => (await call.Broker.ListAsync("nodes")).Count(static node => node["running"]?.GetValue<bool>() != false) < 2;

    private static Command Nothing(string name, string summary, string usage, int words) => new(name, Group, summary, usage)
    {
        LeastWords = words,
        Options = [CommandOption.Vhost, .. Unused],

        // That it answers is enough.
        Run = static async call =>
        {
            await call.Broker.OverviewAsync();
            return Answer.Of(None);
        },
    };

    private static Command Check(string name, string summary, string check, string about, string none, string some) => new(name, Group, summary, "")
    {
        Banner = async call => $"Checking if node {await call.Broker.NodeAsync()} is critical for {about} ...",
        Run = async call =>
        {
            const string Alone = "seems to be the only one in a single node cluster, the check does not apply";
            var node = await call.Broker.NodeAsync();
            if (await IsAloneAsync(call))
            {
                return new TextAnswer($"Node {node} {Alone}", new JsonObject { ["message"] = $"Target node {Alone}", ["result"] = "ok" }) { IsCheck = true };
            }

            return await call.Broker.CheckAsync($"health/checks/{check}") is { } reason
                ? throw CommandException.Found(reason, new JsonObject { ["message"] = $"Node {node} reported {some}", ["queues"] = new JsonArray(), ["result"] = "error" })
                : new TextAnswer($"Node {node} reported no {none}", new JsonObject { ["result"] = "ok" }) { IsCheck = true };
        },
    };

    private static Command Status(string name, string summary, string word, string type) => new(name, Group, summary, $"[--vhost <vhost>] <{word}>")
    {
        LeastWords = 1,
        Options = type == "stream" ? [CommandOption.Vhost, Tracking] : [CommandOption.Vhost],
        Formatter = "pretty_table",
        Banner = async call => $"Status of {(type == "stream" ? "stream" : "quorum queue")} {call.Words[0]} on node {await call.Broker.NodeAsync()} ...",
        Run = async call =>
        {
            var queue = await FindAsync(call);
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
