using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using static Granary.Compat.Tests.Conformance.Checks;
using static Granary.Compat.Tests.Conformance.Steps;

namespace Granary.Compat.Tests.Conformance;

/// <summary>How long messages and queues are there.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class QueueLifeCases(SharedBroker shared) : ConformanceTests(shared)
{
    private static readonly Step ShortLived = Declare("q", ("x-message-ttl", 1), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead")));

    internal static readonly ConformanceSection Section = new(
        "3.6 and 3.7 Expiry, and the life of queues",
        [
            Case("ttl 0: delivered to who waits",
                Declare("q", ("x-message-ttl", 0)), Consume("q", "t", "no-ack"), Publish("q", "a"), Delivered("t", "a")),
            Case("ttl 0: else it expires",
                Declare("dead"), Declare("q", ("x-message-ttl", 0), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))),
                Publish("q", "a"), GetEmpty("q"), Arrives("dead", "a", Header("x-death[0].reason", "expired"))),
            Case("ttl: a short one behind a long one expires in its place",
                Declare("dead"), Declare("q", ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))),
                PublishWith("q", "long", new() { Expiration = "600000" }), PublishWith("q", "short", new() { Expiration = "1" }), Publish("q", "none"),
                Arrives("dead", "short", Header("x-death[0].reason", "expired")), Has("q", 2), Get("q", "long"), Get("q", "none"), GetEmpty("q"))
                .OurOwn("stays, and counts, until it is first", "a time to live is a promise, and what is dead takes up no room (rabbit_amqqueue_process: drop_expired_msgs looks at the head)"),
            Case("ttl: what is unacknowledged does not expire, but when it is back",
                Declare("dead"), Declare("q", ("x-message-ttl", 20), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))),
                Qos(1), Consume("q", "t"), Publish("q", "a", "marker"), Delivered("t", "a"), Arrives("dead", "marker"), Nack("a"), Arrives("dead", "a"), Nothing("q")),
            Case("ttl: messages of a queue expire in order",
                Declare("dead"), ShortLived, Publish("q", "a", "b", "c"), Arrives("dead", "a"), Arrives("dead", "b"), Arrives("dead", "c")),
            Case("x-expires: messages of a queue that expires are not dead-lettered",
                Declare("dead"), Declare("q", ("x-expires", 50), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))),
                Publish("q", "a"), Gone("q"), Has("dead", 0), GetEmpty("dead")),

            .. new (string Name, Step Step)[]
            {
                ("declare", Declare("q", "exclusive")), ("passive declare", Declare("q", "passive")), ("bind", Bind("q", "amq.direct", "k")), ("consume", Consume("q", "t")),
                ("get", Get("q", "a")), ("purge", Purge("q")), ("delete", DeleteQueue("q")),
            }.Select(row => Case(
                $"exclusive: {row.Name} of another connection is 405",
                Declare("q", "exclusive"), On("b1", ChannelError(405, Locked("q"), row.Step)))),
            Case("exclusive: publishing to it is allowed to all",
                Declare("q", "exclusive"), On("b1", Confirms()), On("b1", Publish("q", "a")), On("b1", Acked(1)), Get("q", "a")),
            Case("exclusive: gone when its connection is, also a durable one",
                On("b1", Declare("q", "exclusive")), On("b1", Declare("p", "exclusive durable")), On("b1", CloseConnection('b')),
                ChannelError(404, "NOT_FOUND - no queue '{q}' in vhost '/'", Declare("q", "passive")),
                ChannelError(404, "NOT_FOUND - no queue '{p}' in vhost '/'", Declare("p", "passive"))),
            Case("exclusive: another queue that has its name later stays when the connection is gone",
                On("b1", Declare("q", "exclusive auto-delete")), On("b1", Consume("q", "t")), On("b1", Cancel("t")),
                Declare("q"), Publish("q", "a"), Has("q", 1), On("b1", CloseConnection('b')), Get("q", "a")),
            Case("a name that the broker gave is not for clients to declare",
                ChannelError(403, "ACCESS_REFUSED - queue name 'amq.gen-mine' contains reserved prefix 'amq.*'", Declare("amq.gen-mine"))),
            Case("get: what expires behind it is not among the messages that are left",
                Declare("q"), Publish("q", "a"), PublishWith("q", "b", new() { Expiration = "0" }), GetLeaving("q", "a", left: 0)),
            Case("auto-delete: gone with the last consumer",
                Declare("q", "auto-delete"), Consume("q", "t"), Consume("q", "u"), Cancel("t"), Has("q", 0, 1), Cancel("u"),
                ChannelError(404, "NOT_FOUND - no queue '{q}' in vhost '/'", Declare("q", "passive"))),
            Case("auto-delete: not before it had one, and get does not count",
                Declare("q", "auto-delete"), Publish("q", "a"), Get("q", "a"), Ack("a"), CloseChannel(), Has("q", 0, 0)),
            Case("auto-delete: gone when the channel of the last consumer is",
                Declare("q", "auto-delete"), On("a2", Consume("q", "t")), On("a2", CloseChannel()), Gone("q")),
            Case("auto-delete: gone when the connection of the last consumer is",
                Declare("q", "auto-delete"), On("b1", Consume("q", "t")), On("b1", CloseConnection('b')), Gone("q")),
            Case("auto-delete exchange: gone with its last binding",
                Exchange("x", "direct", "auto-delete"), Declare("q"), Bind("q", "x", "k"), Bind("q", "x", "l"), Unbind("q", "x", "k"), Exchange("x", "direct", "passive"),
                Unbind("q", "x", "l"), ChannelError(404, "NOT_FOUND - no exchange '{x}' in vhost '/'", Exchange("x", "direct", "passive"))),
            Case("auto-delete exchange: by the end of the queue that is bound",
                Exchange("x", "direct", "auto-delete"), Declare("q"), Bind("q", "x", "k"), DeleteQueue("q"),
                ChannelError(404, "NOT_FOUND - no exchange '{x}' in vhost '/'", Exchange("x", "direct", "passive"))),
            Case("auto-delete exchange: bindings of which it is the destination do not count",
                Exchange("x", "direct", "auto-delete"), Exchange("y", "direct"), BindExchange("x", "y", "k"), UnbindExchange("x", "y", "k"), Exchange("x", "direct", "passive")),
            Case("named by the broker",
                DeclareUnnamed("amq.gen-")),
            Case("cancelled when the queue is deleted",
                Declare("q"), Consume("q", "t"), On("a2", DeleteQueue("q")), Cancelled("t")),
            Case("a name that begins with amq. is 403",
                ChannelError(403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'", Declare("amq.mine"))),
            Case("get and consume of a deleted queue are 404",
                Declare("q"), DeleteQueue("q"), ChannelError(404, "NOT_FOUND - no queue '{q}' in vhost '/'", Get("q", "a")),
                ChannelError(404, "NOT_FOUND - no queue '{q}' in vhost '/'", Consume("q", "t"))),
            Case("deleting what is not there is no error",
                DeleteQueue("none", 0), DeleteExchange("none"), Declare("q"), Exchange("x", "direct"), Unbind("q", "x", "none")),
            Case("delete: if-unused and if-empty",
                Declare("q"), Consume("q", "t"), ChannelError(406, "PRECONDITION_FAILED - queue '{q}' in vhost '/' in use", DeleteQueue("q", ifUnused: true)),
                Publish("q", "a"), ChannelError(406, "PRECONDITION_FAILED - queue '{q}' in vhost '/' not empty", DeleteQueue("q", ifEmpty: true)),
                DeleteQueue("q", 1, ifUnused: true)),
            Case("delete: a quorum queue knows no if-unused",
                Quorum("q"),
                ConnectionError(
                    540, "NOT_IMPLEMENTED - cannot delete queue '{q}' in vhost '/'. queue.delete operations with if-unused flag set are not supported by quorum queues",
                    DeleteQueue("q", ifUnused: true))),
            Case("delete: a quorum queue knows no if-empty",
                Quorum("q"),
                ConnectionError(
                    540, "NOT_IMPLEMENTED - cannot delete queue '{q}' in vhost '/'. queue.delete operations with if-empty flag set are not supported by quorum queues",
                    DeleteQueue("q", ifEmpty: true))),
            Case("delete: a stream passes over both",
                StreamQueue("s"), Confirms(), Publish("s", "a"), Acked(1), Qos(1), On("a2", Qos(1)), On("a2", Consume("s", "t")), DeleteQueue("s", ifUnused: true, ifEmpty: true)),
            Case("purge: ready messages only, and how many",
                Declare("q"), Publish("q", "a", "b", "c"), Get("q", "a"), Purge("q", 2), Nack("a"), Get("q", "a")),
            Case("delete: its bindings are gone, too",
                Exchange("x", "fanout"), Declare("q"), Bind("q", "x"), DeleteQueue("q"), Declare("q"), PublishTo("x", "", "a", mandatory: true), Returned("a")),
        ],
        new Elsewhere("x-expires: what uses a queue", "tests/Silo/Queues/QueueLifeTests.cs", ""),
        new Elsewhere("exclusive queues after a restart", "tests/Crash/CleanRestartTests.cs", ""));

    public static IEnumerable<object[]> Rows => Section.Names;

    /// <summary>What is said of a queue that is another connection's.</summary>
    internal static string Locked(string queue) =>
        $"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{{{queue}}}' in vhost '/'. It could be originally declared on another connection or the exclusive "
        + "property value does not match that of the original declaration.";

    [Theory]
    [MemberData(nameof(Rows))]
    public Task Row_OnTheBroker_IsAsInRabbitMq(string row) => RunAsync(Section[row]);
}
