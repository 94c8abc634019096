using Granary.Core.Alarms;
using Granary.Core.Messages;
using Granary.Gateway.Alarms;
using Granary.Gateway.Tests.Fakes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Alarms;

public sealed class MemoryAlarmTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly FakeClock _clock = new();

    [Fact]
    public void Look_OverTheLimitForAMinute_CollectsNowAndThenOnly()
    {
        var alarms = new PublisherAlarms();
        var (asked, before) = (0, GC.CollectionCount(GC.MaxGeneration));
        using var alarm = new MemoryAlarm(new MemoryLimit(share: 0), alarms, _clock, NullLogger<MemoryAlarm>.Instance, new LargeRecordPool(), available: 0)
        {
            Collect = isInPieces =>
            {
                asked++;
                MemoryAlarm.CollectAll(isInPieces);
            },
        };

        for (var passed = TimeSpan.Zero; passed < TimeSpan.FromMinutes(1); passed += Interval)
        {
            alarm.Look();
            _clock.Advance(Interval);
        }

        // Others in this process may cause more of them.
        Assert.InRange(asked, 1, 30);
        Assert.InRange(GC.CollectionCount(GC.MaxGeneration) - before, asked, int.MaxValue);
        Assert.True(alarms.IsRaised);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(long.MaxValue, false)]
    public void Look_WithALimitInBytes_GoesByIt(long limit, bool isRaised)
    {
        var alarms = new PublisherAlarms();
        using var alarm = new MemoryAlarm(new MemoryLimit(share: isRaised ? 1 : 0, limit), alarms, _clock, NullLogger<MemoryAlarm>.Instance, new LargeRecordPool(), available: 0);
        alarm.Look();

        Assert.Equal(isRaised, alarms.IsRaised);
    }

    [Fact]
    public void Look_GivesLargeRecordsAQuarterOfWhatIsAboveTheLimit()
    {
        const int Most = 1_000_000;
        var records = new LargeRecordPool();
        var limit = GC.GetTotalMemory(forceFullCollection: false) / 2;
        using var alarm = new MemoryAlarm(
            MemoryLimit.OfBytes(limit), new PublisherAlarms(), _clock, NullLogger<MemoryAlarm>.Instance, records, available: limit + (4 * Most));
        Assert.NotNull(records.TryTake(Most, mayUseReserve: false));

        alarm.Look();

        Assert.Null(records.TryTake(Most, mayUseReserve: false));
        Assert.NotNull(records.Take(Most));
    }

    [Fact]
    public void CollectionPace_LongCollection_IsFollowedByALongRest()
    {
        var pace = new CollectionPace(_clock);
        Assert.True(pace.IsDue);

        pace.Collected(TimeSpan.FromSeconds(1), isEnough: false);
        _clock.Advance(TimeSpan.FromSeconds(18.9));
        Assert.False(pace.IsDue);
        _clock.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(pace.IsDue);

        pace.Collected(TimeSpan.FromMilliseconds(1), isEnough: false);
        _clock.Advance(TimeSpan.FromSeconds(1.9));
        Assert.False(pace.IsDue);
        _clock.Advance(TimeSpan.FromSeconds(0.1));
        Assert.True(pace.IsDue);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(1_000)]
    public void CollectionPace_CollectionThatFreedEnough_MayBeRepeatedWhenItsShareOfTheTimeIsUp(int took)
    {
        var pace = new CollectionPace(_clock);

        pace.Collected(TimeSpan.FromMilliseconds(took), isEnough: true);
        _clock.Advance(TimeSpan.FromMilliseconds((19 * took) - 1));
        Assert.False(pace.IsDue);
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(pace.IsDue);
    }
}
