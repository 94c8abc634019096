using Granary.Amqp;
using Granary.Core.Routing;
using Granary.Core.Topology;

namespace Granary.Core.Tests.Routing;

public sealed class BindingIndexTests
{
    [Theory]
    [InlineData("#", "", true)]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("*", "", false)]
    [InlineData("*", "a", true)]
    [InlineData("*.*", ".", true)]
    [InlineData("a.*", "a.", true)]
    [InlineData("a.#", "a", true)]
    [InlineData("#.a", "a", true)]
    [InlineData("#.a.#", "b.a.c.d", true)]
    [InlineData("#.#", "", true)]
    [InlineData("#.#.#", "x", true)]
    [InlineData("a.#.b", "a.b", true)]
    [InlineData("a.#.b", "a.c.b.c", false)]
    [InlineData("*.#", "", false)]
    [InlineData("#.*", "a.b", true)]
    [InlineData("a..b", "a..b", true)]
    [InlineData("a..b", "a.x.b", false)]
    [InlineData("a.*", "a.*", true)]
    [InlineData("é.*", "é.ü", true)]
    public void Topic_KeyAgainstPattern_MatchesAsRabbitMq(string pattern, string key, bool matches)
    {
        var index = new BindingIndex(ExchangeTypes.Topic);
        index.Add(ToQueue("q", pattern));

        Assert.Equal(matches, index.Names(key).Count == 1);
    }

    [Fact]
    public void Topic_ManyHashesInOneKey_MatchesInShortTime()
    {
        var index = new BindingIndex(ExchangeTypes.Topic);
        index.Add(ToQueue("q", string.Join('.', Enumerable.Repeat("#.a", 60)) + ".b"));

        Assert.Empty(index.Names(string.Join('.', Enumerable.Repeat("a", 120))));
    }

    [Fact]
    public void Index_SameDestinationByTwoBindings_StaysUntilBothAreGone()
    {
        var index = new BindingIndex(ExchangeTypes.Topic);
        index.Add(ToQueue("q", "a.*"));
        index.Add(ToQueue("q", "a.#"));

        Assert.Equal(["Queue q"], index.Names("a.b"));
        Assert.True(index.Remove(ToQueue("q", "a.*")));
        Assert.Equal(["Queue q"], index.Names("a.b"));
        Assert.True(index.Remove(ToQueue("q", "a.#")));
        Assert.Empty(index.Names("a.b"));
    }

    [Fact]
    public void Index_QueueAndExchangeOfOneName_AreTwoTargets()
    {
        var index = new BindingIndex(ExchangeTypes.Fanout);
        index.Add(ToQueue("n", ""));
        index.Add(new Binding(new Destination(DestinationKind.Exchange, "n", default), "", default));

        Assert.Equal(["Exchange n", "Queue n"], index.Names(""));
    }

    [Fact]
    public void Index_SeveralKeys_GivesTheUnionOnce()
    {
        var index = new BindingIndex(ExchangeTypes.Direct);
        index.Add(ToQueue("q", "a"));
        index.Add(ToQueue("q", "b"));
        index.Add(ToQueue("r", "c"));

        var found = index.Match("a"u8, [.. new[] { "b"u8.ToArray(), "c"u8.ToArray() }.Select(key => new ReadOnlyMemory<byte>(key))], default);

        Assert.Equal(["q", "r"], found.ToArray().Select(target => target.Name).Order());
    }

    [Fact]
    public void Headers_EmptyArguments_AllMatchesEverythingAnyNothing()
    {
        var index = new BindingIndex(ExchangeTypes.Headers);
        index.Add(ToQueue("all", "", ("x-match", "all")));
        index.Add(ToQueue("plain", ""));
        index.Add(ToQueue("any", "", ("x-match", "any")));

        Assert.Equal(["Queue all", "Queue plain"], index.Names(""));
        Assert.Equal(["Queue all", "Queue plain"], index.Names("", FieldTable.Of(("a", 1))));
    }

    [Fact]
    public void Headers_XKeys_CountOnlyWithX()
    {
        var index = new BindingIndex(ExchangeTypes.Headers);
        index.Add(ToQueue("all", "", ("x-match", "all"), ("x-a", 1), ("b", 1)));
        index.Add(ToQueue("all-with-x", "", ("x-match", "all-with-x"), ("x-a", 1), ("b", 1)));
        index.Add(ToQueue("any-with-x", "", ("x-match", "any-with-x"), ("x-a", 1)));

        Assert.Equal(["Queue all"], index.Names("", FieldTable.Of(("b", 1))));
        Assert.Equal(["Queue all", "Queue all-with-x", "Queue any-with-x"], index.Names("", FieldTable.Of(("b", 1), ("x-a", 1))));
        Assert.Equal(["Queue any-with-x"], index.Names("", FieldTable.Of(("x-a", 1))));
    }

    [Fact]
    public void Headers_VoidCondition_AsksForPresenceOnly()
    {
        var index = new BindingIndex(ExchangeTypes.Headers);
        index.Add(ToQueue("q", "", ("a", FieldValue.Void)));

        Assert.Single(index.Names("", FieldTable.Of(("a", "anything"))));
        Assert.Single(index.Names("", FieldTable.Of(("a", FieldValue.Void))));
        Assert.Empty(index.Names("", FieldTable.Of(("b", 1))));
    }

    [Theory]
    [InlineData(FieldKind.SignedByte)]
    [InlineData(FieldKind.UnsignedByte)]
    [InlineData(FieldKind.Short)]
    [InlineData(FieldKind.UnsignedShort)]
    [InlineData(FieldKind.Int)]
    [InlineData(FieldKind.UnsignedInt)]
    [InlineData(FieldKind.Long)]
    [InlineData(FieldKind.OtherLong)]
    public void Headers_IntegerOfAnyWidth_MatchesByValue(FieldKind kind)
    {
        var index = new BindingIndex(ExchangeTypes.Headers);
        index.Add(ToQueue("int", "", ("n", 5)));
        index.Add(ToQueue("same", "", ("n", FieldValue.Integer(kind, 5))));
        index.Add(ToQueue("real", "", ("n", 5.0)));
        index.Add(ToQueue("text", "", ("n", "5")));

        Assert.Equal(["Queue int", "Queue same"], index.Names("", FieldTable.Of(("n", FieldValue.Integer(kind, 5)))));
        Assert.Equal(["Queue int", "Queue same"], index.Names("", FieldTable.Of(("n", 5L))));
        Assert.Empty(index.Names("", FieldTable.Of(("n", FieldValue.Integer(kind, 6)))));
    }

    [Fact]
    public void Headers_NegativeInteger_MatchesByValue()
    {
        var index = new BindingIndex(ExchangeTypes.Headers);
        index.Add(ToQueue("q", "", ("n", FieldValue.Integer(FieldKind.SignedByte, -1))));

        Assert.Single(index.Names("", FieldTable.Of(("n", -1L))));
        Assert.Empty(index.Names("", FieldTable.Of(("n", FieldValue.Integer(FieldKind.UnsignedByte, 255)))));
    }

    [Fact]
    public void Headers_FloatAndDouble_MatchByValueAndNoInteger()
    {
        var index = new BindingIndex(ExchangeTypes.Headers);
        index.Add(ToQueue("q", "", ("n", FieldValue.Float(0.5f))));
        index.Add(ToQueue("one", "", ("n", FieldValue.Float(1))));

        Assert.Equal(["Queue q"], index.Names("", FieldTable.Of(("n", 0.5))));
        Assert.Equal(["Queue one"], index.Names("", FieldTable.Of(("n", 1.0))));
        Assert.Empty(index.Names("", FieldTable.Of(("n", 1))));
    }

    [Fact]
    public void Headers_TextAndBytes_MatchByValue()
    {
        var index = new BindingIndex(ExchangeTypes.Headers);
        index.Add(ToQueue("q", "", ("n", "abc")));

        Assert.Single(index.Names("", FieldTable.Of(("n", FieldValue.Bytes("abc"u8)))));
        Assert.Empty(index.Names("", FieldTable.Of(("n", FieldValue.Bytes("abd"u8)))));
    }

    [Fact]
    public void Headers_TablesAndArrays_MatchByWhatIsInThem()
    {
        var index = new BindingIndex(ExchangeTypes.Headers);
        index.Add(ToQueue("table", "", ("n", FieldTable.Of(("a", 1L), ("b", new FieldArray(2L, true))))));
        index.Add(ToQueue("empty", "", ("n", new FieldArray())));
        var other = FieldTable.Of(("a", FieldValue.Integer(FieldKind.OtherLong, 1)), ("b", new FieldArray(FieldValue.Integer(FieldKind.OtherLong, 2), true)));

        Assert.Equal(["Queue table"], index.Names("", FieldTable.Of(("n", other))));
        Assert.Equal(["Queue empty"], index.Names("", FieldTable.Of(("n", FieldTable.Empty))));

        // To RabbitMQ the elements of a list are pairs of type and value.
        Assert.Empty(index.Names("", FieldTable.Of(("n", FieldTable.Of(("a", 1), ("b", new FieldArray(2L, true)))))));
    }

    [Fact]
    public void Headers_LongText_IsComparedWhole()
    {
        var index = new BindingIndex(ExchangeTypes.Headers);
        index.Add(ToQueue("q", "", ("n", new string('x', 10_000))));

        Assert.Single(index.Names("", FieldTable.Of(("n", FieldValue.Bytes(System.Text.Encoding.UTF8.GetBytes(new string('x', 10_000)))))));
        Assert.Empty(index.Names("", FieldTable.Of(("n", new string('x', 9_999) + "y"))));
    }

    [Fact]
    public void Headers_KeyTwiceInMessage_LastOneCounts()
    {
        var index = new BindingIndex(ExchangeTypes.Headers);
        index.Add(ToQueue("q", "", ("n", 1)));

        Assert.Empty(index.Names("", FieldTable.Of(("n", 1), ("n", 2))));
        Assert.Single(index.Names("", FieldTable.Of(("n", 2), ("n", 1))));
    }

    [Fact]
    public void Headers_ThousandsOfHeaders_AreAllLookedAt()
    {
        var index = new BindingIndex(ExchangeTypes.Headers);
        index.Add(ToQueue("q", "", ("k4999", 4999), ("k0", 0)));
        var headers = new FieldTable(Enumerable.Range(0, 5000).Select(i => KeyValuePair.Create($"k{i}", (FieldValue)i)));

        Assert.Single(index.Names("", headers));
        Assert.Empty(index.Names("", FieldTable.Of(("k0", 0))));
        Assert.Single(index.Names("", headers));
    }

    [Fact]
    public void Headers_TruncatedTable_IsAnErrorOfTheConnection()
    {
        var index = new BindingIndex(ExchangeTypes.Headers);
        index.Add(ToQueue("q", "", ("n", 1)));

        Assert.Throws<AmqpConnectionException>(() => index.Match(""u8, [], "\u0001n"u8));
    }

    private static Binding ToQueue(string queue, string key, params (string Key, FieldValue Value)[] arguments) =>
        new(new Destination(DestinationKind.Queue, queue, default), key, EncodedTable.From(FieldTable.Of(arguments)));
}
