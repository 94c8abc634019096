namespace Granary.Core.Figures;

/// <summary>What is counted of a queue since it was declared or recovered, in messages unless it says otherwise. Named as in RabbitMQ's message_stats where it has a name.</summary>
public enum QueueCount
{
    /// <summary>Accepted from publishers; dead letters from other queues included.</summary>
    Publish,

    /// <summary>Refused because the queue is full.</summary>
    Refuse,

    /// <summary>Given to consumers that acknowledge.</summary>
    Deliver,

    DeliverNoAck,

    /// <summary>Given to basic.get that is to be acknowledged.</summary>
    Get,

    GetNoAck,

    /// <summary>Times that basic.get found nothing.</summary>
    GetEmpty,

    /// <summary>Of those given out, the ones that may have been seen before.</summary>
    Redeliver,

    Ack,

    /// <summary>Returned to their place by a client.</summary>
    Requeue,

    /// <summary>Rejected by a client for good.</summary>
    Reject,

    Expire,

    /// <summary>Dropped because the queue was full.</summary>
    Drop,

    /// <summary>Of those rejected, expired, dropped and exhausted, the ones that are dead-lettered.</summary>
    DeadLetter,

    /// <summary>Came back more often than the queue allows.</summary>
    Exhaust,

    /// <summary>Confirmed and dropped, because the queue took one like it before.</summary>
    Duplicate,

    /// <summary>Of those returned to their place, the ones that no client returned: their lease was over.</summary>
    LeaseEnd,
}
