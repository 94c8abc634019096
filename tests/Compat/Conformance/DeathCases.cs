using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using static Granary.Compat.Tests.Conformance.Checks;
using static Granary.Compat.Tests.Conformance.Steps;

namespace Granary.Compat.Tests.Conformance;

/// <summary>What dead letters tell of their deaths, and where they go.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class DeathCases(SharedBroker shared) : ConformanceTests(shared)
{
    private const string Container = "mc: record_death; mc_amqpl";

    private static readonly Step ToDead = Declare("q", ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead")));

    internal static readonly ConformanceSection Section = new(
        "2.7 x-death",
        [
            Case("the fields of a rejected message",
                Declare("dead"), ToDead, Publish("q", "a"), Get("q", "a"), Reject("a"),
                Arrives(
                    "dead", "a",
                    Header("x-death[0].count", 1), HeaderIs<long>("x-death[0].count"), Header("x-death[0].reason", "rejected"), HeaderIsName("x-death[0].queue", "q"),
                    Header("x-death[0].exchange", ""), HeaderIsName("x-death[0].routing-keys[0]", "q"), HeaderIs<DateTimeOffset>("x-death[0].time"),
                    NoHeader("x-death[0].original-expiration"), NoHeader("x-death[1]"), FromDefault, KeyIsName("dead"))),
            Case("x-first-death-*",
                Declare("dead"), ToDead, Publish("q", "a"), Get("q", "a"), Reject("a"),
                Arrives("dead", "a", Header("x-first-death-reason", "rejected"), HeaderIsName("x-first-death-queue", "q"), Header("x-first-death-exchange", ""))),
            Case("x-last-death-*",
                Declare("dead"), ToDead, Publish("q", "a"), Get("q", "a"), Reject("a"),
                Arrives("dead", "a", Header("x-last-death-reason", "rejected"), HeaderIsName("x-last-death-queue", "q"), Header("x-last-death-exchange", "")))
                .Since("4.0", "is not there", Container),
            Case("reason maxlen",
                Declare("dead"), Declare("q", ("x-max-length", 1), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))),
                Publish("q", "a", "b"), Arrives("dead", "a", Header("x-death[0].reason", "maxlen"))),
            Case("reason expired, and expiration is taken from the message",
                Declare("dead"), ToDead, PublishWith("q", "a", new() { Expiration = "1" }),
                Arrives("dead", "a", Header("x-death[0].reason", "expired"), Header("x-death[0].original-expiration", "1"), NoProperty("expiration", it => it.Expiration))),
            Case("reason delivery_limit",
                Declare("dead"), Quorum("q", ("x-delivery-limit", 0), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("dead"))),
                Confirms(), Publish("q", "a"), Acked(1), Get("q", "a"), Nack("a"), Arrives("dead", "a", Header("x-death[0].reason", "delivery_limit"))),
            Case("other properties and headers stay",
                Declare("dead"), ToDead,
                PublishWith("q", "a", new() { DeliveryMode = 2, MessageId = "m", Priority = 4, Headers = new Dictionary<string, object?> { ["mine"] = 5 } }),
                Get("q", "a"), Reject("a"),
                Arrives(
                    "dead", "a", Property("delivery-mode", it => it.DeliveryMode, (byte)2), Property("message-id", it => it.MessageId, "m"),
                    Property("priority", it => it.Priority, (byte)4), Header("mine", 5))),
            Case("the newest death is first",
                Declare("last"), Declare("dead", ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("last"))), ToDead,
                Publish("q", "a"), Get("q", "a"), Reject("a"), ArrivesUnacked("dead", "a"), Reject("a"),
                Arrives(
                    "last", "a", HeaderIsName("x-death[0].queue", "dead"), HeaderIsName("x-death[1].queue", "q"), NoHeader("x-death[2]"), HeaderIsName("x-first-death-queue", "q"))),
            Case("a loop with a rejection counts, and its entry moves to the front",
                Declare("wait", ("x-message-ttl", 1), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("q"))),
                Declare("q", ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("wait"))),
                Publish("q", "a"), Get("q", "a", NoHeader("x-death")), Reject("a"),
                ArrivesUnacked("q", "a", Header("x-death[0].reason", "expired"), Header("x-death[0].count", 1), Header("x-death[1].reason", "rejected"), Header("x-death[1].count", 1)),
                Reject("a"),
                ArrivesUnacked("q", "a", Header("x-death[0].reason", "expired"), Header("x-death[0].count", 2), Header("x-death[1].count", 2), NoHeader("x-death[2]")),
                Reject("a"),
                ArrivesUnacked("q", "a", Header("x-death[0].count", 3), Header("x-death[1].count", 3), Header("x-first-death-reason", "rejected"))),
            Case("a loop without a rejection ends, silently, where it began",
                Declare("end"), Exchange("x", "fanout"), Declare("p", ("x-message-ttl", 1), ("x-dead-letter-exchange", new Named("x"))),
                Declare("q", ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("p"))), Bind("q", "x"), Bind("end", "x"),
                PublishWith("q", "a", new() { Expiration = "1" }), Arrives("end", "a", Header("x-death[0].reason", "expired")), Has("q", 0), GetEmpty("q")),
            Case("a queue that dead-letters to itself loses what expires",
                Declare("q", ("x-message-ttl", 1), ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("q"))),
                Publish("q", "a"), Has("q", 0)),
            Case("a queue that dead-letters to itself keeps what is rejected",
                Declare("q", ("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", new Named("q"))),
                Publish("q", "a"), Get("q", "a"), Reject("a"), ArrivesUnacked("q", "a", Header("x-death[0].count", 1)), Reject("a"),
                Arrives("q", "a", Header("x-death[0].count", 2))),
            Case("x-dead-letter-routing-key replaces all keys",
                Declare("dead"), Declare("p"), ToDead,
                PublishWith("q", "a", new() { Headers = new Dictionary<string, object?> { ["CC"] = new object?[] { new Named("p") } } }),
                Get("p", "a"), Get("q", "a"), Reject("a"), Arrives("dead", "a"), GetEmpty("p")),
            Case("without it, the message's key and CC are used",
                Exchange("x", "direct"), Declare("one"), Declare("two"), Bind("one", "x", "k"), Bind("two", "x", "cc"),
                Exchange("from", "fanout"), Declare("q", ("x-dead-letter-exchange", new Named("x"))), Bind("q", "from"),
                PublishTo("from", "k", "a", new() { Headers = new Dictionary<string, object?> { ["CC"] = new object?[] { "cc" } } }),
                Get("q", "a"), Reject("a"),
                Arrives("one", "a", Key("k"), Header("x-death[0].routing-keys", new object?[] { "k", "cc" })), Arrives("two", "a", Key("k"))),
            Case("CC stays in a dead letter",
                Declare("dead"), ToDead, PublishWith("q", "a", new() { Headers = new Dictionary<string, object?> { ["CC"] = new object?[] { "cc" } } }),
                Get("q", "a"), Reject("a"), Arrives("dead", "a", Header("CC[0]", "cc"))).Since("3.13", "removes it where the key is replaced", "rabbit_dead_letter; mc"),
            Case("BCC is not among the keys that it tells",
                Declare("dead"), ToDead, PublishWith("q", "a", new() { Headers = new Dictionary<string, object?> { ["BCC"] = new object?[] { "secret" } } }),
                Get("q", "a"), Reject("a"), Arrives("dead", "a", NoHeader("x-death[0].routing-keys[1]"), NoHeader("BCC"))),
            Case("an x-death that a client sets is not interpreted",
                Declare("dead"), ToDead,
                PublishWith("q", "a", new()
                {
                    Headers = new Dictionary<string, object?>
                    {
                        ["x-death"] = new object?[] { new Dictionary<string, object?> { ["queue"] = new Named("q"), ["reason"] = "rejected", ["count"] = 41L } },
                    },
                }),
                Get("q", "a", Header("x-death[0].count", 41)), Reject("a"),
                Arrives("dead", "a", Header("x-death[0].count", 1))).Since("4.0", "counts on from it", Container),
            Case("purging and deleting dead-letter nothing",
                Declare("dead"), ToDead, Publish("q", "a", "b"), Purge("q", 2), Publish("q", "c"), DeleteQueue("q", 1), Has("dead", 0), GetEmpty("dead")),
            Case("the exchange is the one that it was published to",
                Exchange("from", "fanout"), Declare("dead"), ToDead, Bind("q", "from"), PublishTo("from", "k", "a"), Get("q", "a"), Reject("a"),
                Arrives("dead", "a", HeaderIsName("x-death[0].exchange", "from"), Header("x-death[0].routing-keys[0]", "k"), HeaderIsName("x-first-death-exchange", "from"))),
        ],
        new Elsewhere("at-least-once", "tests/Silo/DeadLetters/AtLeastOnceTests.cs", ""));

    public static IEnumerable<object[]> Rows => Section.Names;

    [Theory]
    [MemberData(nameof(Rows))]
    public Task Row_OnTheBroker_IsAsInRabbitMq(string row) => RunAsync(Section[row]);
}
