using Granary.Core.Counting;
using Granary.Core.Figures;

namespace Granary.Gateway.Metrics;

/// <summary>What is told of channels and connections, by RabbitMQ's names.</summary>
internal static class ClientMetrics
{
    private const string Channel = "channel_metrics";
    private const string ChannelExchange = "channel_exchange_metrics";
    private const string ChannelQueue = "channel_queue_metrics";
    private const string Coarse = "connection_coarse_metrics";
    private const string Fine = "connection_metrics";

    public static readonly Metric<ChannelFigure>[] Channels =
    [
        Gauge(Channel, "channel_consumers", "Consumers on a channel", static channel => channel.Consumers),
        Gauge(Channel, "channel_messages_unacked", "Delivered but not yet acknowledged messages", static channel => channel.Unacked),
        Gauge(Channel, "channel_messages_unconfirmed", "Published but not yet confirmed messages", static channel => channel.Unconfirmed),
        Gauge(Channel, "consumer_prefetch", "Limit of unacknowledged messages for each consumer", static channel => channel.Prefetch),
        Gauge(Channel, "channel_prefetch", "Total limit of unacknowledged messages for all consumers on a channel", static channel => channel.SharedPrefetch),
        .. Counted.Select(count => new Metric<ChannelFigure>(count.Group, count.Name, IsCounter: true, count.Help, channel => channel.Counts[(int)count.What])),
    ];

    /// <summary>What is counted on channels; of a process the sum with those that are closed.</summary>
    public static IEnumerable<(string Group, string Name, MessageEvent What, string Help)> Counted =>
    [
        (ChannelExchange, "channel_messages_published_total", MessageEvent.Publish, "Total number of messages published into an exchange on a channel"),
        (ChannelExchange, "channel_messages_confirmed_total", MessageEvent.Confirm, "Total number of messages published into an exchange and confirmed on the channel"),
        (ChannelExchange, "channel_messages_unroutable_returned_total", MessageEvent.ReturnUnroutable, "Total number of messages published as mandatory into an exchange and returned to the publisher as unroutable"),
        (ChannelQueue, "channel_messages_delivered_ack_total", MessageEvent.Deliver, "Total number of messages delivered to consumers in manual acknowledgement mode"),
        (ChannelQueue, "channel_messages_delivered_total", MessageEvent.DeliverNoAck, "Total number of messages delivered to consumers in automatic acknowledgement mode"),
        (ChannelQueue, "channel_messages_redelivered_total", MessageEvent.Redeliver, "Total number of messages redelivered to consumers"),
        (ChannelQueue, "channel_messages_acked_total", MessageEvent.Ack, "Total number of messages acknowledged by consumers"),
        (ChannelQueue, "channel_get_ack_total", MessageEvent.Get, "Total number of messages fetched with basic.get in manual acknowledgement mode"),
        (ChannelQueue, "channel_get_total", MessageEvent.GetNoAck, "Total number of messages fetched with basic.get in automatic acknowledgement mode"),
        (ChannelQueue, "channel_get_empty_total", MessageEvent.GetEmpty, "Total number of times basic.get operations fetched no message"),
    ];

    public static readonly Metric<ConnectionFigure>[] Connections =
    [
        new(Coarse, "connection_incoming_bytes_total", true, "Total number of bytes received on a connection", static connection => connection.ReceivedBytes),
        new(Coarse, "connection_outgoing_bytes_total", true, "Total number of bytes sent on a connection", static connection => connection.SentBytes),
        new(Fine, "connection_incoming_packets_total", true, "Total number of packets received on a connection", static connection => connection.ReceivedPackets),
        new(Fine, "connection_outgoing_packets_total", true, "Total number of packets sent on a connection", static connection => connection.SentPackets),
        new(Fine, "connection_pending_bytes", false, "Number of bytes waiting to be sent on a connection", static connection => connection.UnsentBytes),
        new(Fine, "connection_channels", false, "Channels on a connection", static connection => connection.Channels),
    ];

    private static Metric<ChannelFigure> Gauge(string group, string name, string help, Func<ChannelFigure, double> value) => new(group, name, IsCounter: false, help, value);
}
