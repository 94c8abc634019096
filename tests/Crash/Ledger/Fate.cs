namespace Granary.Crash.Ledger;

/// <summary>What is known of a message that was published.</summary>
internal enum Fate : byte
{
    /// <summary>Published in a transaction whose commit was not sent: it may not appear.</summary>
    Open,

    /// <summary>It may appear, or be lost.</summary>
    Sent,

    /// <summary>It may not be lost.</summary>
    Confirmed,

    /// <summary>Nacked: it may not appear.</summary>
    Refused,

    /// <summary>Its transaction was rolled back: it may not appear.</summary>
    RolledBack,
}
