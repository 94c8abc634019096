namespace Granary.Core.Counting;

/// <summary>What is counted of messages: the names of RabbitMQ's message_stats.</summary>
public enum MessageEvent
{
    Publish,

    /// <summary>A publish was confirmed; refusals are not counted.</summary>
    Confirm,

    ReturnUnroutable,

    /// <summary>Written to a consumer that acknowledges.</summary>
    Deliver,

    DeliverNoAck,

    Get,

    GetNoAck,

    GetEmpty,

    /// <summary>Of those delivered and got: not for the first time.</summary>
    Redeliver,

    Ack,

    /// <summary>Deliveries that went back because their lease was over.</summary>
    LeaseEnd,

    /// <summary>Acknowledged, rejected or requeued when its lease was over: ignored.</summary>
    LateSettle,
}
