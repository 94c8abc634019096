using CsCheck;
using Granary.Amqp;
using Granary.Core.Routing;
using Granary.Core.Topology;

namespace Granary.Core.Tests.Routing;

/// <summary>Exchanges that send each message to one of their bindings: by a hash, or by chance.</summary>
public sealed class OneTargetTests
{
    private const int Messages = 20_000;

    private static readonly Gen<int[]> Orders = Gen.Shuffle(Enumerable.Range(0, 20).ToArray());

    [Fact]
    public void ConsistentHash_OfOneKey_IsTheSameHoweverTheBindingsCame() => Gen.Select(Orders, Orders).Sample((one, other) =>
    {
        var (left, right) = (Hash(one), Hash(other));
        return Enumerable.Range(0, 200).All(i => Target(left, $"key {i}") == Target(right, $"key {i}"));
    }, iter: 20);

    [Fact]
    public void ConsistentHash_GivesSharesByWeight()
    {
        var index = Index(ExchangeTypes.ConsistentHash);
        foreach (var weight in new[] { 1, 2, 5 })
        {
            index.Add(Bind($"w{weight}", $"{weight}"));
        }

        var shares = Enumerable.Range(0, Messages).CountBy(i => Target(index, $"{i}")).ToDictionary();
        foreach (var weight in new[] { 1, 2, 5 })
        {
            Assert.InRange(shares[$"w{weight}"] / (double)Messages, (weight / 8.0) - 0.015, (weight / 8.0) + 0.015);
        }
    }

    [Fact]
    public void ConsistentHash_WithoutOneOfItsBindings_MovesItsKeysAlone()
    {
        var index = Hash([.. Enumerable.Range(0, 10)]);
        var before = Enumerable.Range(0, 1_000).Select(i => Target(index, $"{i}")).ToArray();
        Assert.True(index.Remove(Bind("q3", "1")));
        for (var i = 0; i < before.Length; i++)
        {
            var now = Target(index, $"{i}");
            Assert.True(before[i] == "q3" ? now != "q3" : now == before[i]);
        }
    }

    /// <summary>Which destination a key has is decided in all processes alike, also in those of another version: if this fails, no change of the hash may be released.</summary>
    [Fact]
    public void ConsistentHash_OfKnownKeys_IsWhatItWas()
    {
        var index = Hash([.. Enumerable.Range(0, 10)]);
        Assert.Equal(KnownTargets, Enumerable.Range(0, 10).Select(i => Target(index, $"key {i}")));
    }

    [Fact]
    public void ConsistentHash_OfAHeader_FollowsItAndNotTheKey()
    {
        var index = Hash([.. Enumerable.Range(0, 10)], ("hash-header", "id"));
        Assert.False(index.FollowsFromKey);
        var targets = Enumerable.Range(0, 200).Select(i => Target(index, "k", FieldTable.Of(("id", $"{i}")))).ToArray();
        Assert.Equal(10, targets.Distinct().Count());
        Assert.Equal(targets, Enumerable.Range(0, 200).Select(i => Target(index, $"{i}", FieldTable.Of(("x", 1), ("id", $"{i}")))));

        // An integer is the same whatever its width.
        Assert.Equal(Target(index, "k", FieldTable.Of(("id", 70_000))), Target(index, "k", FieldTable.Of(("id", 70_000L))));
        Assert.Single(Enumerable.Range(0, 50).Select(i => Target(index, $"{i}", FieldTable.Of(("other", i)))).Distinct());
    }

    [Theory]
    [InlineData("message_id")]
    [InlineData("correlation_id")]
    [InlineData("timestamp")]
    public void ConsistentHash_OfAProperty_FollowsIt(string property)
    {
        var index = Hash([.. Enumerable.Range(0, 10)], ("hash-property", property));
        var targets = Enumerable.Range(0, 200).Select(i => TargetOf(index, "k", With(property, i))).ToArray();
        Assert.Equal(10, targets.Distinct().Count());
        Assert.Equal(targets, Enumerable.Range(0, 200).Select(i => TargetOf(index, $"{i}", With(property, i))));
        Assert.Single(Enumerable.Range(0, 50).Select(i => TargetOf(index, $"{i}", new BasicProperties())).Distinct());
    }

    [Fact]
    public void ConsistentHash_WithKeysInCC_GoesToOneDestination()
    {
        var index = Hash([.. Enumerable.Range(0, 10)]);
        ReadOnlyMemory<byte>[] more = ["a"u8.ToArray(), "b"u8.ToArray(), "c"u8.ToArray()];
        Assert.Equal(Target(index, "k"), Assert.Single(index.Match("k"u8, more, default).ToArray()).Name);
    }

    [Fact]
    public void ConsistentHash_WithADestinationBoundTwice_CountsItsLargestWeight()
    {
        var index = Index(ExchangeTypes.ConsistentHash);
        index.Add(Bind("a", "1"));
        index.Add(Bind("a", "3"));
        index.Add(Bind("b", "1"));
        Assert.InRange(Share("a"), 0.72, 0.78);
        Assert.True(index.Remove(Bind("a", "3")));
        Assert.InRange(Share("a"), 0.47, 0.53);
        Assert.True(index.Remove(Bind("a", "1")));
        Assert.Equal(0, Share("a"));

        double Share(string name) => Enumerable.Range(0, Messages).Count(i => Target(index, $"{i}") == name) / (double)Messages;
    }

    [Fact]
    public void ModulusHash_SpreadsKeysEvenly_TheSameHoweverTheBindingsCame() => Gen.Select(Orders, Orders).Sample((one, other) =>
    {
        var (left, right) = (Index(ExchangeTypes.ModulusHash), Index(ExchangeTypes.ModulusHash));
        one.ToList().ForEach(i => left.Add(Bind($"q{i}", "ignored")));
        other.ToList().ForEach(i => right.Add(Bind($"q{i}", "")));
        var targets = Enumerable.Range(0, 2_000).Select(i => Target(left, $"{i}")).ToArray();
        return left.FollowsFromKey && targets.SequenceEqual(Enumerable.Range(0, 2_000).Select(i => Target(right, $"{i}")))
            && targets.CountBy(target => target).All(share => share.Value is > 50 and < 170);
    }, iter: 10);

    [Fact]
    public void Random_TakesEachBindingAboutAsOften_AndIsNeverRemembered()
    {
        var index = Index(ExchangeTypes.Random);
        Enumerable.Range(0, 4).ToList().ForEach(i => index.Add(Bind($"q{i}", $"{i}")));
        Assert.False(index.FollowsFromKey);
        var shares = Enumerable.Range(0, Messages).CountBy(_ => Target(index, "k")).ToDictionary();
        Assert.Equal(4, shares.Count);
        Assert.All(shares.Values, share => Assert.InRange(share, (Messages / 4) - 500, (Messages / 4) + 500));
    }

    [Fact]
    public void LocalRandom_TakesTheQueuesOfThisProcess_AndNoneWhereThereIsNone()
    {
        var local = new HashSet<string> { "q1", "q3" };
        var index = new BindingIndex(ExchangeTypes.LocalRandom, default, local.Contains);
        Enumerable.Range(0, 5).ToList().ForEach(i => index.Add(Bind($"q{i}", "")));
        Assert.Equal(["q1", "q3"], Enumerable.Range(0, 200).Select(_ => Target(index, "k")).Distinct().Order());
        local.Clear();
        Assert.Empty(index.Match("k"u8, [], default).ToArray());
    }

    [Theory]
    [InlineData(ExchangeTypes.ConsistentHash)]
    [InlineData(ExchangeTypes.ModulusHash)]
    [InlineData(ExchangeTypes.Random)]
    [InlineData(ExchangeTypes.LocalRandom)]
    public void Exchange_WithoutBindings_LeadsNowhere(string type)
    {
        var index = Index(type);
        index.Add(Bind("q", "1"));
        Assert.True(index.Remove(Bind("q", "1")));
        Assert.False(index.Remove(Bind("q", "1")));
        Assert.Empty(index.Match("k"u8, [], default).ToArray());
    }

    [Theory]
    [InlineData("1", null)]
    [InlineData("+7", null)]
    [InlineData("0", "The binding key must be greater than 0")]
    [InlineData("-3", "The binding key must be greater than 0")]
    [InlineData("heavy", "The binding key must be an integer: <<\"heavy\">>")]
    [InlineData("", "The binding key must be an integer: <<\"\">>")]
    public void ConsistentHash_TakesWeightsAsKeys(string key, string? refusal) =>
        Assert.Equal(refusal, ExchangeRules.CheckBinding(ExchangeTypes.ConsistentHash, Bind("q", key))?.Explanation);

    [Fact]
    public void ConsistentHash_OfWhatCannotBeHashed_IsRefused()
    {
        Assert.Equal("hash-header and hash-property are mutually exclusive", Check(("hash-header", "a"), ("hash-property", "message_id")));
        Assert.Equal("Unsupported property: reply_to", Check(("hash-property", "reply_to")));
        Assert.Equal("invalid type 'signedint' for arg 'hash-header'", Check(("hash-header", 5)));
        Assert.Null(Check(("hash-property", "timestamp")));
        Assert.Null(ExchangeRules.CheckArguments("/", "x", ExchangeTypes.Direct, FieldTable.Of(("hash-header", 5))));

        static string? Check(params (string, FieldValue)[] arguments) =>
            ExchangeRules.CheckArguments("/", "x", ExchangeTypes.ConsistentHash, FieldTable.Of(arguments))?.Explanation;
    }

    [Fact]
    public void LocalRandom_TakesQueuesWithoutAKey()
    {
        Assert.Equal("Non empty binding 'k' key not permitted", ExchangeRules.CheckBinding(ExchangeTypes.LocalRandom, Bind("q", "k"))?.Explanation);
        var toExchange = new Binding(new Destination(DestinationKind.Exchange, "x", default), "", default);
        Assert.Equal("Destination not found", ExchangeRules.CheckBinding(ExchangeTypes.LocalRandom, toExchange)?.Explanation);
        Assert.Null(ExchangeRules.CheckBinding(ExchangeTypes.LocalRandom, Bind("q", "")));
    }

    private static readonly string[] KnownTargets = ["q7", "q7", "q6", "q0", "q3", "q6", "q0", "q1", "q4", "q8"];

    private static BindingIndex Index(string type, params (string, FieldValue)[] arguments) => new(type, EncodedTable.From(FieldTable.Of(arguments)));

    private static BindingIndex Hash(int[] order, params (string, FieldValue)[] arguments)
    {
        var index = Index(ExchangeTypes.ConsistentHash, arguments);
        foreach (var i in order)
        {
            index.Add(Bind($"q{i}", "1"));
        }

        return index;
    }

    private static Binding Bind(string queue, string key) => new(new Destination(DestinationKind.Queue, queue, default), key, default);

    private static string Target(BindingIndex index, string key) => Target(index, key, FieldTable.Empty);

    private static string Target(BindingIndex index, string key, FieldTable headers) => TargetOf(index, key, new BasicProperties { Headers = headers });

    private static string TargetOf(BindingIndex index, string key, BasicProperties properties)
    {
        var encoded = properties.Encode();
        BasicPropertiesView.Read(encoded).TryGetHeaders(out var headers);
        return Assert.Single(index.Match(System.Text.Encoding.UTF8.GetBytes(key), [], headers, encoded).ToArray()).Name;
    }

    private static BasicProperties With(string property, int number) => property switch
    {
        "message_id" => new BasicProperties { MessageId = $"{number}" },
        "correlation_id" => new BasicProperties { CorrelationId = $"{number}" },
        _ => new BasicProperties { Timestamp = (ulong)number },
    };
}
