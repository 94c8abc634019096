using Granary.Gateway.Sockets;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Sockets;

public sealed class SendWatchTests
{
    private readonly FakeClock _clock = new();

    [Fact]
    public void IsStuck_NothingTakenForTheLimit_IsTrue()
    {
        var watch = new SendWatch(TimeSpan.FromSeconds(30), _clock);
        Assert.False(watch.IsStuck(isWaiting: true, sent: 7));

        _clock.Advance(TimeSpan.FromSeconds(29));
        Assert.False(watch.IsStuck(isWaiting: true, sent: 7));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(watch.IsStuck(isWaiting: true, sent: 7));
    }

    [Fact]
    public void IsStuck_AnOctetTakenNowAndThen_IsFalse()
    {
        var watch = new SendWatch(TimeSpan.FromSeconds(30), _clock);
        for (var sent = 0; sent < 10; sent++)
        {
            Assert.False(watch.IsStuck(isWaiting: true, sent));
            _clock.Advance(TimeSpan.FromSeconds(29));
        }
    }

    [Fact]
    public void IsStuck_NothingWaits_IsFalse()
    {
        var watch = new SendWatch(TimeSpan.FromSeconds(30), _clock);
        Assert.False(watch.IsStuck(isWaiting: false, sent: 0));
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.False(watch.IsStuck(isWaiting: false, sent: 0));
        Assert.False(watch.IsStuck(isWaiting: true, sent: 0));
    }

    [Fact]
    public void IsStuck_LimitOfZero_NeverIs()
    {
        var watch = new SendWatch(TimeSpan.Zero, _clock);
        watch.IsStuck(isWaiting: true, sent: 0);
        _clock.Advance(TimeSpan.FromDays(1));
        Assert.False(watch.IsStuck(isWaiting: true, sent: 0));
    }
}
