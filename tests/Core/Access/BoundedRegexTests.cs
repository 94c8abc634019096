using Granary.Core.Access;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Core.Tests.Access;

public sealed class BoundedRegexTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void IsMatch_PatternThatTakesTooLongForManyTexts_GetsLittleTimeForAMinute()
    {
        var regex = new BoundedRegex(@"(a|aa)+\1$", clock: _clock);
        for (var i = 0; i < 5; i++)
        {
            Assert.False(regex.IsAtRest);
            Assert.Null(regex.IsMatch($"{new string('a', 60)}b{i}"));
        }

        // What takes no time is found as before.
        Assert.True(regex.IsAtRest);
        Assert.Null(regex.IsMatch($"{new string('a', 60)}b"));
        Assert.True(regex.IsMatch("aa"));
        Assert.False(regex.IsMatch("b"));

        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.False(regex.IsAtRest);
        Assert.True(regex.IsMatch("aa"));
        Assert.Null(regex.IsMatch($"{new string('a', 60)}b"));
        Assert.True(regex.IsAtRest);
    }

    [Fact]
    public void IsMatch_PatternThatNeedNotGoBack_HasItsTime()
    {
        var regex = new BoundedRegex("(a|aa)+$", clock: _clock);
        for (var i = 0; i < 20; i++)
        {
            Assert.False(regex.IsMatch($"{new string('a', 60)}b{i}"));
        }

        Assert.True(regex.IsMatch("aa"));
        Assert.False(regex.IsAtRest);
    }
}
