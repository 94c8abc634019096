using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using static Granary.Compat.Tests.Conformance.Checks;
using static Granary.Compat.Tests.Conformance.Steps;

namespace Granary.Compat.Tests.Conformance;

/// <summary>Arguments of exchange.declare, basic.consume and queue.bind.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class OtherArgumentCases(SharedBroker shared) : ConformanceTests(shared)
{
    internal static readonly ConformanceSection Section = new(
        "2.2 to 2.4 Arguments of exchanges, consumers and bindings",
        [
            Case("alternate-exchange: gets what has no route",
                Exchange("alt", "fanout"), Declare("q"), Bind("q", "alt"),
                Exchange("x", "direct", "", ("alternate-exchange", new Named("alt"))),
                PublishTo("x", "none", "a", mandatory: true), Arrives("q", "a"), Nothing("q")),
            Case("alternate-exchange: of another value, it is 406",
                Exchange("x", "direct", "", ("alternate-exchange", "a")),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '{x}' in vhost '/': received 'b' but current is 'a'",
                    Exchange("x", "direct", "", ("alternate-exchange", "b")))),
            Case("alternate-exchange: of another type, it is 406",
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange '{x}' in vhost '/'",
                    Exchange("x", "direct", "", ("alternate-exchange", 5)))),
            .. new (string Type, object? Value, string Text)[]
            {
                ("double", 2.5, "2.5"), ("double", 1e6, "1.0e6"), ("double", -1.25e-7, "-1.25e-7"), ("decimal", 0.25m, "{2,25}"), ("void", null, "undefined"), ("array", Array.Empty<object?>(), "[]"),
                ("table", new Dictionary<string, object?> { ["a"] = new object?[] { 1, "b" } }, "[{<<\"a\">>,array,[{signedint,1},{longstr,<<\"b\">>}]}]"),
            }.Select(value => Case(
                $"alternate-exchange: beside none, {value.Text} is told as Erlang prints it",
                Exchange("x", "direct"),
                ChannelError(
                    406,
                    $"PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '{{x}}' in vhost '/': received the value '{value.Text}' of type '{value.Type}' but current is none",
                    Exchange("x", "direct", "", ("alternate-exchange", value.Value))))),
            Case("other arguments of an exchange are kept, and not compared",
                Exchange("x", "direct", "", ("my-argument", 1)), Exchange("x", "direct"), Exchange("x", "direct", "", ("my-argument", "other"))),

            Case("x-priority: the higher is first",
                Declare("q"), Consume("q", "low", "no-ack"), Consume("q", "high", "no-ack", ("x-priority", 5)),
                Publish("q", "a", "b"), DeliveredAll("high", "a", "b")),
            Case("x-priority: below 0 comes after none",
                Declare("q"), Consume("q", "less", "no-ack", ("x-priority", -5)), Consume("q", "none", "no-ack"),
                Publish("q", "a", "b"), DeliveredAll("none", "a", "b")),
            Case("x-priority: no integer is 406",
                Declare("q"),
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid arg 'x-priority' for queue '{q}' in vhost '/': \"expected integer, got longstr\"",
                    Consume("q", "t", "", ("x-priority", "high")))),
            Case("x-stream-offset: first",
                StreamQueue("s"), Confirms(), Publish("s", "a", "b", "c"), Acked(3), Qos(10),
                Consume("s", "t", "", ("x-stream-offset", "first")),
                Delivered("t", "a", Header("x-stream-offset", 0)), Delivered("t", "b", Header("x-stream-offset", 1)), Delivered("t", "c")),
            Case("x-stream-offset: next is what comes later, and the default",
                StreamQueue("s"), Confirms(), Publish("s", "a"), Acked(1), Qos(10),
                Consume("s", "t", "", ("x-stream-offset", "next")), Publish("s", "b"), Acked(2), Delivered("t", "b"), Cancel("t"),
                Consume("s", "u"), Publish("s", "c"), Acked(3), Delivered("u", "c")),
            Case("x-stream-offset: an offset",
                StreamQueue("s"), Confirms(), Publish("s", "a"), Acked(1), Publish("s", "b"), Acked(2), Qos(10),
                Consume("s", "t", "", ("x-stream-offset", 1L)), Delivered("t", "b", Header("x-stream-offset", 1))),
            Case("x-stream-offset: beyond the end is next",
                StreamQueue("s"), Confirms(), Publish("s", "a"), Acked(1), Qos(10),
                Consume("s", "t", "", ("x-stream-offset", 1_000_000L)), Publish("s", "b"), Acked(2), Delivered("t", "b"))
                .OurOwn("delivers nothing below that offset", "as RabbitMQ's documentation of consuming from streams says"),
            Case("x-stream-offset: a time that is long ago is first",
                StreamQueue("s"), Confirms(), Publish("s", "a"), Acked(1), Qos(10),
                Consume("s", "t", "", ("x-stream-offset", DateTimeOffset.FromUnixTimeSeconds(1_000_000_000))), Delivered("t", "a")),
            Case("x-stream-offset: an interval",
                StreamQueue("s"), Confirms(), Publish("s", "a"), Acked(1), Qos(10),
                Consume("s", "t", "", ("x-stream-offset", "1h")), Delivered("t", "a")),
            Case("x-stream-offset: an interval in units that are not known is 406",
                StreamQueue("s"), Qos(10),
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue '{s}' in vhost '/': {invalid_stream_offset_arg,{longstr,<<\"5w\">>}}",
                    Consume("s", "t", "", ("x-stream-offset", "5w")))),
            Case("x-stream-offset: anything else is 406",
                StreamQueue("s"), Qos(10),
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue '{s}' in vhost '/': {invalid_stream_offset_arg,{longstr,<<\"middle\">>}}",
                    Consume("s", "t", "", ("x-stream-offset", "middle"))))
                .OurOwn("541 on the connection", "a client's mistake is no internal error (rabbit_amqqueue: check_max_age reads an empty number)"),
            Case("x-stream-offset: a classic queue refuses it",
                Declare("q"),
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue '{q}' in vhost '/' of queue type rabbit_classic_queue",
                    Consume("q", "t", "", ("x-stream-offset", "first")))),
            Case("x-priority: a stream refuses it",
                StreamQueue("s"), Qos(10),
                ChannelError(
                    406, "PRECONDITION_FAILED - invalid arg 'x-priority' for queue '{s}' in vhost '/' of queue type rabbit_stream_queue",
                    Consume("s", "t", "", ("x-priority", 5)))),
            Case("x-stream-filter: only messages with that value",
                StreamQueue("s"), Confirms(),
                PublishWith("s", "red", Value("red")), PublishWith("s", "blue", Value("blue")), PublishWith("s", "plain", new()), Acked(3), Qos(10),
                Consume("s", "t", "", ("x-stream-offset", "first"), ("x-stream-filter", "blue")), Delivered("t", "blue"), Cancel("t"),
                Consume("s", "u", "", ("x-stream-offset", "first"), ("x-stream-filter", new object?[] { "blue" }), ("x-stream-match-unfiltered", true)),
                DeliveredAll("u", "blue", "plain")).Since("3.13", "is ignored", "rabbit_stream_queue: filter_spec"),
            Case("an argument of a consumer that nobody knows is ignored",
                Declare("q"), Consume("q", "t", "no-ack", ("x-mine", 1), ("x-single-active-consumer", true)), Publish("q", "a"), Delivered("t", "a")),
            Case("x-cancel-on-ha-failover: is accepted",
                Declare("q"), Consume("q", "t", "no-ack", ("x-cancel-on-ha-failover", true)), Publish("q", "a"), Delivered("t", "a")),

            Matches("all is the default", [("a", 1), ("b", "x")], [("a", 1), ("b", "x"), ("c", true)], true),
            Matches("all: one is missing", [("x-match", "all"), ("a", 1), ("b", "x")], [("a", 1)], false),
            Matches("all: one has another value", [("x-match", "all"), ("a", 1), ("b", "x")], [("a", 1), ("b", "y")], false),
            Matches("any: one is enough", [("x-match", "any"), ("a", 1), ("b", "x")], [("b", "x")], true),
            Matches("any: none", [("x-match", "any"), ("a", 1), ("b", "x")], [("a", 2), ("b", "y")], false),
            Matches("all: headers with x- are passed over", [("x-match", "all"), ("a", 1), ("x-b", 1)], [("a", 1)], true),
            Matches("any: headers with x- are passed over", [("x-match", "any"), ("a", 1), ("x-b", 1)], [("x-b", 1)], false),
            Matches("all-with-x: they are not", [("x-match", "all-with-x"), ("a", 1), ("x-b", 1)], [("a", 1)], false),
            Matches("all-with-x: all are there", [("x-match", "all-with-x"), ("a", 1), ("x-b", 1)], [("a", 1), ("x-b", 1)], true),
            Matches("any-with-x: one is enough", [("x-match", "any-with-x"), ("a", 1), ("x-b", 1)], [("x-b", 1)], true),
            Matches("void: a header of any value is there", [("x-match", "all"), ("a", null)], [("a", "what it is")], true),
            Matches("void: a header is not there", [("x-match", "all"), ("a", null)], [("b", 1)], false),
            Matches("integers match whatever their width", [("x-match", "all"), ("a", 1L)], [("a", (short)1)], true),
            Matches("a number is no text", [("x-match", "all"), ("a", 1)], [("a", "1")], false),
            Matches("true is no 1", [("x-match", "all"), ("a", true)], [("a", 1)], false),
            Matches("empty all matches everything", [("x-match", "all")], [("a", 1)], true),
            Matches("empty any matches nothing", [("x-match", "any")], [("a", 1)], false),
            Case("x-match: anything else is 406",
                Exchange("x", "headers"), Declare("q"),
                ChannelError(
                    406,
                    "PRECONDITION_FAILED - Invalid x-match field value <<\"some\">>; expected all, any, all-with-x, or any-with-x",
                    Bind("q", "x", "", ("x-match", "some")))),
            Case("a binding is the same by source, destination, key and arguments",
                Exchange("x", "direct"), Declare("q"),
                Bind("q", "x", "k", ("a", 1)), Bind("q", "x", "k", ("a", 1)), Bind("q", "x", "k"),
                PublishTo("x", "k", "one"), Has("q", 1), Get("q", "one"),
                Unbind("q", "x", "k"), PublishTo("x", "k", "two"), Has("q", 1), Get("q", "two"),
                Unbind("q", "x", "k", ("a", 1)), PublishTo("x", "k", "three", mandatory: true), Returned("three")),
        ],
        new Elsewhere("hash-header and hash-property of x-consistent-hash, weights", "tests/Compat/RabbitMqClient7/Semantics/OneTargetExchangeTests.cs", ""));

    public static IEnumerable<object[]> Rows => Section.Names;

    [Theory]
    [MemberData(nameof(Rows))]
    public Task Row_OnTheBroker_IsAsInRabbitMq(string row) => RunAsync(Section[row]);

    private static ConformanceCase Matches(string what, (string, object?)[] binding, (string Name, object? Value)[] headers, bool isRouted) => Case(
        $"headers exchange, {what}",
        Exchange("x", "headers"), Declare("q"), Bind("q", "x", "", binding),
        PublishTo("x", "", "a", new() { Headers = headers.ToDictionary(header => header.Name, header => header.Value) }, mandatory: true),
        isRouted ? Arrives("q", "a") : Returned("a"));

    private static Granary.Testing.Wire.WireProperties Value(string value) => new() { Headers = new Dictionary<string, object?> { ["x-stream-filter-value"] = value } };
}
