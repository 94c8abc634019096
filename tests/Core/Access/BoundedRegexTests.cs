using Granary.Core.Access;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Core.Tests.Access;

public sealed class BoundedRegexTests
{
    private readonly FakeTimeProvider _clock = new();

    [Fact]
    public void IsMatch_PatternThatTakesTooLongForManyTexts_IsLeftAloneForAMinute()
    {
        var regex = new BoundedRegex(@"(a|aa)+\1$", clock: _clock);
        for (var i = 0; i < 5; i++)
        {
            Assert.True(regex.IsMatch("aa"));
            Assert.Null(regex.IsMatch($"{new string('a', 60)}b{i}"));
        }

        Assert.Null(regex.IsMatch("aa"));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.True(regex.IsMatch("aa"));

        Assert.Null(regex.IsMatch($"{new string('a', 60)}b"));
        Assert.Null(regex.IsMatch("aa"));
    }

    [Fact]
    public void IsMatch_PatternThatNeedNotGoBack_IsNeverLeftAlone()
    {
        var regex = new BoundedRegex("(a|aa)+$", clock: _clock);
        for (var i = 0; i < 20; i++)
        {
            Assert.False(regex.IsMatch($"{new string('a', 60)}b{i}"));
        }

        Assert.True(regex.IsMatch("aa"));
    }
}
