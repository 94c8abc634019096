namespace Granary.Gateway.Sockets;

/// <summary>
/// One direction of a socket whose events are announced once: whether something has happened since the socket was last tried, and whether somebody
/// waits for it. One thread announces, one other tries and waits; a third may announce the end.
/// </summary>
internal struct Readiness
{
    // Nothing more is to be had until the next announcement.
    private const int Exhausted = 0;
    private const int Announced = 1;
    private const int Awaited = 2;

    private int _state;

    /// <summary>Notes that something has happened. True for one of the callers if somebody waits: the wait is over, and the socket to be tried.</summary>
    public bool Announce()
    {
        if (Interlocked.Exchange(ref _state, Announced) != Awaited)
        {
            return false;
        }

        Volatile.Write(ref _state, Exhausted);
        return true;
    }

    /// <summary>Whether something has been announced that nobody has tried for yet; the caller tries now.</summary>
    public bool TryTake() => Interlocked.CompareExchange(ref _state, Exhausted, Announced) == Announced;

    /// <summary>Waits from now on; false if something has been announced meanwhile. What belongs to the waiting must be in place before.</summary>
    public bool TryAwait() => Interlocked.CompareExchange(ref _state, Awaited, Exhausted) == Exhausted;
}
