using Granary.Gateway.Amqp.Connections;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp.Connections;

/// <summary>When a heartbeat is sent and when a silent peer is given up, tick by tick.</summary>
public sealed class HeartbeatTests
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly FakeClock _clock = new();

    [Fact]
    public void Tick_NothingSent_SendsEveryHalfInterval()
    {
        var heartbeat = new Heartbeat(10 * Second, _clock);

        Assert.Equal([5, 10, 15, 20], SecondsOf(HeartbeatAction.Send, heartbeat, 20, hasReceived: true, hasSent: false));
    }

    [Fact]
    public void Tick_OfAHeartbeatThatWasSent_CountsFromWhenItWasSent()
    {
        var heartbeat = new Heartbeat(Second, _clock);
        var (sent, hasSent) = (new List<double>(), true);
        for (var i = 1; i <= 8; i++)
        {
            _clock.Advance(Second / 4);
            hasSent = heartbeat.Tick(hasReceived: true, hasSent) == HeartbeatAction.Send;
            if (hasSent)
            {
                sent.Add(i / 4.0);
            }
        }

        Assert.Equal([0.5, 1, 1.5, 2], sent);
    }

    [Fact]
    public void Tick_AlwaysSending_SendsNone()
    {
        var heartbeat = new Heartbeat(10 * Second, _clock);

        Assert.Empty(SecondsOf(HeartbeatAction.Send, heartbeat, 20, hasReceived: true, hasSent: true));
    }

    [Fact]
    public void Tick_SilenceOfMoreThanTwoIntervals_IsDeath()
    {
        var heartbeat = new Heartbeat(10 * Second, _clock);

        Assert.Equal([21, 22], SecondsOf(HeartbeatAction.PeerIsDead, heartbeat, 22, hasReceived: false, hasSent: true));
    }

    [Fact]
    public void Tick_OneOctetInTime_CountsAgain()
    {
        var heartbeat = new Heartbeat(10 * Second, _clock);
        Assert.Empty(SecondsOf(HeartbeatAction.PeerIsDead, heartbeat, 20, hasReceived: false, hasSent: true));
        Assert.Equal(HeartbeatAction.None, heartbeat.Tick(hasReceived: true, hasSent: true));

        Assert.Equal([21], SecondsOf(HeartbeatAction.PeerIsDead, heartbeat, 21, hasReceived: false, hasSent: true));
    }

    [Fact]
    public void Tick_AfterTheProcessStoodStill_GivesThePeerItsTimeAgain()
    {
        var heartbeat = new Heartbeat(10 * Second, _clock);
        Assert.Empty(SecondsOf(HeartbeatAction.PeerIsDead, heartbeat, 15, hasReceived: false, hasSent: true));
        _clock.Advance(30 * Second);

        Assert.Equal(HeartbeatAction.None, heartbeat.Tick(hasReceived: false, hasSent: true));
        Assert.Equal([21], SecondsOf(HeartbeatAction.PeerIsDead, heartbeat, 21, hasReceived: false, hasSent: true));
    }

    [Fact]
    public void Tick_IntervalZero_DoesNothingForEver()
    {
        var heartbeat = new Heartbeat(TimeSpan.Zero, _clock);

        Assert.Equal(1000, SecondsOf(HeartbeatAction.None, heartbeat, 1000, hasReceived: false, hasSent: false).Count);
    }

    private List<int> SecondsOf(HeartbeatAction action, Heartbeat heartbeat, int seconds, bool hasReceived, bool hasSent)
    {
        var found = new List<int>();
        for (var second = 1; second <= seconds; second++)
        {
            _clock.Advance(Second);
            if (heartbeat.Tick(hasReceived, hasSent) == action)
            {
                found.Add(second);
            }
        }

        return found;
    }
}
