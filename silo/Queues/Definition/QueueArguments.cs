using System.Globalization;
using Granary.Amqp;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Topology;

namespace Granary.Silo.Queues.Definition;

/// <summary>An argument of queue.declare: which types of queue know it, and what is wrong with a value (an Erlang term as text), or null.</summary>
internal sealed record QueueArgument(string Name, QueueTypes KnownTo, Func<FieldValue, FieldTable, string?> Check)
{
    /// <summary>Types of queue for which a declaration with another value is refused.</summary>
    public QueueTypes ComparedBy { get; init; } = KnownTo;
}

/// <summary>All arguments RabbitMQ knows (rabbit_amqqueue's declare_args, and what each queue type lists as its own).</summary>
internal static class QueueArguments
{
    public const string Type = "x-queue-type", DeadLetterExchange = "x-dead-letter-exchange";

    /// <summary>Ten years in milliseconds: the longest TTL or expiry (rabbit_misc).</summary>
    private const long LongestTimer = 315_360_000_000;

    private const long LargestSegment = 3_000_000_000;

    /// <summary>In the order in which they are checked, RabbitMQ's own in that of declare_args; but the type is always the first.</summary>
    public static readonly QueueArgument[] All =
    [
        new("x-expires", QueueTypes.Classic | QueueTypes.Quorum, (value, _) => Timer(value, zeroAllowed: false)),
        new("x-message-ttl", QueueTypes.Classic | QueueTypes.Quorum, (value, _) => Timer(value, zeroAllowed: true)),
        new(DeadLetterExchange, QueueTypes.Classic | QueueTypes.Quorum, (value, _) => Text(value)),
        new("x-dead-letter-routing-key", QueueTypes.Classic | QueueTypes.Quorum, DeadLetterKey),
        new("x-dead-letter-strategy", QueueTypes.Quorum, OneOf("invalid_dlx_strategy", "at-most-once", "at-least-once")),
        new("x-max-length", QueueTypes.Classic | QueueTypes.Quorum, (value, _) => Integer(value)),
        new("x-max-length-bytes", QueueTypes.All, (value, _) => Integer(value)),
        new("x-max-in-memory-length", QueueTypes.Quorum, (value, _) => Integer(value)),
        new("x-max-in-memory-bytes", QueueTypes.Quorum, (value, _) => Integer(value)),
        new("x-max-priority", QueueTypes.Classic, (value, _) => Integer(value, most: 255)),
        new("x-overflow", QueueTypes.Classic | QueueTypes.Quorum, OneOf("invalid_overflow", "drop-head", "reject-publish", "reject-publish-dlx")),
        new("x-queue-mode", QueueTypes.Classic, (value, _) => Supported(value, "queue mode", "default", "lazy")),
        new("x-queue-version", QueueTypes.Classic, (value, _) => CheckVersion(value)),
        new("x-single-active-consumer", QueueTypes.Classic | QueueTypes.Quorum, (value, _) => Boolean(value)),
        new(Type, QueueTypes.All, (value, _) => CheckType(value)),
        new("x-quorum-initial-group-size", QueueTypes.Quorum, (value, _) => Integer(value, least: 1)),
        new("x-max-age", QueueTypes.Stream, (value, _) => CheckAge(value)),
        new("x-stream-max-segment-size-bytes", QueueTypes.Stream, (value, _) => Integer(value)),
        new("x-stream-filter-size-bytes", QueueTypes.Stream, (value, _) => Integer(value)),
        new("x-initial-cluster-size", QueueTypes.Stream, (value, _) => Integer(value, least: 1)),
        new("x-queue-leader-locator", QueueTypes.All, OneOf("invalid_queue_locator_arg", "client-local", "balanced", "random", "least-leaders")),
        new("x-queue-master-locator", QueueTypes.Classic, Anything),
        new("x-delivery-limit", QueueTypes.Quorum, Anything),
        new("x-delayed-retry-type", QueueTypes.Quorum, (_, all) => all.ContainsKey("x-message-group") ? "\"not supported together with x-message-group\"" : null),
        new("x-delayed-retry-min", QueueTypes.Quorum, Anything),
        new("x-delayed-retry-max", QueueTypes.Quorum, Anything),

        // In RabbitMQ 4.2 channels look for it, whatever the queue's type; from 4.3 on quorum queues have it.
        new("x-consumer-timeout", QueueTypes.All, (value, _) => Integer(value)) { ComparedBy = QueueTypes.Quorum },
        new("x-consumer-disconnected-timeout", QueueTypes.Quorum, Anything),
        new(MessageLease.Argument, QueueTypes.Classic | QueueTypes.Quorum, (value, _) => Timer(value, zeroAllowed: false)),
        new("x-message-group", QueueTypes.Classic | QueueTypes.Quorum, Group),

        // Of the plugin rabbitmq_message_deduplication, and of LavinMQ.
        new("x-message-deduplication", QueueTypes.Classic | QueueTypes.Quorum, (value, _) => Boolean(value)),
        new("x-cache-size", QueueTypes.Classic | QueueTypes.Quorum, (value, _) => Integer(value, least: 1, most: DeduplicationWindow.LargestSize)),
        new("x-cache-ttl", QueueTypes.Classic | QueueTypes.Quorum, (value, _) => Timer(value, zeroAllowed: false)),
    ];

    /// <summary>What quorum queues compare before all others, in this order (rabbit_quorum_queue's capabilities); other types compare in the order of <see cref="All"/>.</summary>
    private static readonly string[] FirstOfQuorum =
    [
        DeadLetterExchange, "x-dead-letter-routing-key", "x-dead-letter-strategy", "x-expires", "x-max-length", "x-max-length-bytes", "x-max-in-memory-length",
        "x-max-in-memory-bytes", "x-overflow", "x-single-active-consumer", Type, "x-quorum-initial-group-size", "x-delivery-limit", "x-message-ttl",
        "x-queue-leader-locator",
    ];

    private static readonly QueueArgument[] OfClassic = [.. All.Where(argument => argument.ComparedBy.HasFlag(QueueTypes.Classic))];

    private static readonly QueueArgument[] OfQuorum =
    [
        .. FirstOfQuorum.Select(name => All.First(argument => argument.Name == name)),
        .. All.Where(argument => argument.ComparedBy.HasFlag(QueueTypes.Quorum) && !FirstOfQuorum.Contains(argument.Name, StringComparer.Ordinal)),
    ];

    private static readonly QueueArgument[] OfStream = [.. All.Where(argument => argument.ComparedBy.HasFlag(QueueTypes.Stream))];

    /// <summary>The arguments that a queue of a type compares when it is declared again; the first that differs is the one that is told.</summary>
    public static QueueArgument[] ComparedBy(QueueTypes type) => type switch
    {
        QueueTypes.Quorum => OfQuorum,
        QueueTypes.Stream => OfStream,
        _ => OfClassic,
    };

    /// <summary>The queue type that a name stands for, RabbitMQ's module names included.</summary>
    public static QueueTypes TypeNamed(string name) => name switch
    {
        "classic" or "rabbit_classic_queue" => QueueTypes.Classic,
        "quorum" or "rabbit_quorum_queue" => QueueTypes.Quorum,
        "stream" or "rabbit_stream_queue" => QueueTypes.Stream,
        _ => QueueTypes.None,
    };

    /// <summary>A failed check of an integer argument, as RabbitMQ words it; null when it is one from <paramref name="least"/> on.</summary>
    public static string? Integer(FieldValue value, long least = 0, long most = long.MaxValue) => value switch
    {
        _ when !value.TryGetInteger(out _) => $"\"expected integer, got {FieldText.TypeName(value.Kind)}\"",
        _ when NumberOf(value) < 0 && least >= 0 => string.Create(CultureInfo.InvariantCulture, $"{{value_negative,{NumberOf(value)}}}"),
        _ when NumberOf(value) < least => string.Create(CultureInfo.InvariantCulture, $"{{value_zero,{NumberOf(value)}}}"),
        _ when NumberOf(value) > most => string.Create(CultureInfo.InvariantCulture, $"{{max_value_exceeded,{NumberOf(value)}}}"),
        _ => null,
    };

    private static string? Anything(FieldValue value, FieldTable all) => null;

    private static long NumberOf(FieldValue value) => value.TryGetInteger(out var number) ? number : 0;

    /// <summary>As <see cref="Integer"/>, for a time in milliseconds: not beyond ten years (rabbit_misc's check_expiry).</summary>
    public static string? Timer(FieldValue value, bool zeroAllowed)
    {
        var error = Integer(value, least: zeroAllowed ? 0 : 1);
        return error is null && NumberOf(value) > LongestTimer
            ? string.Create(CultureInfo.InvariantCulture, $"{{value_too_large,{NumberOf(value)}}}")
            : error;
    }

    private static string? Text(FieldValue value) =>
        value.Kind == FieldKind.LongString ? null : Unacceptable(value);

    private static string? Group(FieldValue value, FieldTable all) =>
        Text(value) ?? (all.ContainsKey("x-max-priority") ? "\"not supported together with x-max-priority\"" : null);

    private static string? Boolean(FieldValue value) =>
        value.Kind == FieldKind.Boolean ? null : Unacceptable(value);

    private static string Unacceptable(FieldValue value) => $"{{unacceptable_type,{FieldText.TypeName(value.Kind)}}}";

    private static Func<FieldValue, FieldTable, string?> OneOf(string error, params string[] values) =>
        (value, _) => !value.TryGetText(out var text) ? Unacceptable(value) : values.Contains(text, StringComparer.Ordinal) ? null : error;

    private static string? Supported(FieldValue value, string what, params string[] values) =>
        !value.TryGetText(out var text) ? Unacceptable(value)
        : values.Contains(text, StringComparer.Ordinal) ? null
        : $"\"unsupported {what} '{text}'\"";

    private static string? CheckType(FieldValue value) =>
        !value.TryGetText(out var text) ? Unacceptable(value)
        : TypeNamed(text) == QueueTypes.None ? $"\"unsupported queue type '{text}'\""
        : null;

    private static string? CheckVersion(FieldValue value) =>
        Integer(value) ?? (NumberOf(value) is 1 or 2 ? null : $"\"unsupported queue version '{NumberOf(value)}'\"");

    private static string? DeadLetterKey(FieldValue value, FieldTable all) =>
        value.Kind != FieldKind.LongString ? Unacceptable(value)
        : all.ContainsKey(DeadLetterExchange) ? null
        : "routing_key_but_no_dlx_defined";

    private static string? CheckAge(FieldValue value)
    {
        if (!value.TryGetText(out var text))
        {
            return Unacceptable(value);
        }

        var isAge = text.Length > 1 && "YMDhms".Contains(text[^1], StringComparison.Ordinal)
            && long.TryParse(text.AsSpan(..^1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0;
        return isAge ? null : "invalid_max_age";
    }

    /// <summary>What streams check by themselves (rabbit_stream_queue), after all others and in words of their own; null: nothing is wrong.</summary>
    public static string? CheckStream(FieldTable arguments) =>
        NumberIn(arguments, "x-stream-max-segment-size-bytes") > LargestSegment ? "Exceeded max value for x-stream-max-segment-size-bytes"
        : NumberIn(arguments, "x-stream-filter-size-bytes") is < 16 or > 255 ? "Invalid value for  x-stream-filter-size-bytes"
        : null;

    private static long? NumberIn(FieldTable arguments, string name) => arguments.TryGetValue(name, out var value) && value.TryGetInteger(out var number) ? number : null;
}
