namespace Granary.Amqp;

/// <summary>What the first octets of a connection are.</summary>
public enum ProtocolHeaderMatch
{
    /// <summary>The beginning of an accepted header: more octets are needed.</summary>
    Incomplete,

    /// <summary>AMQP 0-9-1, or 0-9, which is answered alike.</summary>
    Accepted,

    /// <summary>Another protocol: answer with the 0-9-1 header and close.</summary>
    Other,
}
