using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.Testing.Wire;
using static Granary.Compat.Tests.Conformance.Checks;
using static Granary.Compat.Tests.Conformance.Steps;

namespace Granary.Compat.Tests.Conformance;

/// <summary>Properties and headers that mean something to the broker.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class PropertyCases(SharedBroker shared) : ConformanceTests(shared)
{
    private static readonly WireProperties All = new()
    {
        ContentType = "text/plain",
        ContentEncoding = "utf-8",
        Headers = new Dictionary<string, object?> { ["text"] = "a", ["number"] = 5L, ["deep"] = new Dictionary<string, object?> { ["list"] = new object?[] { 1, "b", null } } },
        DeliveryMode = 2,
        Priority = 3,
        CorrelationId = "c",
        ReplyTo = "r",
        Expiration = "60000",
        MessageId = "m",
        Timestamp = 1_700_000_000,
        Type = "t",
        UserId = "guest",
        AppId = "app",
        ClusterId = "cluster",
    };

    internal static readonly ConformanceSection Section = new(
        "2.6 Message properties and headers with meaning",
        [
            Case("all fourteen come as they were sent",
                Declare("q"), PublishWith("q", "a", All),
                Get(
                    "q", "a",
                    Property("content-type", it => it.ContentType, "text/plain"), Property("content-encoding", it => it.ContentEncoding, "utf-8"),
                    Header("text", "a"), Header("number", 5), Header("deep.list[1]", "b"),
                    Property("delivery-mode", it => it.DeliveryMode, (byte)2), Property("priority", it => it.Priority, (byte)3),
                    Property("correlation-id", it => it.CorrelationId, "c"), Property("reply-to", it => it.ReplyTo, "r"), Property("expiration", it => it.Expiration, "60000"),
                    Property("message-id", it => it.MessageId, "m"), Property("timestamp", it => it.Timestamp, 1_700_000_000ul), Property("type", it => it.Type, "t"),
                    Property("user-id", it => it.UserId, "guest"), Property("app-id", it => it.AppId, "app"), Property("cluster-id", it => it.ClusterId, "cluster"))),
            Case("delivery-mode: 1 and none are transient, 2 is persistent; all are delivered",
                Declare("q", "durable"), PublishWith("q", "a", new() { DeliveryMode = 1 }), PublishWith("q", "b", new() { DeliveryMode = 2 }), Publish("q", "c"),
                Get("q", "a"), Get("q", "b"), Get("q", "c", NoProperty("delivery-mode", it => it.DeliveryMode))),
            Case("priority: no matter in a queue without x-max-priority",
                Declare("q"), PublishWith("q", "a", new() { Priority = 1 }), PublishWith("q", "b", new() { Priority = 9 }),
                Get("q", "a", Property("priority", it => it.Priority, (byte)1)), Get("q", "b")),
            .. new[] { "abc", "-1", "10x", "1.5", "" }.Select(text => Case(
                $"expiration: '{text}' is 406",
                Declare("q"), Refused406("invalid expiration '" + text + "'", PublishWith("q", "a", new() { Expiration = text })))),
            Case("expiration: the lesser of the queue's and the message's, here the message's",
                Declare("dead"), Declare("q", ("x-message-ttl", 60_000), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))),
                PublishWith("q", "a", new() { Expiration = "1" }), Arrives("dead", "a", Header("x-death[0].original-expiration", "1"))),
            Case("expiration: the lesser of the queue's and the message's, here the queue's",
                Declare("dead"), Declare("q", ("x-message-ttl", 1), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))),
                PublishWith("q", "a", new() { Expiration = "60000" }), Arrives("dead", "a", Header("x-death[0].original-expiration", "60000"))),
            Case("user-id: an expiration that is none is told before it",
                Declare("q"),
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid expiration 'soon': no_integer",
                    PublishWith("q", "a", new() { UserId = "mallory", Expiration = "soon" }))).Since("4.0", "the user-id is told", "rabbit_channel: handle_method of basic.publish"),
            Case("user-id: another one is 406",
                Declare("q"),
                ChannelError(
                    406, "PRECONDITION_FAILED - user_id property set to 'mallory' but authenticated user was 'guest'",
                    PublishWith("q", "a", new() { UserId = "mallory" }))),
            Case("CC: more keys, and stays",
                Declare("q"), Declare("p"),
                PublishTo("", "{q}", "a", Keys("CC", new Named("p"))), Arrives("q", "a", HeaderIsName("CC[0]", "p")), Arrives("p", "a", KeyIsName("q"))),
            Case("BCC: more keys, and is removed",
                Declare("q"), Declare("p"),
                PublishTo("", "{q}", "a", Keys("BCC", new Named("p"))), Arrives("q", "a", NoHeader("BCC")), Arrives("p", "a", NoHeader("BCC"))),
            Case("CC: a queue that several keys mean gets one",
                Declare("q"), PublishTo("", "{q}", "a", Keys("CC", new Named("q"))), Has("q", 1)),
            Case("CC: no array is 406",
                Declare("q"),
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"CC\",longstr}",
                    PublishWith("q", "a", new() { Headers = new Dictionary<string, object?> { ["CC"] = "key" } }))),
            Case("BCC: no array is 406",
                Declare("q"),
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,\"BCC\",signedint}",
                    PublishWith("q", "a", new() { Headers = new Dictionary<string, object?> { ["BCC"] = 5 } }))),
            Case("x-delivery-count: a quorum queue's, from the second delivery on",
                Quorum("q"), Confirms(), Publish("q", "a"), Acked(1),
                Get("q", "a", NoHeader("x-delivery-count"), Fresh), Nack("a"), Has("q", 1),
                Get("q", "a", Header("x-delivery-count", 1), Redelivered), Reject("a", requeue: true), Has("q", 1),
                Get("q", "a", Header("x-delivery-count", 2))).Since("3.13", "is 0 on the first", "rabbit_fifo_client: add_delivery_count_header"),
            Case("x-delivery-count: counts each return",
                Quorum("q"), Confirms(), Publish("q", "a"), Acked(1), Get("q", "a"), Nack("a"), Has("q", 1), Get("q", "a", Header("x-delivery-count", 1), Redelivered),
                CloseChannel(), Has("q", 1), Get("q", "a", Header("x-delivery-count", 2))),
            Case("x-delivery-count: one that the publisher sets is there on the first delivery",
                Quorum("q"), Confirms(), PublishWith("q", "a", new() { Headers = new Dictionary<string, object?> { ["x-delivery-count"] = "mine" } }), Acked(1),
                Get("q", "a", Header("x-delivery-count", "mine")), Nack("a"), Has("q", 1),
                Get("q", "a", Header("x-delivery-count", 1))).Since("3.13", "0 is in its place", "rabbit_fifo_client: add_delivery_count_header"),
            Case("x-delivery-count: a classic queue has none",
                Declare("q"), Publish("q", "a"), Get("q", "a"), Nack("a"), Get("q", "a", NoHeader("x-delivery-count"), Redelivered)),
            Case("headers of other meaning are passed on",
                Declare("q"),
                PublishWith("q", "a", new() { Headers = new Dictionary<string, object?> { ["x-delay"] = 5, ["x-received-from"] = new object?[] { "there" }, ["x-mine"] = true } }),
                Get("q", "a", Header("x-delay", 5), Header("x-received-from[0]", "there"), Header("x-mine", true))),
            Case("x-stream-offset: a stream's deliveries have it",
                StreamQueue("s"), Confirms(), Publish("s", "a"), Acked(1), Qos(10), Consume("s", "t", "", ("x-stream-offset", "first")),
                Delivered("t", "a", Header("x-stream-offset", 0))),
        ],
        new Elsewhere("reply-to: amq.rabbitmq.reply-to", "tests/Compat/Conformance/ConsumerCases.cs", "Row_OnTheBroker_IsAsInRabbitMq"),
        new Elsewhere("delivery-mode after a restart", "tests/Crash/CleanRestartTests.cs", ""),
        new Elsewhere("expiration out of range", "tests/Compat/Protocol/BasicRefusalTests.cs", "BasicPublish_ExpirationOutOfRange_Is406WithTheNumber"));

    public static IEnumerable<object[]> Rows => Section.Names;

    [Theory]
    [MemberData(nameof(Rows))]
    public Task Row_OnTheBroker_IsAsInRabbitMq(string row) => RunAsync(Section[row]);

    private static WireProperties Keys(string header, params object?[] keys) => new() { Headers = new Dictionary<string, object?> { [header] = keys } };

    /// <summary>The rest of the text is Erlang's.</summary>
    private static Step Refused406(string begin, Step step) => ChannelErrorBegins(406, $"PRECONDITION_FAILED - {begin}: ", step);
}
