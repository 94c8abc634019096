using Granary.Core.Counting;
using Granary.Core.Figures;
using Granary.Gateway.Management.Histories;

namespace Granary.Gateway.Management.Frame;

/// <summary>RabbitMQ's <c>message_stats</c>: what was done with messages, and how fast that goes on. Null: never.</summary>
internal sealed record MessageStats
{
    public long? Publish { get; init; }

    public Rate? PublishDetails { get; init; }

    public long? PublishIn { get; init; }

    public Rate? PublishInDetails { get; init; }

    public long? PublishOut { get; init; }

    public Rate? PublishOutDetails { get; init; }

    public long? Confirm { get; init; }

    public Rate? ConfirmDetails { get; init; }

    public long? ReturnUnroutable { get; init; }

    public Rate? ReturnUnroutableDetails { get; init; }

    public long? DropUnroutable { get; init; }

    public Rate? DropUnroutableDetails { get; init; }

    public long? DeliverGet { get; init; }

    public Rate? DeliverGetDetails { get; init; }

    public long? Deliver { get; init; }

    public Rate? DeliverDetails { get; init; }

    public long? DeliverNoAck { get; init; }

    public Rate? DeliverNoAckDetails { get; init; }

    public long? Get { get; init; }

    public Rate? GetDetails { get; init; }

    public long? GetNoAck { get; init; }

    public Rate? GetNoAckDetails { get; init; }

    public long? GetEmpty { get; init; }

    public Rate? GetEmptyDetails { get; init; }

    public long? Redeliver { get; init; }

    public Rate? RedeliverDetails { get; init; }

    public long? Ack { get; init; }

    public Rate? AckDetails { get; init; }

    /// <summary>Dropped by the queue because it took one like it before. Null: none was.</summary>
    public long? DropDuplicate { get; init; }

    public Rate? DropDuplicateDetails { get; init; }

    /// <summary>Went back because their lease was over. Null: none did.</summary>
    public long? LeaseEnd { get; init; }

    public Rate? LeaseEndDetails { get; init; }

    /// <summary>Settled when their lease was over, which is ignored. Null: none was.</summary>
    public long? LateSettle { get; init; }

    public Rate? LateSettleDetails { get; init; }

    /// <summary>Null: nothing was ever done with the queue.</summary>
    public static MessageStats? Of(QueueFigure queue)
    {
        if (queue.Counts.Length == 0)
        {
            return null;
        }

        return new MessageStats
        {
            Publish = queue[QueueCount.Publish],
            PublishDetails = Rate(QueueCount.Publish),
            Deliver = queue[QueueCount.Deliver],
            DeliverDetails = Rate(QueueCount.Deliver),
            DeliverNoAck = queue[QueueCount.DeliverNoAck],
            DeliverNoAckDetails = Rate(QueueCount.DeliverNoAck),
            Get = queue[QueueCount.Get],
            GetDetails = Rate(QueueCount.Get),
            GetNoAck = queue[QueueCount.GetNoAck],
            GetNoAckDetails = Rate(QueueCount.GetNoAck),
            GetEmpty = queue[QueueCount.GetEmpty],
            GetEmptyDetails = Rate(QueueCount.GetEmpty),
            Redeliver = queue[QueueCount.Redeliver],
            RedeliverDetails = Rate(QueueCount.Redeliver),
            Ack = queue[QueueCount.Ack],
            AckDetails = Rate(QueueCount.Ack),
            DropDuplicate = queue[QueueCount.Duplicate] is > 0 and var duplicates ? duplicates : null,
            DropDuplicateDetails = queue[QueueCount.Duplicate] > 0 ? Rate(QueueCount.Duplicate) : null,
            LeaseEnd = queue[QueueCount.LeaseEnd] is > 0 and var ended ? ended : null,
            LeaseEndDetails = queue[QueueCount.LeaseEnd] > 0 ? Rate(QueueCount.LeaseEnd) : null,
            DeliverGet = queue[QueueCount.Deliver] + queue[QueueCount.DeliverNoAck] + queue[QueueCount.Get] + queue[QueueCount.GetNoAck],
            DeliverGetDetails = new Rate(
                queue.RateOf(QueueCount.Deliver) + queue.RateOf(QueueCount.DeliverNoAck) + queue.RateOf(QueueCount.Get) + queue.RateOf(QueueCount.GetNoAck)),
        };

        Rate Rate(QueueCount count) => new(queue.RateOf(count));
    }

    /// <summary>Of a channel, or of a process: by <see cref="MessageEvent"/>. Null: nothing was ever done.</summary>
    public static MessageStats? Of(long[] counts, double[] rates)
    {
        if (counts.Length == 0 || !counts.AsSpan().ContainsAnyExcept(0))
        {
            return null;
        }

        return new MessageStats
        {
            Publish = Count(MessageEvent.Publish),
            PublishDetails = RateOf(MessageEvent.Publish),
            Confirm = Count(MessageEvent.Confirm),
            ConfirmDetails = RateOf(MessageEvent.Confirm),
            ReturnUnroutable = Count(MessageEvent.ReturnUnroutable),
            ReturnUnroutableDetails = RateOf(MessageEvent.ReturnUnroutable),
            Deliver = Count(MessageEvent.Deliver),
            DeliverDetails = RateOf(MessageEvent.Deliver),
            DeliverNoAck = Count(MessageEvent.DeliverNoAck),
            DeliverNoAckDetails = RateOf(MessageEvent.DeliverNoAck),
            Get = Count(MessageEvent.Get),
            GetDetails = RateOf(MessageEvent.Get),
            GetNoAck = Count(MessageEvent.GetNoAck),
            GetNoAckDetails = RateOf(MessageEvent.GetNoAck),
            GetEmpty = Count(MessageEvent.GetEmpty),
            GetEmptyDetails = RateOf(MessageEvent.GetEmpty),
            Redeliver = Count(MessageEvent.Redeliver),
            RedeliverDetails = RateOf(MessageEvent.Redeliver),
            Ack = Count(MessageEvent.Ack),
            AckDetails = RateOf(MessageEvent.Ack),
            LeaseEnd = CountIfAny(MessageEvent.LeaseEnd),
            LeaseEndDetails = CountIfAny(MessageEvent.LeaseEnd) is null ? null : RateOf(MessageEvent.LeaseEnd),
            LateSettle = CountIfAny(MessageEvent.LateSettle),
            LateSettleDetails = CountIfAny(MessageEvent.LateSettle) is null ? null : RateOf(MessageEvent.LateSettle),
            DeliverGet = Count(MessageEvent.Deliver) + Count(MessageEvent.DeliverNoAck) + Count(MessageEvent.Get) + Count(MessageEvent.GetNoAck),
            DeliverGetDetails = new Rate(
                RateOf(MessageEvent.Deliver).Value + RateOf(MessageEvent.DeliverNoAck).Value + RateOf(MessageEvent.Get).Value + RateOf(MessageEvent.GetNoAck).Value),
        };

        long Count(MessageEvent what) => counts[(int)what];

        // A member of the version before does not tell all.
        long? CountIfAny(MessageEvent what) => (int)what < counts.Length && counts[(int)what] > 0 ? counts[(int)what] : null;

        Rate RateOf(MessageEvent what) => new((int)what < rates.Length ? rates[(int)what] : 0);
    }

    /// <summary>With what was done with a queue, see <see cref="QueueCount"/>.</summary>
    public MessageStats WithQueue(History history) => this with
    {
        PublishDetails = history.Of(PublishDetails, [(int)QueueCount.Publish]),
        DeliverDetails = history.Of(DeliverDetails, [(int)QueueCount.Deliver]),
        DeliverNoAckDetails = history.Of(DeliverNoAckDetails, [(int)QueueCount.DeliverNoAck]),
        GetDetails = history.Of(GetDetails, [(int)QueueCount.Get]),
        GetNoAckDetails = history.Of(GetNoAckDetails, [(int)QueueCount.GetNoAck]),
        GetEmptyDetails = history.Of(GetEmptyDetails, [(int)QueueCount.GetEmpty]),
        RedeliverDetails = history.Of(RedeliverDetails, [(int)QueueCount.Redeliver]),
        AckDetails = history.Of(AckDetails, [(int)QueueCount.Ack]),
        DeliverGetDetails = history.Of(DeliverGetDetails, [(int)QueueCount.Deliver, (int)QueueCount.DeliverNoAck, (int)QueueCount.Get, (int)QueueCount.GetNoAck]),
    };

    /// <summary>With what was done by a channel, or in all processes.</summary>
    public MessageStats WithEvents(History history) => this with
    {
        PublishDetails = history.Of(PublishDetails, [(int)MessageEvent.Publish]),
        ConfirmDetails = history.Of(ConfirmDetails, [(int)MessageEvent.Confirm]),
        ReturnUnroutableDetails = history.Of(ReturnUnroutableDetails, [(int)MessageEvent.ReturnUnroutable]),
        DeliverDetails = history.Of(DeliverDetails, [(int)MessageEvent.Deliver]),
        DeliverNoAckDetails = history.Of(DeliverNoAckDetails, [(int)MessageEvent.DeliverNoAck]),
        GetDetails = history.Of(GetDetails, [(int)MessageEvent.Get]),
        GetNoAckDetails = history.Of(GetNoAckDetails, [(int)MessageEvent.GetNoAck]),
        GetEmptyDetails = history.Of(GetEmptyDetails, [(int)MessageEvent.GetEmpty]),
        RedeliverDetails = history.Of(RedeliverDetails, [(int)MessageEvent.Redeliver]),
        AckDetails = history.Of(AckDetails, [(int)MessageEvent.Ack]),
        DeliverGetDetails = history.Of(DeliverGetDetails, [(int)MessageEvent.Deliver, (int)MessageEvent.DeliverNoAck, (int)MessageEvent.Get, (int)MessageEvent.GetNoAck]),
    };

    /// <summary>With what was published to an exchange.</summary>
    public MessageStats WithExchange(History history) => this with
    {
        PublishInDetails = history.Of(PublishInDetails, [0]),
        PublishOutDetails = history.Of(PublishOutDetails, [1]),
    };

    /// <summary>Of an exchange.</summary>
    public static MessageStats? Of(PublishFigure? exchange) => exchange is null or { In: 0 } ? null : new MessageStats
    {
        PublishIn = exchange.In,
        PublishInDetails = new Rate(exchange.InRate),
        PublishOut = exchange.Out,
        PublishOutDetails = new Rate(exchange.OutRate),
    };
}
