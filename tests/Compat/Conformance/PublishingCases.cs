using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using static Granary.Compat.Tests.Conformance.Checks;
using static Granary.Compat.Tests.Conformance.Steps;

namespace Granary.Compat.Tests.Conformance;

/// <summary>Publishing, returns, confirms and transactions.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class PublishingCases(SharedBroker shared) : ConformanceTests(shared)
{
    internal static readonly ConformanceSection Section = new(
        "3.4 and 3.5 Publishing, confirms, transactions",
        [
            Case("mandatory, without a route: a return, then a confirm",
                Confirms(), PublishWith("none", "a", new(), mandatory: true), Returned("a"), Acked(1)),
            Case("mandatory, with a route: no return",
                Declare("q"), Confirms(), PublishWith("q", "a", new(), mandatory: true), Acked(1), Nothing("q")),
            Case("without a route and not mandatory: confirmed",
                Confirms(), Publish("none", "a"), Acked(1)),
            Case("without confirms nothing is answered",
                Declare("q"), Publish("q", "a"), Nothing("q")),
            Case("immediate is 540",
                ConnectionError(540, "NOT_IMPLEMENTED - immediate=true", PublishTo("", "k", "a", immediate: true))),
            Case("an exchange that does not exist is 404",
                ChannelError(404, "NOT_FOUND - no exchange '{none}' in vhost '/'", PublishTo("none", "k", "a"))),
            Case("an exchange that does not exist comes before what is wrong with the message",
                ChannelError(404, "NOT_FOUND - no exchange '{none}' in vhost '/'", PublishTo("none", "k", "a", new() { Expiration = "abc" })),
                ChannelError(404, "NOT_FOUND - no exchange '{none}' in vhost '/'", PublishTo("none", "k", "a", new() { Headers = new Dictionary<string, object?> { ["CC"] = "k" } }))),
            Case("confirms: all queues have it, persistent or not",
                Declare("q", "durable"), Declare("p"), Exchange("x", "fanout"), Bind("q", "x"), Bind("p", "x"),
                Confirms(), PublishTo("x", "", "a", new() { DeliveryMode = 2 }), PublishTo("x", "", "b"), Acked(2), Has("q", 2), Has("p", 2)),
            Case("confirms: one queue that refuses is enough for a nack",
                Declare("q", ("x-max-length", 1), ("x-overflow", "reject-publish")), Declare("p"), Exchange("x", "fanout"), Bind("q", "x"), Bind("p", "x"),
                Confirms(), PublishTo("x", "", "a"), Acked(1), PublishTo("x", "", "b"), Nacked(2), Has("p", 2), Has("q", 1)),
            Case("confirms: tags begin at 1 when they are asked for",
                Declare("q"), Publish("q", "a", "b"), Confirms(), Publish("q", "c"), Acked(1)),
            Case("confirms: asked for twice, they count on",
                Declare("q"), Confirms(), Publish("q", "a"), Acked(1), Confirms(), Publish("q", "b"), Acked(2)),
            Case("confirms: by quorum queues and streams",
                Quorum("q"), StreamQueue("s"), Confirms(), Publish("q", "a"), Publish("s", "b"), Acked(2)),
            Case("confirms: what was consumed is confirmed",
                Declare("q", "durable"), Consume("q", "t", "no-ack"), Confirms(), PublishWith("q", "a", new() { DeliveryMode = 2 }), Acked(1), Delivered("t", "a")),
            Case("drop-head drops from ready messages, also by a requeue",
                Declare("q", ("x-max-length", 1)), Confirms(), Publish("q", "a"), Acked(1), Get("q", "a"), Publish("q", "b"), Acked(2), Nack("a"),
                Has("q", 1), Get("q", "b"), GetEmpty("q")),
            Case("queue.delete with messages tells how many",
                Declare("q"), Publish("q", "a", "b"), DeleteQueue("q", 2)),
            Case("two channels: each has its own confirms",
                Declare("q"), Confirms(), On("a2", Confirms()), On("a2", Publish("q", "a")), On("a2", Acked(1)), Publish("q", "b"), Acked(1)),

            Case("tx: publishes come with the commit",
                Declare("q"), TxSelect(), Publish("q", "a", "b"), On("a2", GetEmpty("q")), Commit(), On("a2", Get("q", "a")), On("a2", Get("q", "b"))),
            Case("tx: a rollback throws publishes away",
                Declare("q"), TxSelect(), Publish("q", "a"), Rollback(), Publish("q", "b"), Commit(), On("a2", Get("q", "b")), On("a2", GetEmpty("q"))),
            Case("tx: acknowledgements come with the commit",
                Declare("q"), Publish("q", "a"), TxSelect(), Get("q", "a"), Ack("a"), Commit(), CloseChannel(), Has("q", 0)),
            Case("tx: a rollback makes what was acknowledged unacknowledged",
                Declare("q"), Publish("q", "a"), TxSelect(), Get("q", "a"), Ack("a"), Rollback(), GetEmpty("q"), Ack("a"), Commit(), CloseChannel(), Has("q", 0)),
            Case("tx: closing the channel is a rollback",
                Declare("q"), Publish("q", "a"), On("a2", TxSelect()), On("a2", Get("q", "a")), On("a2", Ack("a")), On("a2", Publish("q", "b")), On("a2", CloseChannel()),
                Get("q", "a", Redelivered), GetEmpty("q")),
            Case("tx: requeueing comes with the commit",
                Declare("q"), Publish("q", "a"), TxSelect(), Get("q", "a"), Nack("a"), On("a2", GetEmpty("q")), Commit(), On("a2", Get("q", "a", Redelivered))),
            Case("tx: an unknown tag is refused at once",
                TxSelect(), ChannelError(406, "PRECONDITION_FAILED - unknown delivery tag 7", AckTag(7))),
            Case("tx: an exchange that does not exist is refused at once",
                TxSelect(), ChannelError(404, "NOT_FOUND - no exchange '{none}' in vhost '/'", PublishTo("none", "k", "a"))),
            Case("tx: unroutable mandatory messages are returned",
                TxSelect(), PublishWith("none", "a", new(), mandatory: true), Commit(), Returned("a")),
            Case("tx: selected twice is no error",
                Declare("q"), TxSelect(), Publish("q", "a"), TxSelect(), Commit(), On("a2", Get("q", "a"))),
            Case("tx: deliveries are no part of it",
                Declare("q"), TxSelect(), Consume("q", "t"), On("a2", Publish("q", "a")), Delivered("t", "a")),
            Case("tx: not with confirms",
                Confirms(), ChannelError(406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode", TxSelect()),
                TxSelect(), ChannelError(406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode", Confirms())),
            Case("tx: not without tx.select",
                ChannelError(406, "PRECONDITION_FAILED - channel is not transactional", Commit()),
                ChannelError(406, "PRECONDITION_FAILED - channel is not transactional", Rollback())),
        ],
        new Elsewhere("confirms of many publishes", "tests/Compat/RabbitMqClient7/Semantics/PublishTests.cs", "Confirms_ManyPublishes_CoverEveryTagOnceAndNoMore"),
        new Elsewhere("confirms after a crash", "tests/Crash/CrashTests.cs", ""));

    public static IEnumerable<object[]> Rows => Section.Names;

    [Theory]
    [MemberData(nameof(Rows))]
    public Task Row_OnTheBroker_IsAsInRabbitMq(string row) => RunAsync(Section[row]);
}
