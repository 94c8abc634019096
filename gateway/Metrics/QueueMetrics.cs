using Granary.Core.Figures;

namespace Granary.Gateway.Metrics;

/// <summary>What is told of queues, by RabbitMQ's names.</summary>
internal static class QueueMetrics
{
    private const string Coarse = "queue_coarse_metrics";
    private const string Fine = "queue_metrics";
    private const string Consumers = "queue_consumer_count";
    private const string Deliveries = "queue_delivery_metrics";

    public static readonly Metric<QueueFigure>[] All =
    [
        Gauge(Coarse, "queue_messages_ready", "Messages ready to be delivered to consumers", static queue => queue.Ready),
        Gauge(Coarse, "queue_messages_unacked", "Messages delivered to consumers but not yet acknowledged", static queue => queue.Unacked),
        Gauge(Coarse, "queue_messages", "Sum of ready and unacknowledged messages - total queue depth", static queue => queue.Messages),
        Gauge(Consumers, "queue_consumers", "Consumers on a queue", static queue => queue.Consumers),
        Gauge(Fine, "queue_consumer_capacity", "Consumer capacity", static queue => queue is { Consumers: > 0, Ready: 0 } ? 1 : 0),
        Gauge(Fine, "queue_consumer_utilisation", "Same as consumer capacity", static queue => queue is { Consumers: > 0, Ready: 0 } ? 1 : 0),
        Gauge(Fine, "queue_process_memory_bytes", "Memory in bytes used by the queue", static queue => Management.Queues.QueueMemory.Resting + queue.MemoryBytes),
        Gauge(Fine, "queue_messages_bytes", "Size in bytes of ready messages", static queue => queue.ReadyBytes),
        Gauge(Fine, "queue_messages_ready_bytes", "Size in bytes of ready messages", static queue => queue.ReadyBytes),
        Gauge(Fine, "queue_messages_ram_bytes", "Size of ready messages stored in memory", static queue => queue.MemoryBytes),
        Gauge(Fine, "queue_messages_paged_out_bytes", "Size in bytes of messages paged to disk", static queue => queue.ReadyBytes - queue.MemoryBytes),
        Counter("queue_messages_published_total", "Total number of messages published to queues", static queue => queue[QueueCount.Publish]),
        Counter("queue_messages_delivered_ack_total", "Total number of messages delivered from queues in manual acknowledgement mode", static queue => queue[QueueCount.Deliver]),
        Counter("queue_messages_delivered_total", "Total number of messages delivered from queues in automatic acknowledgement mode", static queue => queue[QueueCount.DeliverNoAck]),
        Counter("queue_messages_redelivered_total", "Total number of messages redelivered from queues", static queue => queue[QueueCount.Redeliver]),
        Counter("queue_messages_acked_total", "Total number of messages acknowledged by consumers on queues", static queue => queue[QueueCount.Ack]),
        Counter("queue_get_ack_total", "Total number of messages fetched from queues with basic.get in manual acknowledgement mode", static queue => queue[QueueCount.Get]),
        Counter("queue_get_total", "Total number of messages fetched from queues with basic.get in automatic acknowledgement mode", static queue => queue[QueueCount.GetNoAck]),
        Counter("queue_get_empty_total", "Total number of times basic.get operations fetched no message on queues", static queue => queue[QueueCount.GetEmpty]),
        Age("queue_oldest_ready_age_seconds", "How long the oldest message that is ready has been in its queue; 0: none is", static queue => queue.OldestReadyAge),
        Age("queue_oldest_unacked_age_seconds", "How long the oldest message that was delivered and is not acknowledged has been in its queue; 0: none is", static queue => queue.OldestUnackedAge),
    ];

    /// <summary>What became of messages that died. RabbitMQ has labels for the type of the queue, and for whether and how it dead-letters; here it is one sum.</summary>
    public static readonly (string Name, QueueCount Count, string Help)[] DeadLettered =
    [
        ("rejected", QueueCount.Reject, "Total number of messages dead-lettered due to basic.reject or basic.nack"),
        ("expired", QueueCount.Expire, "Total number of messages dead-lettered due to message TTL exceeded"),
        ("maxlen", QueueCount.Drop, "Total number of messages dead-lettered due to overflow drop-head or reject-publish-dlx"),
        ("delivery_limit", QueueCount.Exhaust, "Total number of messages dead-lettered due to delivery-limit exceeded"),
        ("confirmed", QueueCount.DeadLetter, "Total number of messages dead-lettered and confirmed by target queues"),
    ];

    /// <summary>Which of a process' counts, those of queues that are gone included, a family is the sum of; null: the present queues' alone.</summary>
    public static QueueCount? SumOf(string name) => name switch
    {
        "queue_messages_published_total" => QueueCount.Publish,
        "queue_messages_delivered_ack_total" => QueueCount.Deliver,
        "queue_messages_delivered_total" => QueueCount.DeliverNoAck,
        "queue_messages_redelivered_total" => QueueCount.Redeliver,
        "queue_messages_acked_total" => QueueCount.Ack,
        "queue_get_ack_total" => QueueCount.Get,
        "queue_get_total" => QueueCount.GetNoAck,
        "queue_get_empty_total" => QueueCount.GetEmpty,
        _ => null,
    };

    private static Metric<QueueFigure> Age(string name, string help, Func<QueueFigure, long?> milliseconds) =>
        Gauge(Coarse, name, help, queue => (milliseconds(queue) ?? 0) / 1000d) with { IsOwn = true, IsLargest = true };

    private static Metric<QueueFigure> Gauge(string group, string name, string help, Func<QueueFigure, double> value) => new(group, name, IsCounter: false, help, value);

    private static Metric<QueueFigure> Counter(string name, string help, Func<QueueFigure, double> value) => new(Deliveries, name, IsCounter: true, help, value);
}
