namespace Granary.Gateway.Sockets;

/// <summary>What a socket that nobody reads tells of the client at its other end. For any thread.</summary>
internal interface IPeerSigns
{
    /// <summary>The client has closed its end, or is gone.</summary>
    bool HasLeft { get; }

    /// <summary>So much has not been read that the client may be unable to send any more.</summary>
    bool MayBeStuck { get; }

    /// <summary>Whether anything has come from the client since this was asked last.</summary>
    bool TakeHeard();
}
