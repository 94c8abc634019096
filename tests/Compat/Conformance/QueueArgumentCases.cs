using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using static Granary.Compat.Tests.Conformance.Checks;
using static Granary.Compat.Tests.Conformance.Steps;

namespace Granary.Compat.Tests.Conformance;

/// <summary>Arguments of queue.declare: which type of queue has which, and what they do.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class QueueArgumentCases(SharedBroker shared) : ConformanceTests(shared)
{
    private static readonly (string Type, string Argument, object? Value)[] OfOtherTypes =
    [
        ("classic", "x-delivery-limit", 5),
        ("classic", "x-dead-letter-strategy", "at-least-once"),
        ("classic", "x-quorum-initial-group-size", 1),
        ("classic", "x-max-age", "1h"),
        ("classic", "x-stream-max-segment-size-bytes", 100_000),
        ("classic", "x-initial-cluster-size", 1),
        ("quorum", "x-max-priority", 5),
        ("quorum", "x-queue-mode", "lazy"),
        ("quorum", "x-max-age", "1h"),
        ("quorum", "x-stream-max-segment-size-bytes", 100_000),
        ("quorum", "x-initial-cluster-size", 1),
        ("stream", "x-message-ttl", 1_000),
        ("stream", "x-expires", 60_000),
        ("stream", "x-max-length", 10),
        ("stream", "x-overflow", "drop-head"),
        ("stream", "x-dead-letter-exchange", ""),
        ("stream", "x-max-priority", 5),
        ("stream", "x-queue-mode", "lazy"),
        ("stream", "x-single-active-consumer", true),
        ("stream", "x-delivery-limit", 5),
        ("stream", "x-dead-letter-strategy", "at-least-once"),
        ("stream", "x-quorum-initial-group-size", 1),
    ];

    internal static readonly ConformanceSection Section = new(
        "2.1 Queue arguments",
        [
            Case("x-queue-type: classic, quorum and stream",
                Declare("c", "durable", ("x-queue-type", "classic")), Quorum("q"), StreamQueue("s")),
            Case("x-queue-type: none is classic when the queue is declared again",
                Declare("q"), Declare("q", ("x-queue-type", "classic")), Declare("q")),
            Case("x-queue-type: one that is not known is 406",
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid arg 'x-queue-type' for queue '{q}' in vhost '/': \"unsupported queue type 'heap'\"",
                    Declare("q", "durable", ("x-queue-type", "heap")))),
            Case("x-queue-type: of another type, it is 406",
                Declare("q", "durable"),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue '{q}' in vhost '/': received 'quorum' but current is 'classic'",
                    Quorum("q"))).Since("4.0", "406, and the text says that there was none", "rabbit_amqqueue: augment_declare_args"),
            .. OfOtherTypes.Select(row => Case(
                $"{row.Argument}: a {row.Type} queue refuses it",
                ChannelError(
                    406, $"PRECONDITION_FAILED - invalid arg '{row.Argument}' for queue '{{q}}' in vhost '/' of queue type rabbit_{row.Type}_queue",
                    Declare("q", "durable", ("x-queue-type", row.Type), (row.Argument, row.Value))))),
            Case("x-message-ttl: messages expire, and are dead-lettered",
                Declare("dead"),
                Declare("q", ("x-message-ttl", 1), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))),
                Publish("q", "m"),
                Arrives("dead", "m", Header("x-first-death-reason", "expired"))),
            Case("x-expires: the queue is deleted when it is unused for so long",
                Declare("q", ("x-expires", 100)),
                Gone("q")),
            Case("x-max-length: counts ready messages only",
                Declare("q", ("x-max-length", 2)),
                Confirms(), Publish("q", "a"), Acked(1), Get("q", "a"), Publish("q", "b", "c"), Acked(3),
                Get("q", "b"), Get("q", "c")),
            Case("x-max-length: drops from the head",
                Declare("q", ("x-max-length", 2)),
                Confirms(), Publish("q", "a", "b", "c"), Acked(3),
                Get("q", "b"), Get("q", "c"), GetEmpty("q")),
            Case("x-max-length: 0 keeps nothing",
                Declare("q", ("x-max-length", 0)),
                Confirms(), Publish("q", "a"), Acked(1), Has("q", 0), GetEmpty("q")),
            Case("x-max-length: 0 hands on to a waiting consumer",
                Declare("q", ("x-max-length", 0)),
                Consume("q", "t", "no-ack"), Publish("q", "a"), Delivered("t", "a")),
            Case("x-max-length-bytes: counts bodies of ready messages",
                Declare("q", ("x-max-length-bytes", 10)),
                Confirms(), Publish("q", "aaaa", "bbbb", "cccc"), Acked(3),
                Get("q", "bbbb"), Get("q", "cccc"), GetEmpty("q")),
            Case("x-overflow: reject-publish refuses the new message",
                Declare("q", ("x-max-length", 1), ("x-overflow", "reject-publish")),
                Confirms(), Publish("q", "a"), Acked(1), Publish("q", "b"), Nacked(2),
                Get("q", "a"), GetEmpty("q")),
            Case("x-overflow: reject-publish drops silently without confirms",
                Declare("q", ("x-max-length", 1), ("x-overflow", "reject-publish")),
                Publish("q", "a", "b"), Has("q", 1), Get("q", "a"), GetEmpty("q")),
            Case("x-overflow: reject-publish-dlx dead-letters the new message",
                Declare("dead"),
                Declare(
                    "q", ("x-max-length", 1), ("x-overflow", "reject-publish-dlx"), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))),
                Confirms(), Publish("q", "a"), Acked(1), Publish("q", "b"), Nacked(2),
                Arrives("dead", "b", Header("x-first-death-reason", "maxlen")),
                Get("q", "a")),
            Case("x-overflow: reject-publish-dlx on a quorum queue is drop-head",
                Quorum("q", ("x-max-length", 1), ("x-overflow", "reject-publish-dlx")),
                Confirms(), Publish("q", "a", "b"), Acked(2),
                Has("q", 1), Get("q", "b")),
            Case("x-overflow: drop-head dead-letters the head",
                Declare("dead"),
                Declare("q", ("x-max-length", 1), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))),
                Publish("q", "a", "b"),
                Arrives("dead", "a", Header("x-first-death-reason", "maxlen"))),
            Case("x-dead-letter-exchange: need not exist",
                Declare("q", ("x-dead-letter-exchange", new Named("none"))),
                Publish("q", "a"), Get("q", "a"), Reject("a"), Has("q", 0)),
            Case("x-dead-letter-exchange: one that comes later is in effect",
                Declare("dead"),
                Declare("q", ("x-dead-letter-exchange", new Named("x"))), Publish("q", "b"),
                Exchange("x", "fanout"), Bind("dead", "x"),
                Get("q", "b"), Reject("b"), Arrives("dead", "b")),
            Case("x-dead-letter-routing-key: without it the key stays",
                Exchange("x", "fanout"), Declare("dead"), Bind("dead", "x"),
                Declare("q", ("x-dead-letter-exchange", new Named("x"))),
                Publish("q", "a"), Get("q", "a"), Reject("a"),
                Arrives("dead", "a", KeyIsName("q"), From("x"))),
            Case("x-dead-letter-strategy: a quorum queue knows both",
                Quorum("q", ("x-dead-letter-strategy", "at-most-once")),
                Quorum("p", ("x-dead-letter-strategy", "at-least-once"), ("x-overflow", "reject-publish"), ("x-dead-letter-exchange", ""))),
            Case("x-max-priority: the highest priority is first",
                Declare("q", ("x-max-priority", 5)),
                PublishWith("q", "low", new() { Priority = 1 }), PublishWith("q", "high", new() { Priority = 4 }), Publish("q", "none"),
                PublishWith("q", "capped", new() { Priority = 200 }),
                Get("q", "capped"), Get("q", "high"), Get("q", "low"), Get("q", "none")),
            Case("x-queue-mode: default and lazy",
                Declare("q", ("x-queue-mode", "lazy")), Publish("q", "a"), Get("q", "a"),
                Declare("p", ("x-queue-mode", "default"))),
            Case("x-queue-version: 2",
                Declare("q", ("x-queue-version", 2)), Publish("q", "a"), Get("q", "a")),
            Case("x-single-active-consumer: on classic and quorum queues",
                Declare("q", ("x-single-active-consumer", true)), Quorum("p", ("x-single-active-consumer", true))),
            Case("x-delivery-limit: dead-letters what was returned more often",
                Declare("dead"),
                Quorum("q", ("x-delivery-limit", 1), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))),
                Confirms(), Publish("q", "a"), Acked(1), Get("q", "a"), Nack("a"), Arrives("q", "a", Header("x-delivery-count", 1), Redelivered),
                Publish("q", "b"), Acked(2), Get("q", "b"), Nack("b"), Has("q", 1), Get("q", "b"), Nack("b"),
                Arrives("dead", "b", Header("x-first-death-reason", "delivery_limit"))),
            Case("x-delivery-limit: of any kind is accepted",
                Quorum("q", ("x-delivery-limit", -1)), Quorum("p", ("x-delivery-limit", "many"))),
            Case("x-quorum-initial-group-size and x-queue-leader-locator are accepted",
                Quorum("q", ("x-quorum-initial-group-size", 1), ("x-queue-leader-locator", "client-local"))),
            Case("x-queue-leader-locator: on quorum queues and streams",
                Quorum("q", ("x-queue-leader-locator", "balanced")), StreamQueue("s", ("x-queue-leader-locator", "balanced"))),
            Case("x-queue-leader-locator: on classic queues",
                Declare("q", ("x-queue-leader-locator", "balanced"))).Since("4.0", "is refused", "rabbit_classic_queue: capabilities"),
            Case("x-queue-master-locator: on a classic queue",
                Declare("q", ("x-queue-master-locator", "min-masters"))),
            Case("x-max-in-memory-length and -bytes: on a quorum queue",
                Quorum("q", ("x-max-in-memory-length", 10), ("x-max-in-memory-bytes", 1_000))),
            Case("x-max-age, x-max-length-bytes, x-stream-max-segment-size-bytes, x-initial-cluster-size: on a stream",
                StreamQueue("s", ("x-max-age", "7D"), ("x-max-length-bytes", 1_000_000), ("x-stream-max-segment-size-bytes", 500_000), ("x-initial-cluster-size", 1))),
            Case("x-stream-max-segment-size-bytes: at most 3 GB",
                ChannelError(
                    406, "PRECONDITION_FAILED - Exceeded max value for x-stream-max-segment-size-bytes",
                    StreamQueue("s", ("x-stream-max-segment-size-bytes", 3_000_000_001)))),
            Case("x-stream-filter-size-bytes: 16 to 255",
                StreamQueue("s", ("x-stream-filter-size-bytes", 32)),
                ChannelError(406, "PRECONDITION_FAILED - Invalid value for  x-stream-filter-size-bytes", StreamQueue("t", ("x-stream-filter-size-bytes", 15))),
                ChannelError(406, "PRECONDITION_FAILED - Invalid value for  x-stream-filter-size-bytes", StreamQueue("t", ("x-stream-filter-size-bytes", 256))))
                .Since("3.13", "is not known", "rabbit_stream_queue: check_filter_size"),
            .. new[] { "quorum", "stream" }.SelectMany(type => new ConformanceCase[]
            {
                Case($"a {type} queue is durable",
                    ChannelError(406, "PRECONDITION_FAILED - invalid property 'non-durable' for queue '{q}' in vhost '/'", Declare("q", ("x-queue-type", type)))),
                Case($"a {type} queue is not exclusive",
                    ChannelError(
                        406, "PRECONDITION_FAILED - invalid property 'exclusive-owner' for queue '{q}' in vhost '/'", Declare("q", "durable exclusive", ("x-queue-type", type)))),
                Case($"a {type} queue is not deleted automatically",
                    ChannelError(
                        406, "PRECONDITION_FAILED - invalid property 'auto-delete' for queue '{q}' in vhost '/'", Declare("q", "durable auto-delete", ("x-queue-type", type)))),
                Case($"a {type} queue is not named by the broker",
                    ChannelError(
                        406, $"PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_{type}_queue", DeclareUnnamed("", "durable", ("x-queue-type", type)))),
            }),
            Case("a stream queue is not named by the broker, whatever else is wrong with it",
                ChannelError(
                    406, "PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_stream_queue",
                    DeclareUnnamed("", "", ("x-queue-type", "stream"), ("x-single-active-consumer", true)))),
            Case("an exclusive queue is stored as not durable, and compared so",
                Declare("q", "durable exclusive"), Declare("q", "exclusive"), Declare("q", "durable exclusive")),
        ],
        new Elsewhere("x-consumer-timeout", "tests/Compat/RabbitMqClient7/Semantics/DispatchTests.cs", "ConsumerTimeout_OfTheQueue_ClosesTheChannelAndRequeues"),
        new Elsewhere("x-max-age, retention by bytes", "tests/Silo/Streams/StreamRetentionTests.cs", ""));

    public static IEnumerable<object[]> Rows => Section.Names;

    [Theory]
    [MemberData(nameof(Rows))]
    public Task Row_OnTheBroker_IsAsInRabbitMq(string row) => RunAsync(Section[row]);
}
