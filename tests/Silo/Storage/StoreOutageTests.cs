using Granary.Silo.Storage;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Storage;

public sealed class StoreOutageTests
{
    private static readonly StoreUnavailableException Away = new("away");
    private static readonly StoreException Refusal = new("refused");

    private readonly FakeTimeProvider _time = new();
    private readonly StoreOutage _outage;

    public StoreOutageTests() => _outage = new StoreOutage(_time);

    [Fact]
    public void Fail_OutOfReach_IsTriedAgainSoonEachTime() =>
        Assert.All(Enumerable.Range(0, 50), _ => Assert.Equal(TimeSpan.FromMilliseconds(250), _outage.Fail(Away).Pause));

    [Fact]
    public void Fail_Refused_IsTriedLessAndLessOften() => Assert.Equal(
        [0.25, 0.5, 1, 2, 4, 5, 5], Enumerable.Range(0, 7).Select(_ => _outage.Fail(Refusal).Pause.TotalSeconds));

    [Fact]
    public void Fail_OutOfReachAfterARefusal_IsTriedAgainSoon()
    {
        _outage.Fail(Refusal);
        _outage.Fail(Refusal);
        Assert.Equal(TimeSpan.FromMilliseconds(250), _outage.Fail(Away).Pause);
        Assert.Equal(TimeSpan.FromMilliseconds(250), _outage.Fail(Refusal).Pause);
    }

    [Fact]
    public void Fail_ManyTimes_IsNewsFirstAndThenOnceAMinute()
    {
        var news = new List<double>();
        for (; _outage.Lasts <= TimeSpan.FromMinutes(3); _time.Advance(TimeSpan.FromSeconds(1)))
        {
            if (_outage.Fail(Refusal).IsNews)
            {
                news.Add(_outage.Lasts.TotalSeconds);
            }
        }

        Assert.Equal([0, 60, 120, 180], news);
        Assert.Equal((181, "refused"), (_outage.Tries, _outage.Reason));
    }

    [Fact]
    public void Fail_ForAReasonOfTheOtherKind_IsNews()
    {
        Assert.True(_outage.Fail(Away).IsNews);
        Assert.False(_outage.Fail(Away).IsNews);
        Assert.True(_outage.Fail(Refusal).IsNews);
        Assert.True(_outage.IsRefusal);
        Assert.True(_outage.Fail(Away).IsNews);
        Assert.False(_outage.IsRefusal);
    }
}
