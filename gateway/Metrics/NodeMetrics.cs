using Granary.Core.Counting;
using Granary.Core.Figures;

namespace Granary.Gateway.Metrics;

/// <summary>What is told of a process, by RabbitMQ's names.</summary>
internal static class NodeMetrics
{
    private const string Coarse = "node_coarse_metrics";
    private const string Fine = "node_metrics";
    private const string Churn = "connection_churn_metrics";
    private const string Alarms = "alarm_metrics";

    public static readonly Metric<NodeFigure>[] All =
    [
        new(Coarse, "process_open_fds", false, "Open file descriptors", static node => node.FilesUsed),
        new(Coarse, "process_open_tcp_sockets", false, "Open TCP sockets", static node => node.SocketsUsed),
        new(Coarse, "process_resident_memory_bytes", false, "Memory used in bytes", static node => node.MemoryUsed),
        new(Coarse, "disk_space_available_bytes", false, "Disk space available in bytes", static node => node.DiskFree),
        new(Coarse, "erlang_processes_used", false, "Threads used, where RabbitMQ has Erlang processes", static node => node.Threads),
        new(Coarse, "erlang_gc_runs_total", true, "Total number of garbage collector runs", static node => node.Collections),
        new(Fine, "process_max_fds", false, "Open file descriptors limit", static node => node.FilesLimit),
        new(Fine, "process_max_tcp_sockets", false, "Open TCP sockets limit", static node => Math.Max(1, Math.Floor(node.FilesLimit * 0.9) - 2)),
        new(Fine, "resident_memory_limit_bytes", false, "Memory high watermark in bytes", static node => node.MemoryLimit),
        new(Fine, "disk_space_available_limit_bytes", false, "Free disk space low watermark in bytes", static node => node.DiskFreeLimit),
        new(Fine, "erlang_processes_limit", false, "Erlang processes limit of RabbitMQ; there is none here", static _ => 1_048_576),
        new(Fine, "erlang_scheduler_run_queue", false, "Work items that wait for a thread", static node => node.RunQueue),
        new(Fine, "erlang_uptime_seconds", false, "Node uptime", static node => node.Uptime / 1000d),
        new(Churn, "connections_opened_total", true, "Total number of connections opened", static node => node.ConnectionsOpened),
        new(Churn, "connections_closed_total", true, "Total number of connections closed or terminated", static node => node.ConnectionsEnded),
        new(Churn, "channels_opened_total", true, "Total number of channels opened", static node => node.ChannelsOpened),
        new(Churn, "channels_closed_total", true, "Total number of channels closed", static node => node.ChannelsEnded),
        new(Churn, "queues_declared_total", true, "Total number of queues declared", static node => node.QueuesDeclared),
        new(Churn, "queues_created_total", true, "Total number of queues created", static node => node.QueuesDeclared),
        new(Churn, "queues_deleted_total", true, "Total number of queues deleted", static node => node.QueuesEnded),
        new(Alarms, "alarms_free_disk_space_watermark", false, "is 1 if free disk space watermark alarm is in effect", static node => node.DiskAlarm ? 1 : 0),
        new(Alarms, "alarms_memory_used_watermark", false, "is 1 if memory watermark alarm is in effect", static node => node.MemoryAlarm ? 1 : 0),
        new(Alarms, "alarms_file_descriptor_limit", false, "is 1 if file descriptor limit alarm is in effect", static _ => 0),
    ];

    /// <summary>What is counted by protocol. Each is the sum of the events it names.</summary>
    public static readonly (string Name, MessageEvent[] Of, string Help)[] Global =
    [
        ("global_messages_received_total", [MessageEvent.Publish], "Total number of messages received from publishers"),
        ("global_messages_confirmed_total", [MessageEvent.Confirm], "Total number of messages confirmed to publishers"),
        ("global_messages_unroutable_returned_total", [MessageEvent.ReturnUnroutable], "Total number of messages published as mandatory and returned to the publisher as unroutable"),
        ("global_messages_delivered_total", [MessageEvent.Deliver, MessageEvent.DeliverNoAck, MessageEvent.Get, MessageEvent.GetNoAck], "Total number of messages delivered to consumers"),
        ("global_messages_delivered_consume_manual_ack_total", [MessageEvent.Deliver], "Total number of messages delivered to consumers using basic.consume with manual acknowledgment"),
        ("global_messages_delivered_consume_auto_ack_total", [MessageEvent.DeliverNoAck], "Total number of messages delivered to consumers using basic.consume with automatic acknowledgment"),
        ("global_messages_delivered_get_manual_ack_total", [MessageEvent.Get], "Total number of messages delivered to consumers using basic.get with manual acknowledgment"),
        ("global_messages_delivered_get_auto_ack_total", [MessageEvent.GetNoAck], "Total number of messages delivered to consumers using basic.get with automatic acknowledgment"),
        ("global_messages_get_empty_total", [MessageEvent.GetEmpty], "Total number of times basic.get operations fetched no message"),
        ("global_messages_redelivered_total", [MessageEvent.Redeliver], "Total number of messages redelivered to consumers"),
        ("global_messages_acknowledged_total", [MessageEvent.Ack], "Total number of message acknowledgements received from consumers"),
    ];
}
