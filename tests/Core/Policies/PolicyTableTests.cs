using System.Text.Json;
using Granary.Core.Policies;

namespace Granary.Core.Tests.Policies;

/// <summary>Which policies a name goes by, and what a user's and an operator's come to.</summary>
public sealed class PolicyTableTests
{
    [Fact]
    public void Find_OfSeveralThatMatch_TakesTheHighestPriorityAndOfThoseTheFirstName()
    {
        var table = Table(User("b", "^q", 5), User("a", "q", 5), User("low", "", 1), User("high", "^x", 9));
        Assert.Equal("a", table.Find("/", PolicyTarget.Classic, "q1").User?.Name);
        Assert.Equal("low", table.Find("/", PolicyTarget.Classic, "z").User?.Name);
        Assert.Null(table.Find("other", PolicyTarget.Classic, "q1").User);
    }

    [Theory]
    [InlineData("^orders", "orders.eu", true)]
    [InlineData("^orders", "my.orders", false)]
    [InlineData("orders$", "my.orders", true)]
    [InlineData("^a*b", "b", true)]
    [InlineData("^ab?c", "ac", true)]
    [InlineData("^ab{0}c", "ac", true)]
    [InlineData("^ab+c", "abbc", true)]
    [InlineData("^a|b", "xb", true)]
    [InlineData("^a.c", "abc", true)]
    [InlineData("^(?i)ABC", "abc", true)]
    [InlineData("", "anything", true)]
    [InlineData("^amq\\.gen", "amq.gen-1", true)]
    [InlineData("^amq\\.gen", "amqxgen-1", false)]
    public void Pattern_IsFoundWhereARegularExpressionIs(string pattern, string name, bool matches) =>
        Assert.Equal(matches, Table(User("p", pattern, 0)).Find("/", PolicyTarget.Classic, name).User is not null);

    [Theory]
    [InlineData("all", PolicyTarget.All)]
    [InlineData("exchanges", PolicyTarget.Exchange)]
    [InlineData("queues", PolicyTarget.Queue)]
    [InlineData("quorum_queues", PolicyTarget.Quorum)]
    [InlineData("classic_queues", PolicyTarget.Classic)]
    [InlineData("streams", PolicyTarget.Stream)]
    public void ApplyTo_SaysWhatItIsFor(string applyTo, PolicyTarget targets)
    {
        var table = Table(User("p", "", 0) with { ApplyTo = applyTo, Definition = """{"max-length-bytes":1}""" });
        foreach (var target in (PolicyTarget[])[PolicyTarget.Exchange, PolicyTarget.Classic, PolicyTarget.Quorum, PolicyTarget.Stream])
        {
            Assert.Equal((targets & target) != 0, table.Find("/", target, "q").User is not null);
        }
    }

    [Theory]
    [InlineData("""{"max-length":5}""", """{"max-length":7}""", """{"max-length":5}""")]
    [InlineData("""{"max-length":9}""", """{"max-length":7}""", """{"max-length":7}""")]
    [InlineData("""{"overflow":"drop-head"}""", """{"overflow":"reject-publish"}""", """{"overflow":"reject-publish"}""")]
    [InlineData("""{"delivery-limit":-1}""", """{"delivery-limit":5}""", """{"delivery-limit":5}""")]
    [InlineData("""{"delivery-limit":3}""", """{"delivery-limit":5}""", """{"delivery-limit":3}""")]
    [InlineData("""{"ha-mode":"exactly","ha-params":2}""", """{"ha-mode":"all"}""", """{"ha-mode":"all","ha-params":2}""")]
    [InlineData("""{"dead-letter-exchange":"x"}""", """{"expires":5}""", """{"dead-letter-exchange":"x","expires":5}""")]
    public void UsersAndOperators_ComeToWhatRabbitMqMakesOfThem(string user, string operators, string both)
    {
        var table = Table(User("p", "", 0) with { Definition = user }, User("o", "", 0) with { Definition = operators, IsOperator = true });
        var applied = table.Find("/", PolicyTarget.Exchange | PolicyTarget.Queue, "q");
        Assert.Equal(both, applied.Definition.ToString());
        Assert.Same(applied, table.Find("/", PolicyTarget.Exchange | PolicyTarget.Queue, "other"));
    }

    /// <summary>A pattern that would go back for ever is not found, and keeps nobody busy.</summary>
    [Fact]
    public void Pattern_ThatExplodes_IsNotFound() =>
        Assert.Null(Table(User("p", "^(?=(a+)+$)", 0)).Find("/", PolicyTarget.Classic, new string('a', 60) + "!").User);

    [Theory]
    [InlineData("""{"nosuch":[1,"a",{"b":null}]}""", "[{<<\"nosuch\">>,[1,<<\"a\">>,#{<<\"b\">> => null}]}] are not recognised policy settings")]
    [InlineData("""{"expires":0}""", "0 is not a valid queue expiry")]
    [InlineData("""{"overflow":true}""", "true is not a valid overflow value")]
    [InlineData("""{"queue-version":3}""", "3 is not a valid queue-version value")]
    [InlineData("""{"stream-filter-size-bytes":1.5}""", "1.5 is not a valid filter size. Valid range is 16-255")]
    [InlineData("""{"ha-mode":"all","ha-params":1}""", "ha-mode=\"all\" does not take parameters")]
    [InlineData("""[1]""", "definition must be a dictionary: [1]")]
    public void Settings_ThatAreWrong_AreRefusedInRabbitMqsWords(string definition, string error)
    {
        var draft = new PolicyDraft(JsonSerializer.SerializeToElement("a"), JsonDocument.Parse(definition).RootElement, default, default);
        Assert.Equal((null, $"Validation failed\n\n{error}\n"), PolicyRules.Read("/", "p", draft, isOperator: false));
    }

    [Fact]
    public void Find_AfterAChangeAmongTwoThousandPolicies_LooksAtTheChangedOneAlone()
    {
        // A pattern of which no text is known: the engine has to be asked about each name.
        var table = Table([.. Enumerable.Range(0, 2_000).Select(number => User($"p{number}", $"^[a-z]+[{number % 10}]{{{number + 2}}}$", number))]);
        var names = Enumerable.Range(0, 1_000).Select(number => $"queue-{number}").ToArray();
        var before = names.Select(name => table.Find("/", PolicyTarget.Classic, name, default)).ToArray();

        var next = table.With([(User("all", "", 5_000), false)], []);
        var asked = 0L;
        var after = names.Zip(before, (name, lookup) => next.Find("/", PolicyTarget.Classic, name, lookup, ref asked)).ToArray();

        Assert.All(before, static lookup => Assert.Null(lookup.Found!.User));
        Assert.All(after, static lookup => Assert.Equal("all", lookup.Found!.User!.Name));
        Assert.Equal(names.Length, asked);
    }

    /// <summary>Also a pattern of which a text is known is looked for among two thousand in each of ten thousand names: those whose texts are not there cost nothing.</summary>
    [Fact]
    public void Find_OfTenThousandNamesAmongTwoThousandPolicies_AsksNoneWhoseTextIsNotThere()
    {
        var table = Table([.. Enumerable.Range(0, 2_000).Select(number => User($"p{number}", (number % 3) switch { 0 => $"^q-[a-z]+-{number}", 1 => $"[0-9]x{number}y", _ => $"^(a|b){number}" }, number))]);
        var names = Enumerable.Range(0, 10_000).Select(number => $"queue-{number}").ToArray();
        var asked = 0L;
        Assert.All(names, name => Assert.Null(table.Find("/", PolicyTarget.Classic, name, default, ref asked).Found!.User));
        Assert.Equal(0, asked);
        Assert.Equal("p4", table.Find("/", PolicyTarget.Classic, "queue-0x4y").User?.Name);
        Assert.Equal("p5", table.Find("/", PolicyTarget.Classic, "b5-0x4y").User?.Name);
    }

    [Fact]
    public void Find_AfterWhatHidTheOthersIsGone_LooksAtNoneAgain()
    {
        var table = Table([.. Enumerable.Range(0, 2_000).Select(number => User($"p{number}", $"^[a-z]+[{number % 10}]{{{number + 2}}}$", number))]);
        var names = Enumerable.Range(0, 1_000).Select(number => $"{new string('q', 200)}-{number}").ToArray();
        var lookups = names.Select(name => table.Find("/", PolicyTarget.Classic, name, default)).ToArray();
        for (var times = 0; times < 3; times++)
        {
            Follow(table.With([(User("all", "", 5_000), false)], []), mostOfEach: 1);
            Assert.All(lookups, static lookup => Assert.Equal("all", lookup.Found!.User!.Name));
            Follow(table.With([(User("more", "", 5_001), false)], []), mostOfEach: 1);
            Follow(table.With([(User("more", "", 5_001), true)], []), mostOfEach: 1);
            Follow(table.With([(User("all", "", 5_000), true)], []), mostOfEach: 0);
            Assert.All(lookups, static lookup => Assert.Null(lookup.Found!.User));
        }

        void Follow(PolicyTable next, int mostOfEach)
        {
            var asked = 0L;
            table = next;
            lookups = [.. names.Zip(lookups, (name, lookup) => table.Find("/", PolicyTarget.Classic, name, lookup, ref asked))];
            Assert.InRange(asked, 0, (long)names.Length * mostOfEach);
        }
    }

    [Fact]
    public void Find_WithWhatWasFoundBefore_FindsTheSameAsWithout()
    {
        var random = new Random(7);
        string[] patterns = ["^a", "b$", "[ab]1", "", "^(a|b)2$", "c+", "^[a-c]$", "1$|^b"];
        string[] names = ["a", "b", "a1", "b2", "cc", "xb"];
        var (table, lookups) = (PolicyTable.Empty, new PolicyLookup[names.Length]);
        for (var step = 0; step < 2_000; step++)
        {
            var policy = User($"p{random.Next(10)}", patterns[random.Next(patterns.Length)], random.Next(3)) with { IsOperator = random.Next(4) == 0 };
            table = random.Next(20) == 0 ? table.With([policy]) : table.With([(policy, random.Next(3) == 0)], []);
            for (var at = 0; at < names.Length; at++)
            {
                // Not every change is followed at once.
                if (random.Next(3) > 0)
                {
                    lookups[at] = table.Find("/", PolicyTarget.Quorum, names[at], lookups[at]);
                    Assert.Equal(table.Find("/", PolicyTarget.Quorum, names[at]), lookups[at].Found);
                }
            }
        }
    }

    private static PolicyTable Table(params Policy[] policies) => PolicyTable.Empty.With(policies);

    private static Policy User(string name, string pattern, long priority) => new("/", name, pattern, "all", priority, """{"max-length":1}""", IsOperator: false);
}
