namespace Granary.Gateway.Sockets;

/// <summary>
/// Finds out that a client takes nothing any more: something waits to be sent, and for so long nothing of it got anywhere. A plain state machine over a
/// clock's timestamps; a limit of zero turns it off.
/// </summary>
internal sealed class SendWatch(TimeSpan limit, TimeProvider clock)
{
    private long _sent = -1;
    private long _since;

    /// <summary>To be asked regularly.</summary>
    /// <param name="isWaiting">Something was flushed and has not been taken yet.</param>
    /// <param name="sent">Grows with whatever is taken.</param>
    public bool IsStuck(bool isWaiting, long sent)
    {
        if (!isWaiting || sent != _sent)
        {
            (_sent, _since) = (sent, clock.GetTimestamp());
            return false;
        }

        return limit > TimeSpan.Zero && clock.GetElapsedTime(_since) >= limit;
    }
}
