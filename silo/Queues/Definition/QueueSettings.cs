using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Core.Policies;
using Granary.Silo.DeadLetters;
using Granary.Silo.Streams;

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

/// <summary>What the arguments of a queue, and the policies that it goes by, make of it. Times are in milliseconds; null is no limit.</summary>
/// <param name="MessageTtl">How long a message may be in the queue.</param>
/// <param name="Expires">How long the queue may be unused.</param>
/// <param name="MaxLength">Ready messages.</param>
/// <param name="MaxBytes">Body bytes of ready messages.</param>
/// <param name="DeadLetters">What is done with dead messages; null: they are dropped.</param>
/// <param name="SingleActiveConsumer">Only one consumer at a time is given messages.</param>
/// <param name="DeliveryLimit">How often a message may come back; null: for ever.</param>
/// <param name="Priorities">Which priorities messages have in the queue; null: theirs do not matter.</param>
/// <param name="ConsumerTimeout">How long a delivery may stay unacknowledged; null: as long as the gateway says.</param>
internal sealed record QueueSettings(
    long? MessageTtl, long? Expires, long? MaxLength, long? MaxBytes, Overflow Overflow, DeadLetterRule? DeadLetters, bool SingleActiveConsumer, long? ConsumerTimeout,
    long? DeliveryLimit, PriorityRule? Priorities)
{
    /// <summary>A hundred years.</summary>
    private const long ForEver = 100L * 365 * 24 * 60 * 60 * 1_000;

    /// <summary>Null: it is no stream.</summary>
    public StreamSettings? Stream { get; init; }

    /// <summary>The header by which messages are in groups that go to one consumer at a time; null: they are in none.</summary>
    public string? MessageGroup { get; init; }

    /// <summary>After how long a delivery that is not settled comes back, unless its consumer says otherwise; null: never.</summary>
    public long? MessageLease { get; init; }

    /// <summary>How long messages that came back wait until they are delivered again; null: not at all. Those of groups do not, for then others would overtake them.</summary>
    public DelayedRetry? DelayedRetry { get; init; }

    /// <summary>Null: messages like others are taken as others are.</summary>
    public DeduplicationWindow? Deduplication { get; init; }

    /// <summary>Of what an exchange delays: it goes there when it is due, and nothing else is done with it.</summary>
    public static QueueSettings OfDelayed(string exchange) =>
        new(null, null, null, null, Overflow.DropHead, new DeadLetterRule(exchange, RoutingKey: null), SingleActiveConsumer: false, null, null, null);

    /// <summary>Of what an exchange published last: the first goes when another comes.</summary>
    public static QueueSettings OfHistory(long length) =>
        new(null, null, length, null, Overflow.DropHead, DeadLetters: null, SingleActiveConsumer: false, null, null, null);

    public bool IsLimited => MaxLength is not null || MaxBytes is not null;

    /// <summary>
    /// Reads arguments that have been checked. Where a policy says something, too, the lesser of two limits holds, and otherwise what the argument says
    /// (rabbit_queue_type_util's args_policy_lookup).
    /// </summary>
    public static QueueSettings From(FieldTable arguments, QueueTypes type, AppliedPolicy? policy = null)
    {
        var definition = (policy ?? AppliedPolicy.None).Definition;
        return new QueueSettings(
            Least("message-ttl"), Least("expires"), Least("max-length"), type == QueueTypes.Stream ? null : Least("max-length-bytes"),
            Text("overflow") switch
            {
                "reject-publish" => Overflow.RejectPublish,

                // A quorum queue does not know it and goes on as if nothing had been said.
                "reject-publish-dlx" when type != QueueTypes.Quorum => Overflow.RejectPublishDeadLetter,
                _ => Overflow.DropHead,
            },
            Text("dead-letter-exchange") is { } exchange ? new DeadLetterRule(exchange, Text("dead-letter-routing-key")) { Keeps = KeepsDead() } : null,
            arguments.TryGetValue("x-single-active-consumer", out var single) && single.TryGetBoolean(out var isSingle) && isSingle,
            Least("consumer-timeout") is { } timeout ? Math.Min(timeout, ForEver) : null,
            type == QueueTypes.Quorum ? DeliveryLimits.Of(arguments, definition) : null,

            // There are at least two priorities (rabbit_priority_queue). A policy says nothing of them.
            type == QueueTypes.Quorum ? PriorityRule.Quorum
            : type == QueueTypes.Classic && Least("max-priority") is { } most ? new PriorityRule((byte)Math.Clamp(most, 1, byte.MaxValue)) : null)
        {
            Stream = type == QueueTypes.Stream ? StreamSettings.From(arguments, definition) : null,
            DelayedRetry = type == QueueTypes.Quorum && !arguments.ContainsKey("x-message-group") ? DelayedRetry.Of(arguments, definition) : null,
            MessageGroup = arguments.TryGetValue("x-message-group", out var group) && group.TryGetText(out var header) ? header : null,
            MessageLease = type == QueueTypes.Stream ? null : Least("message-lease"),
            Deduplication = type != QueueTypes.Stream && Flag("message-deduplication") ? DeduplicationWindow.Of(Least("cache-size"), Least("cache-ttl")) : null,
        };

        long? Least(string name)
        {
            var argument = arguments.TryGetValue($"x-{name}", out var value) && value.TryGetInteger(out var number) ? number : (long?)null;
            return definition.Number(name) is { } set && (argument is null || set < argument) ? set : argument;
        }

        // Whatever else is said, messages that are kept must not push others out (rabbit_quorum_queue's dead_letter_handler).
        bool KeepsDead() => type == QueueTypes.Quorum && Text("dead-letter-strategy") == "at-least-once" && Text("overflow") == "reject-publish";

        bool Flag(string name) => arguments.TryGetValue($"x-{name}", out var value) && value.TryGetBoolean(out var isSet) ? isSet : definition.Flag(name);

        string? Text(string name) => arguments.TryGetValue($"x-{name}", out var value) && value.TryGetText(out var text) ? text : definition.Text(name);
    }
}
