using Granary.Core.Links;

namespace Granary.Gateway.Amqp.Delivering;

/// <summary>
/// How long deliveries may stay unacknowledged (RabbitMQ's consumer_timeout, and x-consumer-timeout of a queue). A delivery's time is that of the tick before it:
/// one is never found overdue too early, and up to a minute late, or a quarter of the time if that is short.
/// </summary>
/// <param name="standard">For queues that have no time of their own; zero is for ever.</param>
internal sealed class AckPatience(TimeSpan standard, LinkSet links)
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    // Between two ticks, and a little more.
    private static readonly TimeSpan Inaccuracy = TimeSpan.FromMilliseconds(500);

    // So exactly is it known when a delivery with a lease was made.
    private static readonly TimeSpan LeaseInaccuracy = TimeSpan.FromMilliseconds(50);

    private long _leasesLookedAt;
    private long _lookedAt = links.Clock.GetTimestamp();

    /// <summary>The time of the last tick, as a timestamp: what is delivered now counts as delivered then.</summary>
    public long Now { get; private set; } = links.Clock.GetTimestamp();

    /// <summary>Called a few times a second. True: it is time to look for overdue deliveries.</summary>
    public bool Tick()
    {
        Now = links.Clock.GetTimestamp();
        var shortest = Shorter(standard > TimeSpan.Zero ? standard : null, links.ShortestConsumerTimeout);
        if (shortest is null || links.Clock.GetElapsedTime(_lookedAt, Now) < Shorter(LongestPause, shortest / 4))
        {
            return false;
        }

        _lookedAt = Now;
        return true;
    }

    /// <summary>When a delivery is made, as a timestamp: for one with a lease more exactly than <see cref="Now"/>.</summary>
    public long Since(bool hasLease)
    {
        if (hasLease && links.Clock.GetElapsedTime(Now) > LeaseInaccuracy)
        {
            Now = links.Clock.GetTimestamp();
        }

        return Now;
    }

    /// <summary>Called a few times a second, after <see cref="Tick"/>. True: it is time to look for leases that are over.</summary>
    public bool LooksForLeases()
    {
        // One ends up to a quarter of a second late, or a 32nd of its time.
        if (links.ShortestLease is not { } shortest || links.Clock.GetElapsedTime(_leasesLookedAt, Now) < shortest / 32)
        {
            return false;
        }

        _leasesLookedAt = Now;
        return true;
    }

    /// <summary>A delivery that was made then has been out for so long; never too early.</summary>
    public bool IsLeaseOver(long since, TimeSpan lease) => links.Clock.GetElapsedTime(since, Now) >= lease + LeaseInaccuracy;

    /// <summary>A time from now on, as a timestamp.</summary>
    public long In(TimeSpan time) => links.Clock.GetTimestamp() + (long)(time.TotalSeconds * links.Clock.TimestampFrequency);

    /// <summary>How long the deliveries of a queue that were made then could be acknowledged, if that time is over.</summary>
    public TimeSpan? IsOver(QueueSession session, long since)
    {
        var timeout = session.ConsumerTimeout ?? (standard > TimeSpan.Zero ? standard : null);
        return timeout is { } time && links.Clock.GetElapsedTime(since, Now) > time + Inaccuracy ? time : null;
    }

    private static TimeSpan? Shorter(TimeSpan? one, TimeSpan? other) => one is null || other < one ? other : one;
}
