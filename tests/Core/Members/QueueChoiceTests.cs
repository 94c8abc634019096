using Granary.Core.Members;

namespace Granary.Core.Tests.Members;

public sealed class QueueChoiceTests
{
    [Theory]
    [InlineData(null, null, true, true)]
    [InlineData("", "", true, true)]
    [InlineData("^/$", null, true, false)]
    [InlineData(null, "rder", true, true)]
    [InlineData("^v", "^orders", false, true)]
    [InlineData("^v", "^rders", false, false)]
    public void Choice_IsOfThoseWhoseNamesAndVhostsMatch(string? vhosts, string? queues, bool first, bool second)
    {
        var isMeant = QueueChoice.Of(vhosts, queues).ToFilter();
        Assert.Equal((first, second), (isMeant("/", "orders"), isMeant("v", "orders.eu")));
    }

    [Fact]
    public void Choice_WithoutPatterns_IsAll()
    {
        Assert.True(QueueChoice.Of(null, "").IsAll);
        Assert.False(QueueChoice.Of(null, "^a").IsAll);
    }

    [Theory]
    [InlineData("^a", "b+", null)]
    [InlineData("(", null, "'(' is no regular expression: ")]
    [InlineData(null, "[", "'[' is no regular expression: ")]
    public void Pattern_ThatIsNone_IsRefused(string? vhosts, string? queues, string? begin)
    {
        var refusal = QueueChoice.Of(vhosts, queues).Refusal();
        Assert.StartsWith(begin ?? "", refusal ?? "", StringComparison.Ordinal);
        Assert.Equal(begin is null, refusal is null);
    }
}
