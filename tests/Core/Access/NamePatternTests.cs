using System.Diagnostics;
using CsCheck;
using Granary.Core.Access;

namespace Granary.Core.Tests.Access;

/// <summary>Patterns of permissions: found anywhere in a name, as RabbitMQ's re:run finds them, and never for long.</summary>
public sealed class NamePatternTests
{
    [Theory]
    [InlineData(".*", "anything", true)]
    [InlineData(".*", "", true)]
    [InlineData("", "", false)]
    [InlineData("", "q", false)]
    [InlineData("^$", "", true)]
    [InlineData("q", "my.queue", true)]
    [InlineData("^q", "my.queue", false)]
    [InlineData("^q", "queue", true)]
    [InlineData("^(amq\\.gen.*|amq\\.default)$", "amq.gen-JzTY20BRgKO", true)]
    [InlineData("^(amq\\.gen.*|amq\\.default)$", "amq.default", true)]
    [InlineData("^(amq\\.gen.*|amq\\.default)$", "amq.direct", false)]
    [InlineData("Q", "queue", false)]
    [InlineData("^(?!secret).*$", "public", true)]
    [InlineData("^(?!secret).*$", "secret.1", false)]
    [InlineData("(a)\\1", "aa", true)]
    [InlineData("(", "(", false)]
    public void Matches_AsRabbitMqDoes(string pattern, string name, bool isFound) => Assert.Equal(isFound, NamePattern.Parse(pattern).Matches(name));

    [Theory]
    [InlineData("(a+)+$")]
    [InlineData("^(([a-z])+.)+[A-Z]([a-z])+$")]
    [InlineData("(?=(a+)+$)x")]
    [InlineData("(a|aa)+\\1$")]
    public void Matches_PatternThatExplodes_IsRefusedSoon(string pattern)
    {
        var name = new string('a', 254) + "!";
        var parsed = NamePattern.Parse(pattern);
        parsed.Matches("a");
        var since = Stopwatch.StartNew();

        Assert.False(parsed.Matches(name));

        Assert.True(since.Elapsed < TimeSpan.FromSeconds(5), $"It took {since.Elapsed}.");
    }

    [Theory]
    [InlineData(".*", true)]
    [InlineData("", true)]
    [InlineData("^(?!a)", true)]
    [InlineData("(", false)]
    [InlineData("[a", false)]
    [InlineData("*", false)]
    public void Refusal_OfAPattern_IsOfThoseThatAreNone(string pattern, bool isPattern) => Assert.Equal(isPattern, NamePattern.Refusal(pattern) is null);

    [Fact]
    public void Refusal_OfAPatternLongerThanRabbitMqTakes_SaysSo()
    {
        Assert.Null(NamePattern.Refusal(new string('a', 1024)));
        Assert.Equal("it is longer than 1024 characters", NamePattern.Refusal(new string('a', 1025)));
    }

    [Fact]
    public void Escape_OfAnyText_MatchesThatTextAlone()
    {
        const string Text = @"a.b*c+d?e[f]g{h}i(j)k|l^m$n\o-p";
        var pattern = NamePattern.Parse($"^{NamePattern.Escape(Text)}$");

        Assert.True(pattern.Matches(Text));
        Assert.False(pattern.Matches(Text.Replace('.', 'x')));
    }

    [Theory]
    [InlineData("^orders$", true)]
    [InlineData("^orders\\.", true)]
    [InlineData("orders", true)]
    [InlineData("^(amq\\.gen.*|amq\\.default)$", true)]
    [InlineData("^a|b$|c.*d", true)]
    [InlineData("^in(?:-eu|-us)?$", false)]
    [InlineData("^q[0-9]", false)]
    [InlineData("^(?i)q", false)]
    [InlineData("a.c", false)]
    [InlineData("ab*", false)]
    [InlineData("a{2}", false)]
    [InlineData("^(a|b|c|d|e|f)(a|b|c|d|e|f)$", false)]
    public void PlainPattern_IsWhatSaysNoMoreThanTexts(string pattern, bool isPlain) => Assert.Equal(isPlain, PlainPattern.TryParse(pattern) is not null);

    [Theory]
    [InlineData("^q[0-9]+-eu$", "q", "-eu")]
    [InlineData("^ab?c+de", "a", "de")]
    [InlineData("^ab{2,3}?cd", "a", "cd")]
    [InlineData("^(a|b)cd\\.e[^]x]f", "", "cd.e")]
    [InlineData("a|b", "", "")]
    [InlineData("(?i)ab", "", "")]
    [InlineData("\\x41bc", "", "")]
    [InlineData("^orders\\d", "orders", "orders")]
    public void PatternText_IsWhatEveryNameHasThatMatches(string pattern, string beginning, string inside) =>
        Assert.Equal(new PatternText(beginning, inside), PatternText.Of(pattern));

    [Fact]
    public void Matches_OfRandomPatternsAndNames_IsWhatTheEngineFinds()
    {
        // Every part of a pattern's syntax, on letters so few that names often match. An empty pattern is found nowhere.
        var patterns = Texts("a", "b", "ab", ".", ".*", "^", "$", "|", "(", ")", "(?:", "[ab]", "[^a]", "*", "+", "?", "{2}", "{0,1}", "\\.", "\\d", "\\", "\n", "-");
        var names = Texts("a", "b", "ab", ".", "-", "1", "\n").Array[0, 6].Select(string.Concat);
        Gen.Select(patterns.Array[1, 8].Select(string.Concat), names.Array[12]).Sample(
            (pattern, some) =>
            {
                var parsed = NamePattern.Parse(pattern);
                var engine = NamePattern.Refusal(pattern) is null ? new BoundedRegex(pattern) : new BoundedRegex("(?!)");
                Assert.All(some, name => Assert.Equal((pattern, name, engine.IsMatch(name) is true), (pattern, name, parsed.Matches(name))));
            },
            iter: 5_000);
    }

    private static Gen<string> Texts(params string[] all) => Gen.Int[0, all.Length - 1].Select(at => all[at]);
}
