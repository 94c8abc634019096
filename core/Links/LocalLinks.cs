namespace Granary.Core.Links;

/// <summary>
/// The queues whose grains are active in this process. Packets reach them, and theirs the gateway, without a call: a call of Orleans costs a message there and
/// one back, and a turn on another thread. Nothing else differs, and any packet may take either way.
/// </summary>
public interface ILocalQueues
{
    /// <param name="key">The grain's.</param>
    /// <returns>Null when it is not active here.</returns>
    ILocalQueue? Find(string key);
}

/// <summary>A queue whose grain is active in this process.</summary>
public interface ILocalQueue
{
    /// <summary>Hands over a packet, which is answered in a later turn. May be called under any lock.</summary>
    /// <returns>False when the grain is not active any more: the packet has to be sent by a call.</returns>
    bool TrySend(LinkUp up, ILocalLink link);
}

/// <summary>The gateway's end of a link, for a queue in the same process. May be called under any lock: what comes is taken in a later turn.</summary>
public interface ILocalLink
{
    /// <summary>A packet was answered.</summary>
    void Answer(in LinkAnswer answer);

    /// <summary>The grain ended before a packet was applied.</summary>
    void Fail();

    /// <summary>A packet downward.</summary>
    void Receive(LinkDown down);
}
