namespace Granary.Gateway.Sockets;

/// <summary>A reader of a socket that can receive to where octets belong, without a buffer of its own between.</summary>
internal interface ITargetedReader
{
    /// <summary>
    /// Where what is received next goes first; what comes behind it is read as usual. To be set before each read, when all that was read is consumed; empty for nowhere.
    /// </summary>
    Memory<byte> Target { set; }

    /// <summary>How much of the target the last read has filled, from its start.</summary>
    int TakeTargeted();
}
