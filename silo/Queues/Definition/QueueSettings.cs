using Granary.Amqp;
using Granary.Silo.DeadLetters;

namespace Granary.Silo.Queues.Definition;

/// <summary>What a queue does with a message that is one too many.</summary>
internal enum Overflow
{
    /// <summary>The oldest ready messages go.</summary>
    DropHead,

    /// <summary>The new message is refused.</summary>
    RejectPublish,

    /// <summary>The new message is refused, and dead-lettered.</summary>
    RejectPublishDeadLetter,
}

/// <summary>What the arguments of a queue make of it. Times are in milliseconds; null is no limit.</summary>
/// <param name="MessageTtl">How long a message may be in the queue.</param>
/// <param name="Expires">How long the queue may be unused.</param>
/// <param name="MaxLength">Ready messages.</param>
/// <param name="MaxBytes">Body bytes of ready messages.</param>
/// <param name="DeadLetters">What is done with dead messages; null: they are dropped.</param>
/// <param name="SingleActiveConsumer">Only one consumer at a time is given messages.</param>
/// <param name="DeliveryLimit">How often a message may come back; null: for ever.</param>
/// <param name="HighestPriority">The highest priority that messages have in the queue; null: theirs do not matter.</param>
/// <param name="ConsumerTimeout">How long a delivery may stay unacknowledged; null: as long as the gateway says.</param>
internal sealed record QueueSettings(
    long? MessageTtl, long? Expires, long? MaxLength, long? MaxBytes, Overflow Overflow, DeadLetterRule? DeadLetters, bool SingleActiveConsumer, long? ConsumerTimeout,
    long? DeliveryLimit, byte? HighestPriority)
{
    /// <summary>Of quorum queues that do not say otherwise, as in RabbitMQ from 4.0 on.</summary>
    private const long StandardDeliveryLimit = 20;

    /// <summary>A hundred years.</summary>
    private const long ForEver = 100L * 365 * 24 * 60 * 60 * 1_000;

    public bool IsLimited => MaxLength is not null || MaxBytes is not null;

    /// <summary>Reads arguments that have been checked.</summary>
    public static QueueSettings From(FieldTable arguments, QueueTypes type)
    {
        return new QueueSettings(
            Number("x-message-ttl"), Number("x-expires"), Number("x-max-length"), type == QueueTypes.Stream ? null : Number("x-max-length-bytes"),
            Text("x-overflow") switch
            {
                "reject-publish" => Overflow.RejectPublish,

                // A quorum queue does not know it and goes on as if nothing had been said.
                "reject-publish-dlx" when type != QueueTypes.Quorum => Overflow.RejectPublishDeadLetter,
                _ => Overflow.DropHead,
            },
            Text("x-dead-letter-exchange") is { } exchange ? new DeadLetterRule(exchange, Text("x-dead-letter-routing-key")) : null,
            arguments.TryGetValue("x-single-active-consumer", out var single) && single.TryGetBoolean(out var isSingle) && isSingle,
            Number("x-consumer-timeout") is { } timeout ? Math.Min(timeout, ForEver) : null,
            type == QueueTypes.Quorum ? DeliveryLimitOf(arguments) : null,

            // There are at least two priorities (rabbit_priority_queue).
            type == QueueTypes.Classic && Number("x-max-priority") is { } most ? (byte)Math.Clamp(most, 1, byte.MaxValue) : null);

        long? Number(string name) => arguments.TryGetValue(name, out var value) && value.TryGetInteger(out var number) ? number : null;

        string? Text(string name) => arguments.TryGetValue(name, out var value) && value.TryGetText(out var text) ? text : null;
    }
    /// <summary>What is no number, or a negative one, is no limit.</summary>
    private static long? DeliveryLimitOf(FieldTable arguments) =>
        !arguments.TryGetValue("x-delivery-limit", out var value) ? StandardDeliveryLimit
        : value.TryGetInteger(out var limit) && limit >= 0 ? limit
        : null;
}
