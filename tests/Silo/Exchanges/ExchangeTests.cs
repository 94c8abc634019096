using Granary.Amqp;
using Granary.Core;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Granary.Silo.Exchanges;

namespace Granary.Silo.Tests.Exchanges;

public sealed class ExchangeTests
{
    private static readonly ExchangeDeclaration Direct = new(ExchangeTypes.Direct, Durable: true, AutoDelete: false, Internal: false, default);

    private readonly List<ExchangeChange> _changes = [];

    [Fact]
    public void Declare_UnknownType_IsRefusedEvenForTheDefaultExchange()
    {
        Refuses(ReplyCode.PreconditionFailed, "unknown exchange type 'x-y'", New("x").Declare(Direct with { Type = "x-y" }, default));
        Refuses(ReplyCode.PreconditionFailed, "unknown exchange type 'x-y'", New("").Declare(Direct with { Type = "x-y" }, default));
    }

    [Fact]
    public void Default_AnyOperation_IsRefused()
    {
        const string Text = "operation not permitted on the default exchange";
        var exchange = New("");

        Refuses(ReplyCode.AccessRefused, Text, exchange.Declare(Direct, default));
        Refuses(ReplyCode.AccessRefused, Text, exchange.Check());
        Refuses(ReplyCode.AccessRefused, Text, exchange.Delete(false, out _));
        Refuses(ReplyCode.AccessRefused, Text, exchange.Bind(ToQueue("q"), toDurable: false));
        Refuses(ReplyCode.AccessRefused, Text, exchange.Unbind(ToQueue("q"), out _));
        Refuses(ReplyCode.AccessRefused, Text, exchange.AddSource("s").Error);
    }

    [Fact]
    public void Declare_ReservedPrefix_IsRefusedOnlyForWhatDoesNotExist()
    {
        Refuses(ReplyCode.AccessRefused, "exchange name 'amq.foo' contains reserved prefix 'amq.*'", New("amq.foo").Declare(Direct, default));
        Assert.Null(New("amq.direct").Declare(Direct, default));
    }

    [Theory]
    [InlineData("amq.direct", "direct", false)]
    [InlineData("amq.fanout", "fanout", false)]
    [InlineData("amq.topic", "topic", false)]
    [InlineData("amq.headers", "headers", false)]
    [InlineData("amq.match", "headers", false)]
    [InlineData("amq.rabbitmq.trace", "topic", true)]
    public void Predeclared_FromTheStart_AreDurableAndNotDeletable(string name, string type, bool isInternal)
    {
        var exchange = New(name);

        Assert.Null(exchange.Check());
        Assert.Null(exchange.Declare(new ExchangeDeclaration(type, true, false, isInternal, default), default));
        Refuses(ReplyCode.AccessRefused, $"deletion of system exchange '{name}' in vhost '/' not allowed", exchange.Delete(false, out _));
        Assert.True(exchange.IsForgettable);
    }

    [Fact]
    public void Declare_DifferentFromWhatExists_NamesTheFirstDifference()
    {
        var exchange = Declared();

        Refuses(
            ReplyCode.PreconditionFailed, "inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but current is 'direct'",
            exchange.Declare(new ExchangeDeclaration(ExchangeTypes.Fanout, false, true, true, default), default));
        Refuses(
            ReplyCode.PreconditionFailed, "inequivalent arg 'durable' for exchange 'x' in vhost '/': received 'false' but current is 'true'",
            exchange.Declare(Direct with { Durable = false, AutoDelete = true }, default));
        Refuses(
            ReplyCode.PreconditionFailed, "inequivalent arg 'auto_delete' for exchange 'x' in vhost '/': received 'true' but current is 'false'",
            exchange.Declare(Direct with { AutoDelete = true }, default));
        Refuses(
            ReplyCode.PreconditionFailed, "inequivalent arg 'internal' for exchange 'x' in vhost '/': received 'true' but current is 'false'",
            exchange.Declare(Direct with { Internal = true }, default));
    }

    [Fact]
    public void Declare_AlternateExchange_IsTheOnlyArgumentCompared()
    {
        var exchange = New("x");
        Assert.Null(exchange.Declare(Direct with { Arguments = Table(("alternate-exchange", "ae"), ("x-other", 1)) }, default));

        Assert.Null(exchange.Declare(Direct with { Arguments = Table(("alternate-exchange", "ae")) }, default));
        Refuses(
            ReplyCode.PreconditionFailed, "inequivalent arg 'alternate-exchange' for exchange 'x' in vhost '/': received 'other' but current is 'ae'",
            exchange.Declare(Direct with { Arguments = Table(("alternate-exchange", "other")) }, default));
        Refuses(
            ReplyCode.PreconditionFailed,
            "inequivalent arg 'alternate-exchange' for exchange 'x' in vhost '/': received none but current is the value 'ae' of type 'longstr'",
            exchange.Declare(Direct, default));
    }

    [Fact]
    public void Declare_AlternateExchangeThatIsNoText_IsRefused()
    {
        Refuses(
            ReplyCode.PreconditionFailed, "invalid type 'signedint' for arg 'alternate-exchange' in exchange 'x' in vhost '/'",
            New("x").Declare(Direct with { Arguments = Table(("alternate-exchange", 5)) }, default));
    }

    [Fact]
    public void Missing_AnyUse_IsNotFoundButDeleteIsFine()
    {
        const string Text = "no exchange 'x' in vhost '/'";
        var exchange = New("x");

        Refuses(ReplyCode.NotFound, Text, exchange.Check());
        Refuses(ReplyCode.NotFound, Text, exchange.Bind(ToQueue("q"), toDurable: false));
        Refuses(ReplyCode.NotFound, Text, exchange.Unbind(ToQueue("q"), out _));
        Refuses(ReplyCode.NotFound, Text, exchange.AddSource("s").Error);
        Assert.Null(exchange.Delete(ifUnused: true, out var deletion));
        Assert.Null(deletion);
        Assert.Empty(_changes);
    }

    [Fact]
    public void Delete_IfUnused_IsRefusedWhileItHasBindings()
    {
        var exchange = Declared();
        exchange.Bind(ToQueue("q"), toDurable: false);

        Refuses(ReplyCode.PreconditionFailed, "exchange 'x' in vhost '/' in use", exchange.Delete(ifUnused: true, out _));
        exchange.Unbind(ToQueue("q"), out _);
        Assert.Null(exchange.Delete(ifUnused: true, out var deletion));
        Assert.NotNull(deletion);
        Assert.Equal(ExchangeChangeKind.Deleted, _changes[^1].Kind);
    }

    [Fact]
    public void Delete_WithSources_LeavesTheirBindingsToRemove()
    {
        var exchange = Declared();
        var incarnation = exchange.AddSource("s").Incarnation;
        exchange.AddSource("t");
        exchange.AddSource("s");

        exchange.Delete(ifUnused: true, out var deletion);

        Assert.Equal(new Destination(DestinationKind.Exchange, "x", incarnation), deletion!.Destination);
        Assert.Equal(["s", "t"], deletion.Sources.Order());
        Assert.NotEqual(default, incarnation);
    }

    [Fact]
    public void Bind_SameTwiceOrArgumentsInAnotherOrder_IsOneBinding()
    {
        var exchange = Declared();
        Assert.Null(exchange.Bind(ToQueue("q") with { Arguments = Table(("a", 1), ("b", 2)) }, toDurable: false));
        Assert.Null(exchange.Bind(ToQueue("q") with { Arguments = Table(("b", 2), ("a", 1)) }, toDurable: false));

        Assert.Single(exchange.Bindings);
        Assert.Single(_changes);
        Assert.Null(exchange.Unbind(ToQueue("q") with { Arguments = Table(("b", 2), ("a", 1)) }, out _));
        Assert.Empty(exchange.Bindings);
    }

    [Fact]
    public void Unbind_MissingBinding_IsFine()
    {
        var exchange = Declared();

        Assert.Null(exchange.Unbind(ToQueue("q"), out var deletion));
        Assert.Null(deletion);
        Assert.Empty(_changes);
    }

    [Fact]
    public void AutoDelete_LastBindingGone_EndsTheExchangeButNotBeforeItHadOne()
    {
        var exchange = New("x");
        exchange.Declare(Direct with { AutoDelete = true }, Guid.NewGuid());
        exchange.Unbind(ToQueue("q"), out var early);
        exchange.RemoveDestination(ToQueue("q").Destination, 0);
        Assert.Null(early);
        Assert.True(exchange.Exists);
        exchange.Bind(ToQueue("q", "a"), toDurable: false);
        exchange.Bind(ToQueue("q", "b"), toDurable: false);

        exchange.Unbind(ToQueue("q", "a"), out var first);
        exchange.Unbind(ToQueue("q", "b"), out var last);

        Assert.Null(first);
        Assert.NotNull(last);
        Assert.False(exchange.Exists);
    }

    [Fact]
    public void RemoveDestination_OfOneIncarnation_SparesTheSuccessor()
    {
        var exchange = Declared();
        var (old, successor) = (Guid.NewGuid(), Guid.NewGuid());
        exchange.Bind(ToQueue("q", "a", old), toDurable: false);
        exchange.Bind(ToQueue("q", "b", old), toDurable: false);
        exchange.Bind(ToQueue("q", "a", successor), toDurable: false);

        exchange.RemoveDestination(ToQueue("q", "", old).Destination, 0);
        exchange.RemoveDestination(ToQueue("q", "", old).Destination, 0);

        Assert.Equal([ToQueue("q", "a", successor)], exchange.Bindings);
        exchange.Unbind(ToQueue("q", "a"), out _);
        Assert.Empty(exchange.Bindings);
    }

    [Fact]
    public void Bind_HeadersExchange_ChecksXMatch()
    {
        var exchange = New("amq.match");

        Refuses(
            ReplyCode.PreconditionFailed, "Invalid x-match field value <<\"some\">>; expected all, any, all-with-x, or any-with-x",
            exchange.Bind(ToQueue("q") with { Arguments = Table(("x-match", "some")) }, toDurable: false));
        Refuses(
            ReplyCode.PreconditionFailed, "Invalid x-match field type signedint (value 1); expected longstr",
            exchange.Bind(ToQueue("q") with { Arguments = Table(("x-match", 1)) }, toDurable: false));
        Assert.Null(exchange.Bind(ToQueue("q") with { Arguments = Table(("x-match", "any-with-x")) }, toDurable: false));
        Assert.Null(New("amq.topic").Bind(ToQueue("q") with { Arguments = Table(("x-match", "some")) }, toDurable: false));
    }

    private static void Refuses(ReplyCode code, string text, BrokerError? error) => Assert.Equal(new BrokerError(code, text), error);

    private static EncodedTable Table(params (string Key, FieldValue Value)[] entries) => EncodedTable.From(FieldTable.Of(entries));

    private static Binding ToQueue(string queue, string key = "k", Guid incarnation = default) =>
        new(new Destination(DestinationKind.Queue, queue, incarnation), key, default);

    private Exchange New(string name) => new("/", name, _changes.Add);

    private Exchange Declared()
    {
        var exchange = New("x");
        Assert.Null(exchange.Declare(Direct, Guid.NewGuid()));
        return exchange;
    }
}
