using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using static Granary.Compat.Tests.Conformance.Steps;

namespace Granary.Compat.Tests.Conformance;

/// <summary>What values of arguments are refused with, and which are the same when a queue is declared again.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class ValidationCases(SharedBroker shared) : ConformanceTests(shared)
{
    private const long TenYears = 315_360_000_000;

    private static readonly (string Type, string Argument, object? Value, string Reason)[] Refused =
    [
        ("classic", "x-message-ttl", -1, "{value_negative,-1}"),
        ("classic", "x-message-ttl", TenYears + 1, "{value_too_large,315360000001}"),
        ("classic", "x-message-ttl", "soon", "\"expected integer, got longstr\""),
        ("classic", "x-message-ttl", 1.5, "\"expected integer, got double\""),
        ("classic", "x-message-ttl", true, "\"expected integer, got bool\""),
        ("quorum", "x-message-ttl", -1, "{value_negative,-1}"),
        ("classic", "x-expires", 0, "{value_zero,0}"),
        ("classic", "x-expires", -1, "{value_negative,-1}"),
        ("classic", "x-expires", TenYears + 1, "{value_too_large,315360000001}"),
        ("classic", "x-expires", "soon", "\"expected integer, got longstr\""),
        ("classic", "x-max-length", -5, "{value_negative,-5}"),
        ("classic", "x-max-length", "10", "\"expected integer, got longstr\""),
        ("classic", "x-max-length-bytes", -5, "{value_negative,-5}"),
        ("classic", "x-max-priority", -1, "{value_negative,-1}"),
        ("classic", "x-max-priority", 256, "{max_value_exceeded,256}"),
        ("classic", "x-max-priority", "5", "\"expected integer, got longstr\""),
        ("classic", "x-overflow", "explode", "invalid_overflow"),
        ("classic", "x-overflow", 5, "{unacceptable_type,signedint}"),
        ("classic", "x-dead-letter-routing-key", "k", "routing_key_but_no_dlx_defined"),
        ("quorum", "x-dead-letter-strategy", "sometimes", "invalid_dlx_strategy"),
        ("quorum", "x-dead-letter-strategy", 5, "{unacceptable_type,signedint}"),
        ("classic", "x-single-active-consumer", "yes", "{unacceptable_type,longstr}"),
        ("classic", "x-queue-mode", "eager", "\"unsupported queue mode 'eager'\""),
        ("quorum", "x-queue-leader-locator", "there", "invalid_queue_locator_arg"),
        ("quorum", "x-quorum-initial-group-size", 0, "{value_zero,0}"),
        ("quorum", "x-quorum-initial-group-size", -1, "{value_negative,-1}"),
        ("stream", "x-initial-cluster-size", 0, "{value_zero,0}"),
        ("stream", "x-max-age", "0s", "invalid_max_age"),
        ("stream", "x-max-age", "5", "invalid_max_age"),
        ("stream", "x-max-age", "5w", "invalid_max_age"),
        ("stream", "x-max-age", 5, "{unacceptable_type,signedint}"),
        ("stream", "x-max-length-bytes", -5, "{value_negative,-5}"),
    ];

    private static readonly object[] Integers = [(byte)200, (sbyte)100, (short)200, (ushort)200, 200, 200u, 200L, 200ul];

    internal static readonly ConformanceSection Section = new(
        "2.5 Argument validation",
        [
            .. Refused.Select(row => Case(
                $"{row.Argument} of a {row.Type} queue: {row.Value} ({row.Value?.GetType().Name}) is 406",
                ChannelError(
                    406, $"PRECONDITION_FAILED - invalid arg '{row.Argument}' for queue '{{q}}' in vhost '/': {row.Reason}",
                    Declare("q", "durable", ("x-queue-type", row.Type), (row.Argument, row.Value))))),
            Case("x-dead-letter-exchange: no text is 406",
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue '{q}' in vhost '/'",
                    Declare("q", ("x-dead-letter-exchange", 5)))),
            Case("x-queue-leader-locator of a classic queue: another one is 406",
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid arg 'x-queue-leader-locator' for queue '{q}' in vhost '/': invalid_queue_locator_arg",
                    Declare("q", ("x-queue-leader-locator", "there")))).Since("4.0", "is refused whatever it is", "rabbit_classic_queue: capabilities"),
            Case("x-max-age: without a number is 406",
                ChannelError(406, "PRECONDITION_FAILED - invalid arg 'x-max-age' for queue '{s}' in vhost '/': invalid_max_age", StreamQueue("s", ("x-max-age", "soon"))))
                .OurOwn("541 on the connection", "a client's mistake is no internal error (rabbit_amqqueue: check_max_age reads an empty number)"),
            .. Integers.Select(number => Case(
                $"integers: {number.GetType().Name} is one",
                Declare("q", ("x-max-length", number), ("x-message-ttl", number), ("x-expires", 60_000)))),
            .. Integers.Where(number => number is not sbyte).Select(number => Case(
                $"integers: {number.GetType().Name} 200 is the same as Int64 200",
                Declare("q", ("x-max-length", 200L)), Declare("q", ("x-max-length", number)))),
            Case("times: ten years are the most",
                Declare("q", ("x-message-ttl", TenYears), ("x-expires", TenYears))),
            Case("x-max-age: in years, months, days, hours, minutes and seconds",
                [.. "YMDhms".Select(unit => StreamQueue($"s{char.ToLowerInvariant(unit)}{(char.IsUpper(unit) ? 1 : 0)}", ("x-max-age", $"3{unit}")))]),
            Case("an argument that nobody knows is accepted, and not compared",
                Declare("q", ("my-argument", 1), ("x-mine", "a")), Declare("q", ("my-argument", 2)), Declare("q")),
            Case("an argument that is left out is 406, with its type",
                Declare("q", ("x-message-ttl", 60_000)),
                ChannelError(
                    406,
                    "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue '{q}' in vhost '/': received none but current is the value '60000' of type 'signedint'",
                    Declare("q"))),
            Case("an argument that is added is 406, with its type",
                Declare("q"),
                ChannelError(
                    406,
                    "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue '{q}' in vhost '/': received the value '1800000' of type 'long' but current is none",
                    Declare("q", ("x-message-ttl", 1_800_000L)))),
            Case("an argument with another value is 406, with both",
                Declare("q", ("x-overflow", "drop-head")),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'x-overflow' for queue '{q}' in vhost '/': received 'reject-publish' but current is 'drop-head'",
                    Declare("q", ("x-overflow", "reject-publish")))),
            Case("a redeclaration: durable is compared",
                Declare("q"),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{q}' in vhost '/': received 'true' but current is 'false'", Declare("q", "durable"))),
            Case("a redeclaration: auto_delete is compared",
                Declare("q"),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for queue '{q}' in vhost '/': received 'true' but current is 'false'", Declare("q", "auto-delete"))),
            Case("a redeclaration: durable is compared before arguments",
                Declare("q", ("x-max-length", 5)),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{q}' in vhost '/': received 'true' but current is 'false'",
                    Declare("q", "durable", ("x-max-length", 6)))),
            Case("a redeclaration: of several arguments that differ, a fixed one is told",
                Declare("q", ("x-max-priority", 5), ("x-message-ttl", 60_000), ("x-expires", 60_000)),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'x-expires' for queue '{q}' in vhost '/': received none but current is the value '60000' of type 'signedint'",
                    Declare("q")),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'x-max-priority' for queue '{q}' in vhost '/': received none but current is the value '5' of type 'signedint'",
                    Declare("q", ("x-queue-type", "quorum"), ("x-message-ttl", 60_000), ("x-expires", 60_000)))),
            Case("a redeclaration: quorum queues compare in an order of their own",
                Quorum("q", ("x-message-ttl", 60_000), ("x-expires", 60_000), ("x-max-length", 5)),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue '{q}' in vhost '/': received none but current is the value '5' of type 'signedint'",
                    Quorum("q", ("x-expires", 60_000)))),
            Case("of several arguments that are wrong, a fixed one is told",
                ChannelError(406, "PRECONDITION_FAILED - invalid arg 'x-expires' for queue '{q}' in vhost '/': {value_zero,0}", Declare("q", ("x-message-ttl", -1), ("x-expires", 0))),
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid arg 'x-max-length' for queue '{q}' in vhost '/': {value_negative,-1}",
                    Declare("q", ("x-overflow", "explode"), ("x-max-priority", 300), ("x-max-length", -1)))),
            Case("a redeclaration: exclusive is a matter of 405",
                Declare("q"),
                ChannelError(405, QueueLifeCases.Locked("q"), Declare("q", "exclusive"))),
            Case("a redeclaration: of a quorum queue as a classic one",
                Quorum("q"),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue '{q}' in vhost '/': received 'classic' but current is 'quorum'",
                    Declare("q", "durable"))).Since("4.0", "406, and the text says that there was none", "rabbit_amqqueue: augment_declare_args"),
        ]);

    public static IEnumerable<object[]> Rows => Section.Names;

    [Theory]
    [MemberData(nameof(Rows))]
    public Task Row_OnTheBroker_IsAsInRabbitMq(string row) => RunAsync(Section[row]);
}
