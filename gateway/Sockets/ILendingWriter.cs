namespace Granary.Gateway.Sockets;

/// <summary>A writer of a socket that can send large parts from where they are, without a copy of its own.</summary>
internal interface ILendingWriter
{
    /// <summary>Writes octets behind what was written before. They are sent from where they are: nobody may change them any more.</summary>
    void Lend(ReadOnlyMemory<byte> octets);
}
