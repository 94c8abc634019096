using Granary.Core.Access;

namespace Granary.Core.Tests.Access;

public sealed class WildcardTests
{
    [Theory]
    [InlineData("*", "", true)]
    [InlineData("*", "anything/at all", true)]
    [InlineData("", "", true)]
    [InlineData("", "a", false)]
    [InlineData("abc", "abc", true)]
    [InlineData("abc", "abcd", false)]
    [InlineData("a*", "abc", true)]
    [InlineData("a*", "bac", false)]
    [InlineData("*c", "abc", true)]
    [InlineData("*c", "abcd", false)]
    [InlineData("a*b*c", "abbc", true)]
    [InlineData("a*b*c", "axbybzc", true)]
    [InlineData("a*b*c", "ac", false)]
    [InlineData("a*a", "a", false)]
    [InlineData("a**c", "abc", true)]
    [InlineData("*b*", "abc", true)]
    [InlineData("%2F", "/", true)]
    [InlineData("%2a", "*", true)]
    [InlineData("%2a", "x", false)]
    [InlineData("a+b", "a b", true)]
    [InlineData("%C3%A4*", "ärger", true)]
    public void Matches_AsRabbitMqWould(string pattern, string text, bool matches) => Assert.Equal(matches, Wildcard.Parse(pattern)!.Matches(text));

    [Theory]
    [InlineData("%")]
    [InlineData("a%2")]
    [InlineData("%zz*")]
    public void Parse_OfWhatIsNotEncoded_IsNone(string pattern) => Assert.Null(Wildcard.Parse(pattern));
}
