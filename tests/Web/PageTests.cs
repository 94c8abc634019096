namespace Granary.Web.Tests;

/// <summary>The management page as somebody uses it. All is walked once, by one browser, before the first test (about a minute: a browser is slow to start); walk/walks.mjs says how.</summary>
public sealed class PageTests(Walks walks) : IClassFixture<Walks>
{
    [BrowserTheory]
    [InlineData("login")]
    [InlineData("over")]
    [InlineData("queue")]
    [InlineData("move")]
    [InlineData("deadLetters")]
    [InlineData("exchange")]
    [InlineData("user")]
    [InlineData("policy")]
    [InlineData("definitions")]
    [InlineData("log")]
    [InlineData("bulk")]
    [InlineData("palette")]
    [InlineData("keyboard")]
    [InlineData("narrow")]
    [InlineData("chinese")]
    [InlineData("manyRows")]
    [InlineData("hostile")]
    public void Page_ThatIsWalked_DoesWhatItSays(string walk) => Assert.True(walks.Of(walk) is null, walks.Of(walk));

    [BrowserTheory]
    [InlineData("lightForAll")]
    [InlineData("darkForAll")]
    public void Page_InEachTheme_CanBeUsedByAll(string walk) => Assert.True(walks.Of(walk) is null, walks.Of(walk));
}
