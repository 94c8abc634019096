using System.Globalization;
using System.Text.Json.Nodes;
using Granary.Cli.Invocation;

namespace Granary.Cli.Commands;

internal static class InspectCommands
{
    private const string Group = "Monitoring, observability and health checks";

    private static readonly string[] QueueColumns =
    [
        "arguments", "auto_delete", "consumer_capacity", "consumer_utilisation", "consumers", "delayed_retry", "delivery_limit", "disk_reads", "disk_writes", "durable", "exclusive", "exclusive_consumer_pid", "exclusive_consumer_tag",
        "head_message_timestamp", "last_delayed_at", "leader", "members", "memory", "message_bytes", "message_bytes_persistent", "message_bytes_ram", "message_bytes_ready", "message_bytes_unacknowledged", "messages",
        "messages_delayed", "messages_persistent", "messages_ram", "messages_ready", "messages_ready_ram", "messages_unacknowledged", "messages_unacknowledged_ram", "name", "next_delayed_at", "online", "operator_policy",
        "effective_policy_definition", "owner_pid", "pid", "policy", "slave_pids", "state", "synchronised_slave_pids", "type",
    ];

    private static readonly string[] ExchangeColumns = ["name", "type", "durable", "auto_delete", "internal", "arguments", "policy"];

    private static readonly string[] BindingColumns = ["source_name", "source_kind", "destination_name", "destination_kind", "routing_key", "arguments"];

    private static readonly string[] ConnectionColumns =
    [
        "pid", "name", "port", "host", "peer_port", "peer_host", "ssl", "ssl_protocol", "ssl_key_exchange", "ssl_cipher", "ssl_hash", "peer_cert_subject",
        "peer_cert_issuer", "peer_cert_serial_number", "peer_cert_validity", "state", "channels", "protocol", "auth_mechanism", "user", "vhost", "container_id",
        "timeout", "frame_max", "channel_max", "client_properties", "recv_oct", "recv_cnt", "send_oct", "send_cnt", "send_pend", "connected_at",
    ];

    private static readonly string[] ChannelColumns =
    [
        "pid", "connection", "name", "number", "user", "vhost", "transactional", "confirm", "consumer_count", "messages_unacknowledged", "messages_uncommitted", "acks_uncommitted",
        "messages_unconfirmed", "prefetch_count", "global_prefetch_count",
    ];

    private static readonly string[] ConsumerColumns = ["queue_name", "channel_pid", "consumer_tag", "ack_required", "prefetch_count", "active", "activity_status", "arguments"];

    private static readonly CommandOption Online = new("online");
    private static readonly CommandOption Offline = new("offline");
    private static readonly CommandOption Local = new("local");

    public static IEnumerable<Command> All =>
    [
        new(
            "list_queues", Group,
            "Lists queues and their properties",
            "[--vhost <vhost>] [--online] [--offline] [--local] [--no-table-headers] [<column>, ...]")
        {
            MostWords = int.MaxValue, Options = [CommandOption.Vhost, Online, Offline, Local],
            Check = call => Lists.Require(call, QueueColumns),
            Banner = call =>
                UserCommands.Told($"Timeout: {call.Timeout.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)} seconds ...\nListing queues for vhost {call.Vhost} ..."),
            Run = async call =>
            {
                // What has no silo at the moment gets one as soon as it is asked for: there are no queues that are offline.
                var queues = call.Has("offline") ? [] : await InVhostAsync(call, "queues");
                if (call.Has("local"))
                {
                    var node = await call.Broker.NodeAsync();
                    queues = [.. queues.Where(queue => queue["node"]?.GetValue<string>() == node)];
                }

                return Lists.Of(call, queues, ["name", "messages"], QueueValue);
            },
        },
        new(
            "list_unresponsive_queues", Group,
            "Tests queues to respond within timeout. Lists those which did not respond",
            "[--vhost <vhost>] [--local] [--queue-timeout <queue-timeout>] [<column>, ...] [--no-table-headers]")
        {
            MostWords = int.MaxValue, Options = [CommandOption.Vhost, Local, new("all"), new("queue-timeout", HasValue: true)],
            Check = call => Lists.Require(call, QueueColumns),
            Banner = call => UserCommands.Told($"Listing unresponsive queues for vhost {call.Vhost} ..."),
            Run = async call =>
                Lists.Of(call, (await InVhostAsync(call, "queues")).Where(static queue => queue["state"]?.GetValue<string>() is "down" or "stopped"), ["name"], QueueValue),
        },
        new("list_exchanges", Group, "Lists exchanges", "[--vhost <vhost>] [--no-table-headers] [<column>, ...]")
        {
            MostWords = int.MaxValue, Options = [CommandOption.Vhost],
            Check = call => Lists.Require(call, ExchangeColumns),
            Banner = call => UserCommands.Told($"Listing exchanges for vhost {call.Vhost} ..."),
            Run = async call => Lists.Of(call, await InVhostAsync(call, "exchanges"), ["name", "type"], Plain),
        },
        new("list_bindings", Group, "Lists all bindings on a vhost", "[--vhost <vhost>] [--no-table-headers] [<column>, ...]")
        {
            MostWords = int.MaxValue, Options = [CommandOption.Vhost],
            Check = call => Lists.Require(call, BindingColumns),
            Banner = call => UserCommands.Told($"Listing bindings for vhost {call.Vhost}..."),
            Run = async call =>
                Lists.Of(call, await InVhostAsync(call, "bindings"), BindingColumns, static (binding, column) => column switch
            {
                "source_name" => binding["source"],
                "source_kind" => "exchange",
                "destination_name" => binding["destination"],
                "destination_kind" => binding["destination_type"],
                _ => Plain(binding, column),
            }),
        },
        new("list_connections", Group, "Lists AMQP 0.9.1 connections for the node", "[--no-table-headers] [<column>, ...]")
        {
            MostWords = int.MaxValue,
            Check = call => Lists.Require(call, ConnectionColumns),
            Banner = static _ => UserCommands.Told("Listing connections ..."),
            Run = async call =>
                Lists.Of(call, await call.Broker.ListAsync("connections"), ["user", "peer_host", "peer_port", "state"], static (connection, column) => column switch
            {
                "pid" => Pids.OfConnection(connection),
                "protocol" when connection["protocol"]?.GetValue<string>() == "AMQP 0-9-1" => "{0,9,1}",
                "client_properties" => connection["client_properties"] ?? new JsonObject(),
                _ => connection[column],
            }),
        },
        new("list_channels", Group, "Lists all channels in the node", "[--no-table-headers] [<column>, ...]")
        {
            MostWords = int.MaxValue,
            Check = call => Lists.Require(call, ChannelColumns),
            Banner = static _ => UserCommands.Told("Listing channels ..."),
            Run = async call =>
                Lists.Of(call, await call.Broker.ListAsync("channels"), ["pid", "user", "consumer_count", "messages_unacknowledged"], static (channel, column) => column switch
            {
                "pid" => Pids.OfChannel(channel),
                "connection" => Pids.OfConnection(channel["connection_details"] as JsonObject ?? [], channel["node"]),
                _ => channel[column],
            }),
        },
        new("list_consumers", Group, "Lists all consumers for a vhost", "[--vhost <vhost>] [--no-table-headers] [<column>, ...]")
        {
            MostWords = int.MaxValue, Options = [CommandOption.Vhost],
            Check = call => Lists.Require(call, ConsumerColumns),
            Banner = call => UserCommands.Told($"Listing consumers in vhost {call.Vhost} ..."),
            Run = async call => Lists.Of(
                call, await InVhostAsync(call, "consumers"), ["queue_name", "channel_pid", "consumer_tag", "ack_required", "prefetch_count", "active", "arguments"], static (consumer, column) => column switch
                {
                    "queue_name" => consumer["queue"]?["name"],
                    "channel_pid" => Pids.OfChannel(consumer["channel_details"] as JsonObject ?? []),
                    _ => Plain(consumer, column),
                }),
        },
    ];

    /// <summary>The things of one kind in the vhost: none, where there is no such vhost.</summary>
    private static async Task<IReadOnlyList<JsonObject>> InVhostAsync(CommandCall call, string kind) =>
        await call.Broker.FindAsync($"{kind}/{call.VhostPath}") is JsonArray list ? [.. list.OfType<JsonObject>()] : [];

    private static JsonNode? Plain(JsonObject item, string column) => item[column] ?? (column == "arguments" ? new JsonArray() : null);

    private static JsonNode? QueueValue(JsonObject queue, string column) => column switch
    {
        "pid" => $"<{queue["node"]}.1.{queue["name"]}>",
        "owner_pid" => queue["owner_pid_details"] is JsonObject owner ? Pids.OfConnection(owner, queue["node"]) : null,
        "messages_ready_ram" => queue["messages_ready_ram"] ?? queue["messages_ready"],
        "messages_unacknowledged_ram" => queue["messages_unacknowledged_ram"] ?? queue["messages_unacknowledged"],
        _ => Plain(queue, column),
    };
}
