namespace Granary.Gateway.Amqp.Connections;

/// <summary>What a connection has to do about heartbeats at one tick.</summary>
internal enum HeartbeatAction
{
    None,
    Send,
    PeerIsDead,
}

/// <summary>
/// Heartbeats of one connection: one is sent when nothing else was for half the interval, and a peer that was silent for two intervals is dead.
/// Time in which the process itself did not run does not count: what the peer sent meanwhile has not been read yet.
/// A plain state machine over a clock's timestamps; an interval of zero turns it off.
/// </summary>
internal sealed class Heartbeat(TimeSpan interval, TimeProvider clock)
{
    // There are several ticks a second: one that comes later than this says that nothing ran.
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    private long _lastReceived = clock.GetTimestamp();
    private long _lastSent = clock.GetTimestamp();
    private long _lastTick = clock.GetTimestamp();

    public HeartbeatAction Tick(bool hasReceived, bool hasSent)
    {
        var now = clock.GetTimestamp();
        var stoodStill = clock.GetElapsedTime(_lastTick, now) > LongestPause;
        if (hasReceived || stoodStill)
        {
            _lastReceived = now;
        }

        if (hasSent)
        {
            // At some time since the last tick: the earliest is taken, for a client with a short interval may allow no more than that.
            _lastSent = stoodStill ? now : _lastTick;
        }

        _lastTick = now;

        if (interval == TimeSpan.Zero)
        {
            return HeartbeatAction.None;
        }

        if (clock.GetElapsedTime(_lastReceived, now) > interval * 2)
        {
            return HeartbeatAction.PeerIsDead;
        }

        if (clock.GetElapsedTime(_lastSent, now) < interval / 2)
        {
            return HeartbeatAction.None;
        }

        _lastSent = now;
        return HeartbeatAction.Send;
    }
}
