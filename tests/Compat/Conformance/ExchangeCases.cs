using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using static Granary.Compat.Tests.Conformance.Checks;
using static Granary.Compat.Tests.Conformance.Steps;

namespace Granary.Compat.Tests.Conformance;

/// <summary>Exchanges and routing.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class ExchangeCases(SharedBroker shared) : ConformanceTests(shared)
{
    private const string OnDefault = "ACCESS_REFUSED - operation not permitted on the default exchange";

    private static readonly (string Pattern, string Key, bool IsRouted)[] Topics =
    [
        ("a.b", "a.b", true), ("a.b", "a.c", false), ("a.*", "a.b", true), ("a.*", "a", false), ("a.*", "a.b.c", false), ("*.b", "a.b", true), ("a.#", "a", true),
        ("a.#", "a.b.c", true), ("#", "", true), ("#", "a.b", true), ("#.b", "b", true), ("#.b", "a.a.b", true), ("#.b", "a.a.c", false), ("a.#.z", "a.z", true),
        ("a.#.z", "a.b.c.z", true), ("*", "", false), ("*.*", "a", false), ("*.*", ".", true), ("a..b", "a..b", true), ("a.*.b", "a..b", true), ("#.#", "a", true),
        ("*.#", "a", true), ("", "", true), ("", "a", false), ("a*", "ab", false),
    ];

    private static readonly (string Name, string Type)[] Predeclared =
        [("amq.direct", "direct"), ("amq.fanout", "fanout"), ("amq.topic", "topic"), ("amq.headers", "headers"), ("amq.match", "headers")];

    internal static readonly ConformanceSection Section = new(
        "3.10 Exchanges and routing",
        [
            .. Predeclared.Select(row => Case(
                $"{row.Name} is there, is durable, and is not deleted",
                Exchange(row.Name, row.Type, "durable"),
                ChannelError(403, $"ACCESS_REFUSED - deletion of system exchange '{row.Name}' in vhost '/' not allowed", DeleteExchange(row.Name)))),
            Case("amq.rabbitmq.trace is internal",
                Exchange("amq.rabbitmq.trace", "topic", "durable internal"),
                ChannelError(403, "ACCESS_REFUSED - cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'", PublishTo("amq.rabbitmq.trace", "k", "a"))),
            Case("a name that begins with amq. is 403",
                ChannelError(403, "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'", Exchange("amq.mine", "direct"))),
            Case("the default exchange: by the queue's name",
                Declare("q"), Publish("q", "a"), Get("q", "a", FromDefault, KeyIsName("q"))),
            Case("the default exchange: not to be declared, deleted or bound",
                ChannelError(403, OnDefault, Exchange("", "direct", "durable")), ChannelError(403, OnDefault, DeleteExchange("")), Declare("q"),
                ChannelError(403, OnDefault, Bind("q", "", "k")), ChannelError(403, OnDefault, Unbind("q", "", "k")),
                ChannelError(403, OnDefault, BindExchange("", "amq.direct")), ChannelError(403, OnDefault, BindExchange("amq.direct", ""))),
            Case("direct: by the key",
                Exchange("x", "direct"), Declare("q"), Bind("q", "x", "k"), PublishTo("x", "k", "a"), Get("q", "a", Key("k"), From("x")),
                PublishTo("x", "other", "b", mandatory: true), Returned("b")),
            Case("fanout: to all, whatever the key",
                Exchange("x", "fanout"), Declare("q"), Declare("p"), Bind("q", "x", "k"), Bind("p", "x"), PublishTo("x", "any", "a"), Get("q", "a"), Get("p", "a")),
            .. Topics.Select(row => Case(
                $"topic: '{row.Pattern}' {(row.IsRouted ? "takes" : "does not take")} '{row.Key}'",
                Exchange("x", "topic"), Declare("q"), Bind("q", "x", row.Pattern), PublishTo("x", row.Key, "a", mandatory: true),
                row.IsRouted ? Arrives("q", "a") : Returned("a"))),
            Case("one copy for a queue, however many bindings there are",
                Exchange("x", "topic"), Declare("q"), Bind("q", "x", "a.*"), Bind("q", "x", "*.b"), Bind("q", "x", "#"), PublishTo("x", "a.b", "a"), Has("q", 1)),
            Case("alternate exchange: a chain",
                Exchange("z", "fanout"), Declare("q"), Bind("q", "z"), Exchange("y", "direct", "", ("alternate-exchange", new Named("z"))),
                Exchange("x", "direct", "", ("alternate-exchange", new Named("y"))), PublishTo("x", "k", "a"), Get("q", "a", From("x"))),
            Case("alternate exchange: a circle ends",
                Exchange("y", "direct", "", ("alternate-exchange", new Named("x"))), Exchange("x", "direct", "", ("alternate-exchange", new Named("y"))),
                PublishTo("x", "k", "a", mandatory: true), Returned("a")),
            Case("alternate exchange: one that is missing is passed over",
                Exchange("x", "direct", "", ("alternate-exchange", new Named("none"))), PublishTo("x", "k", "a", mandatory: true), Returned("a")),
            Case("alternate exchange: not asked where there is a route",
                Exchange("y", "fanout"), Declare("p"), Bind("p", "y"), Exchange("x", "direct", "", ("alternate-exchange", new Named("y"))), Declare("q"), Bind("q", "x", "k"),
                PublishTo("x", "k", "a"), Get("q", "a"), Has("p", 0)),
            Case("exchange to exchange",
                Exchange("x", "direct"), Exchange("y", "fanout"), BindExchange("y", "x", "k"), Declare("q"), Bind("q", "y"), PublishTo("x", "k", "a"), Get("q", "a", From("x"), Key("k")),
                UnbindExchange("y", "x", "k"), PublishTo("x", "k", "b", mandatory: true), Returned("b")),
            Case("exchange to exchange: a circle, and one copy",
                Exchange("x", "fanout"), Exchange("y", "fanout"), BindExchange("y", "x"), BindExchange("x", "y"), Declare("q"), Bind("q", "x"), Bind("q", "y"),
                PublishTo("x", "", "a"), Has("q", 1)),
            Case("internal: not to be published to, but to be bound",
                Exchange("x", "fanout"), Exchange("y", "fanout", "internal"), BindExchange("y", "x"), Declare("q"), Bind("q", "y"), PublishTo("x", "", "a"), Get("q", "a"),
                ChannelError(403, "ACCESS_REFUSED - cannot publish to internal exchange '{y}' in vhost '/'", PublishTo("y", "", "b"))),
            Case("a type that is not known is 406",
                ChannelError(406, "PRECONDITION_FAILED - unknown exchange type 'magic'", Exchange("x", "magic"))).Since("3.13.3", "503 on the connection", "rabbit_exchange: check_type"),
            Case("declared again with another type",
                Exchange("x", "direct"),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'type' for exchange '{x}' in vhost '/': received 'fanout' but current is 'direct'", Exchange("x", "fanout"))),
            Case("declared again with a type that is no word of Erlang",
                Exchange("x", "direct"),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'type' for exchange '{x}' in vhost '/': received ''x-random'' but current is 'direct'", Exchange("x", "x-random"))),
            Case("declared again with other flags",
                Exchange("x", "direct"),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'durable' for exchange '{x}' in vhost '/': received 'true' but current is 'false'", Exchange("x", "direct", "durable")),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for exchange '{x}' in vhost '/': received 'true' but current is 'false'",
                    Exchange("x", "direct", "auto-delete")),
                ChannelError(
                    406, "PRECONDITION_FAILED - inequivalent arg 'internal' for exchange '{x}' in vhost '/': received 'true' but current is 'false'",
                    Exchange("x", "direct", "internal"))),
            Case("passive: 404 if it is not there",
                ChannelError(404, "NOT_FOUND - no exchange '{x}' in vhost '/'", Exchange("x", "direct", "passive"))),
            Case("passive: of any type",
                Exchange("x", "direct"), Exchange("x", "fanout", "passive")),
            Case("delete: if-unused",
                Exchange("x", "direct"), Declare("q"), Bind("q", "x", "k"),
                ChannelError(406, "PRECONDITION_FAILED - exchange '{x}' in vhost '/' in use", DeleteExchange("x", ifUnused: true)), Unbind("q", "x", "k"), DeleteExchange("x", ifUnused: true)),
            Case("bind: what is not there is 404",
                Declare("q"), ChannelError(404, "NOT_FOUND - no exchange '{none}' in vhost '/'", Bind("q", "none")),
                ChannelError(404, "NOT_FOUND - no queue '{none}' in vhost '/'", Bind("none", "amq.direct")),
                ChannelError(404, "NOT_FOUND - no exchange '{none}' in vhost '/'", BindExchange("amq.direct", "none"))),
            Case("bind: where both are not there, the source is told",
                ChannelError(404, "NOT_FOUND - no exchange '{from}' in vhost '/'", Bind("to", "from")),
                ChannelError(404, "NOT_FOUND - no exchange '{from}' in vhost '/'", BindExchange("to", "from"))),
            Case("bind: a source that is not there comes before a locked queue",
                Declare("q", "exclusive"), On("b1", ChannelError(404, "NOT_FOUND - no exchange '{none}' in vhost '/'", Bind("q", "none")))),
        ],
        new Elsewhere("x-consistent-hash, x-modulus-hash, x-random", "tests/Compat/RabbitMqClient7/Semantics/OneTargetExchangeTests.cs", ""),
        new Elsewhere("x-local-random", "tests/Core/Routing/OneTargetTests.cs", ""));

    public static IEnumerable<object[]> Rows => Section.Names;

    [Theory]
    [MemberData(nameof(Rows))]
    public Task Row_OnTheBroker_IsAsInRabbitMq(string row) => RunAsync(Section[row]);
}
