using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using static Granary.Compat.Tests.Conformance.Checks;
using static Granary.Compat.Tests.Conformance.Steps;

namespace Granary.Compat.Tests.Conformance;

/// <summary>Order, requeueing, acknowledgements and prefetch.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class DeliveryCases(SharedBroker shared) : ConformanceTests(shared)
{
    internal static readonly ConformanceSection Section = new(
        "3.1 to 3.3 Order, acknowledgements, prefetch",
        [
            Case("order: as published, over one channel",
                Declare("q"), Publish("q", "a", "b", "c"), Consume("q", "t", "no-ack"), DeliveredAll("t", "a", "b", "c")),
            Case("requeue: back to its place",
                Declare("q"), Publish("q", "a", "b", "c"), Get("q", "a"), Get("q", "b"), Nack("a"),
                Get("q", "a", Redelivered), Get("q", "c", Fresh)),
            Case("requeue: several, in any order",
                Declare("q"), Publish("q", "a", "b", "c", "d"), Get("q", "a"), Get("q", "b"), Get("q", "c"), Nack("c"), Nack("a"), Nack("b"),
                Get("q", "a"), Get("q", "b"), Get("q", "c"), Get("q", "d")),
            Case("redelivered: not on the first delivery, but after a return",
                Declare("q"), Publish("q", "a"), Get("q", "a", Fresh), Reject("a", requeue: true), Get("q", "a", Redelivered)),
            Case("redelivered: what was never delivered is not",
                Declare("q"), Publish("q", "a", "b"), Get("q", "a"), CloseChannel(), Get("q", "a", Redelivered), Get("q", "b", Fresh)),
            Case("requeue: by the end of the channel, in order",
                Declare("q"), Publish("q", "a", "b", "c"), On("a2", Get("q", "a")), On("a2", Get("q", "b")), On("a2", CloseChannel()),
                Get("q", "a", Redelivered), Get("q", "b", Redelivered), Get("q", "c", Fresh)),
            Case("requeue: by the end of the connection",
                Declare("q"), Publish("q", "a", "b"), Has("q", 2), On("b1", Get("q", "a")), On("b1", CloseConnection('b')), Has("q", 2), Get("q", "a", Redelivered)),
            Case("requeue: by nack of several",
                Declare("q"), Publish("q", "a", "b", "c"), Get("q", "a"), Get("q", "b"), Nack("b", multiple: true), Get("q", "a", Redelivered), Get("q", "b", Redelivered)),
            Case("requeue: by recover",
                Declare("q"), Publish("q", "a", "b"), Get("q", "a"), Get("q", "b"), Recover(), Get("q", "a", Redelivered), Get("q", "b", Redelivered)),
            Case("recover without requeue is 540",
                ConnectionError(540, "NOT_IMPLEMENTED - requeue=false", Recover(requeue: false))),
            Case("cancel does not requeue",
                Declare("q"), Publish("q", "a", "b"), Consume("q", "t"), DeliveredAll("t", "a", "b"), Cancel("t"), Has("q", 0), GetEmpty("q"),
                Ack("a"), Nack("b"), Get("q", "b", Redelivered)),
            Case("quorum: what was returned comes before what was not delivered",
                Quorum("q", ("x-delivery-limit", 20)), Confirms(), Publish("q", "a", "b", "c"), Acked(3), Get("q", "a"), Get("q", "b"), Nack("a"), Has("q", 2), Get("q", "a"),
                Get("q", "c")),
            Case("quorum: each return counts, nack too",
                Quorum("q", ("x-delivery-limit", 2)), Confirms(), Publish("q", "a"), Acked(1),
                Get("q", "a"), Nack("a"), Has("q", 1), Get("q", "a"), Reject("a", requeue: true), Has("q", 1), Get("q", "a"), Nack("a"), Has("q", 0), GetEmpty("q")),
            Case("quorum: 20 returns are the most unless a limit is set",
                [
                    Declare("dead"), Quorum("q", ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))),
                    Confirms(), Publish("q", "a"), Acked(1),
                    .. Enumerable.Range(0, 21).SelectMany(_ => new[] { ArrivesUnacked("q", "a"), Nack("a") }),
                    Arrives("dead", "a", Header("x-death[0].reason", "delivery_limit")),
                ]).Since("4.0", "there is no limit", "rabbit_quorum_queue: DEFAULT_DELIVERY_LIMIT"),

            Case("tags: from 1 on, per channel, shared by get and consume",
                Declare("q"), Publish("q", "a", "b", "c"), Get("q", "a", Tag(1)), Consume("q", "t"), Delivered("t", "b", Tag(2)), Delivered("t", "c", Tag(3)),
                On("a2", Declare("p")), On("a2", Publish("p", "x")), On("a2", Get("p", "x", Tag(1)))),
            Case("tags: what needs no acknowledgement has one, too",
                Declare("q"), Publish("q", "a", "b"), Consume("q", "t", "no-ack"), Delivered("t", "a", Tag(1)), Delivered("t", "b", Tag(2)),
                ChannelError(406, "PRECONDITION_FAILED - unknown delivery tag 1", AckTag(1))),
            Case("ack: several",
                Declare("q"), Publish("q", "a", "b", "c"), Get("q", "a"), Get("q", "b"), Get("q", "c"), Ack("b", multiple: true), CloseChannel(),
                Has("q", 1), Get("q", "c")),
            Case("ack: tag 0 with multiple is all, and none is no error",
                Declare("q"), AckTag(0, multiple: true), Publish("q", "a", "b"), Get("q", "a"), Get("q", "b"), AckTag(0, multiple: true), CloseChannel(), Has("q", 0)),
            Case("nack: tag 0 with multiple is all",
                Declare("q"), Publish("q", "a", "b"), Get("q", "a"), Get("q", "b"), NackTag(0, multiple: true), Get("q", "a", Redelivered), Get("q", "b")),
            Case("ack: tag 0 alone is unknown",
                ChannelError(406, "PRECONDITION_FAILED - unknown delivery tag 0", AckTag(0))),
            Case("ack: twice is 406, and what else is unacknowledged comes back",
                Declare("q"), Publish("q", "a", "b"), Get("q", "a"), Get("q", "b"), Ack("a"), ChannelError(406, "PRECONDITION_FAILED - unknown delivery tag 1", AckTag(1)),
                Get("q", "b", Redelivered), GetEmpty("q")),
            Case("ack: of another channel is 406",
                Declare("q"), Publish("q", "a"), Get("q", "a"), On("a2", ChannelError(406, "PRECONDITION_FAILED - unknown delivery tag 1", AckTag(1)))),
            Case("ack: of what has not been delivered, with multiple, is 406",
                Declare("q"), Publish("q", "a"), Get("q", "a"), ChannelError(406, "PRECONDITION_FAILED - unknown delivery tag 5", AckTag(5, multiple: true))),
            Case("reject without requeue drops",
                Declare("q"), Publish("q", "a"), Get("q", "a"), Reject("a"), CloseChannel(), Has("q", 0)),

            Case("prefetch: holds for each consumer",
                Declare("q"), Qos(1), Consume("q", "t"), Consume("q", "u"), Publish("q", "a", "b", "c"),
                Delivered("t", "a"), Delivered("u", "b"), Nothing("q"), Has("q", 1), Ack("b"), Delivered("u", "c")),
            Case("prefetch: the one at the time of consume counts",
                Declare("q"), Qos(1), Consume("q", "t"), Qos(10), Publish("q", "a", "b"), Delivered("t", "a"), Nothing("q"), Has("q", 1)),
            Case("prefetch: 0 is no limit",
                Declare("q"), Qos(1), Qos(0), Consume("q", "t"), Publish("q", "a", "b", "c"), DeliveredAll("t", "a", "b", "c")),
            Case("prefetch: global is shared by the channel, at once",
                Declare("q"), Consume("q", "t"), Consume("q", "u"), Qos(1, global: true), Publish("q", "a", "b"), Delivered("t", "a"), Nothing("q"), Has("q", 1),
                Ack("a"), Delivered("u", "b")),
            Case("prefetch: size is 540",
                ConnectionError(540, "NOT_IMPLEMENTED - prefetch_size!=0 (1000)", Qos(1, size: 1_000))),
            Case("prefetch: get neither asks for it nor counts",
                Declare("q"), Qos(1), Consume("q", "t"), Publish("q", "a", "b", "c"), Delivered("t", "a"), Has("q", 2), Get("q", "b"), Get("q", "c")),
            Case("prefetch: what was got takes no room of a consumer",
                Declare("q"), Publish("q", "a"), Qos(1), Get("q", "a"), Consume("q", "t"), Publish("q", "b"), Delivered("t", "b")),
            Case("prefetch: no matter without acknowledgements",
                Declare("q"), Qos(1), Consume("q", "t", "no-ack"), Publish("q", "a", "b", "c"), DeliveredAll("t", "a", "b", "c")),
            Case("prefetch: a stream needs one",
                StreamQueue("s"),
                ChannelError(406, "PRECONDITION_FAILED - consumer prefetch count is not set for stream queue '{s}' in vhost '/'", Consume("s", "t")))
                .Since("4.0", "406 in other words", "rabbit_stream_queue: consume"),
            Case("prefetch: a stream needs one before it needs acknowledgements",
                StreamQueue("s"),
                ChannelError(406, "PRECONDITION_FAILED - consumer prefetch count is not set for stream queue '{s}' in vhost '/'", Consume("s", "t", "no-ack")))
                .Since("4.0", "406 in other words", "rabbit_stream_queue: consume"),
            Case("prefetch: a stream looks at arguments first",
                StreamQueue("s"),
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid arg 'x-priority' for queue '{s}' in vhost '/' of queue type rabbit_stream_queue", Consume("s", "t", "", ("x-priority", 1)))),
            Case("a stream needs acknowledgements",
                StreamQueue("s"), Qos(10),
                ConnectionError(540, "NOT_IMPLEMENTED - automatic acknowledgement not supported by stream queue '{s}' in vhost '/'", Consume("s", "t", "no-ack")))
                .Since("4.0", "540 in other words", "rabbit_stream_queue: consume"),
            Case("a stream refuses global qos",
                StreamQueue("s"), Qos(10), Qos(10, global: true),
                ConnectionError(540, "NOT_IMPLEMENTED - queue '{s}' in vhost '/' does not support global qos", Consume("s", "t"))),
            Case("a stream refuses get",
                StreamQueue("s"),
                ConnectionError(540, "NOT_IMPLEMENTED - basic.get not supported by stream queues queue '{s}' in vhost '/'", Get("s", "a"))),
            Case("a stream refuses purge",
                StreamQueue("s"),
                ConnectionError(540, "NOT_IMPLEMENTED - queue.purge not supported by stream queues queue '{s}' in vhost '/'", Purge("s"))),
            Case("a stream keeps what is acknowledged, and credit comes back by acknowledging",
                StreamQueue("s"), Confirms(), Publish("s", "a", "b", "c"), Acked(3), Qos(1),
                Consume("s", "t", "", ("x-stream-offset", "first")), Delivered("t", "a"), Ack("a"), Delivered("t", "b"), Ack("b"), Delivered("t", "c"), Cancel("t"),
                Consume("s", "u", "", ("x-stream-offset", "first")), Delivered("u", "a", Fresh)),
            Case("a stream takes nack and reject for ack",
                StreamQueue("s"), Confirms(), Publish("s", "a", "b", "c"), Acked(3), Qos(1),
                Consume("s", "t", "", ("x-stream-offset", "first")), Delivered("t", "a"), Nack("a"), Delivered("t", "b"), Reject("b"), Delivered("t", "c"), Cancel("t"))
                .Since("3.13", "540", "rabbit_stream_queue: settle"),
        ],
        new Elsewhere("channel.flow", "tests/Compat/Protocol/BasicRefusalTests.cs", "ChannelFlow_Inactive_Is540OnTheConnection"),
        new Elsewhere("default_consumer_prefetch", "docs/operations.md", ""),
        new Elsewhere("redelivered and order after a crash", "tests/Crash/CrashTests.cs", ""));

    public static IEnumerable<object[]> Rows => Section.Names;

    [Theory]
    [MemberData(nameof(Rows))]
    public Task Row_OnTheBroker_IsAsInRabbitMq(string row) => RunAsync(Section[row]);
}
