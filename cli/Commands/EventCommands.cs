using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Granary.Cli.Invocation;
using Granary.Cli.Output;

namespace Granary.Cli.Commands;

/// <summary>
/// What comes and goes in the broker. RabbitMQ's nodes tell it themselves; here the lists are looked at each second, and what is in one and not in the one before is told.
/// </summary>
internal static class EventCommands
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestMatch = TimeSpan.FromMilliseconds(50);

    // What tells one from the others comes first.
    private static readonly Kind[] Kinds =
    [
        new("queue.created", "queue.deleted", "queues", 2, "vhost", "name", "type", "durable", "auto_delete", "exclusive", "arguments"),
        new("exchange.created", "exchange.deleted", "exchanges", 2, "vhost", "name", "type", "durable", "auto_delete", "internal", "arguments"),
        new("binding.created", "binding.deleted", "bindings", 5, "vhost", "source", "destination", "destination_type", "properties_key", "routing_key", "arguments"),
        new("connection.created", "connection.closed", "connections", 1, "name", "node", "user", "vhost", "protocol", "auth_mechanism", "peer_host", "peer_port", "ssl", "client_properties"),
        new("channel.created", "channel.closed", "channels", 1, "name", "number", "node", "user", "vhost"),
        new("consumer.created", "consumer.deleted", "consumers", 3, "queue", "channel_details", "consumer_tag", "ack_required", "exclusive", "prefetch_count", "arguments"),
        new("vhost.created", "vhost.deleted", "vhosts", 1, "name", "description", "tags"),
        new("user.created", "user.deleted", "users", 1, "name", "tags"),
        new("permission.created", "permission.deleted", "permissions", 2, "user", "vhost", "configure", "write", "read") { TellsChanges = true },
        new("topic.permission.created", "topic.permission.deleted", "topic-permissions", 3, "user", "vhost", "exchange", "write", "read") { TellsChanges = true },
        new("policy.set", "policy.cleared", "policies", 2, "vhost", "name", "pattern", "apply-to", "definition", "priority") { TellsChanges = true },
        new("parameter.set", "parameter.cleared", "parameters", 3, "vhost", "component", "name", "value") { TellsChanges = true },
    ];

    public static IEnumerable<Command> All =>
    [
        new("consume_event_stream", "Monitoring, observability and health checks", "Streams internal events from a running node. Output is jq-compatible.", "[--duration|-d <seconds>] [--pattern <pattern>]")
        {
            Options = [new("duration", 'd', HasValue: true), new("pattern", HasValue: true)],
            Check = static call => _ = (LogCommands.Duration(call), Pattern(call)),
            Run = static async call =>
            {
                // Also where nothing happens for long, it is known at once that there is a broker.
                await call.Broker.OverviewAsync();
                return new StreamAnswer(StreamAsync(call, CancellationToken.None));
            },
        },
    ];

    private static async IAsyncEnumerable<string> StreamAsync(CommandCall call, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var (duration, pattern, began) = (LogCommands.Duration(call), Pattern(call), Stopwatch.GetTimestamp());
        var known = new Dictionary<Kind, Dictionary<string, JsonObject>>();
        foreach (var kind in Kinds.Where(kind => pattern.IsMatch(kind.Came) || pattern.IsMatch(kind.Went)))
        {
            if (await TryLookAsync(call, kind) is { } first)
            {
                known.Add(kind, first);
            }
        }

        while (duration is null || Stopwatch.GetElapsedTime(began) < duration)
        {
            await Task.Delay(Pause, cancellation);
            foreach (var (kind, before) in known.ToArray())
            {
                var now = await kind.LookAsync(call);
                known[kind] = now;
                foreach (var told in kind.Changes(before, now).Where(change => pattern.IsMatch(change.Event)))
                {
                    yield return told.ToLine();
                }
            }
        }
    }

    // Null: not for who asks.
    private static async Task<Dictionary<string, JsonObject>?> TryLookAsync(CommandCall call, Kind kind)
    {
        try
        {
            return await kind.LookAsync(call);
        }
        catch (CommandException) when (kind.Path is "users" or "permissions" or "topic-permissions" or "policies" or "parameters")
        {
            return null;
        }
    }

    private static Regex Pattern(CommandCall call)
    {
        try
        {
            return new Regex(call["pattern"] ?? ".*", RegexOptions.CultureInvariant, LongestMatch);
        }
        catch (ArgumentException exception)
        {
            throw CommandException.NotValid($"Invalid options for this command:\n--pattern : {exception.Message}");
        }
    }

    /// <summary>A list of the management API, and what its changes are called.</summary>
    /// <param name="KeyFields">How many of the fields tell one item from the others.</param>
    /// <param name="Fields">What is told of an item.</param>
    private sealed record Kind(string Came, string Went, string Path, int KeyFields, params string[] Fields)
    {
        /// <summary>An item that is other than before is told as one that came.</summary>
        public bool TellsChanges { get; init; }

        public async Task<Dictionary<string, JsonObject>> LookAsync(CommandCall call)
        {
            var items = new Dictionary<string, JsonObject>(StringComparer.Ordinal);
            foreach (var item in await call.Broker.ListAsync($"{Path}?columns={string.Join(',', Fields)}"))
            {
                items[string.Join('\0', Fields.Take(KeyFields).Select(field => item[field]?.ToJsonString(Json.Relaxed)))] = item;
            }

            return items;
        }

        public IEnumerable<Change> Changes(Dictionary<string, JsonObject> before, Dictionary<string, JsonObject> now) =>
        [
            .. before.Where(item => !now.ContainsKey(item.Key)).Select(item => new Change(Went, item.Value, Fields.Take(KeyFields))),
            .. now.Where(item => !before.TryGetValue(item.Key, out var former) || (TellsChanges && !JsonNode.DeepEquals(former, item.Value))).Select(item => new Change(Came, item.Value, Fields)),
        ];
    }

    private sealed record Change(string Event, JsonObject Item, IEnumerable<string> Fields)
    {
        public string ToLine()
        {
            var line = new JsonObject { ["event"] = Event, ["timestamp_in_ms"] = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() };
            foreach (var field in Fields.Where(Item.ContainsKey))
            {
                line[field] = Item[field]?.DeepClone();
            }

            return line.ToJsonString(Json.Relaxed);
        }
    }
}
