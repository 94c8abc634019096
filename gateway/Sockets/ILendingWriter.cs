using Granary.Core.Messages;

namespace Granary.Gateway.Sockets;

/// <summary>A writer of a socket that can send large parts from where they are, without a copy of its own.</summary>
internal interface ILendingWriter
{
    /// <summary>Writes octets behind what was written before. They are sent from where they are: nobody may change them any more.</summary>
    /// <param name="octets">Not empty.</param>
    /// <param name="owner">Let go of once when they are sent, and all before them.</param>
    void Lend(ReadOnlyMemory<byte> octets, LargeRecord? owner);
}
