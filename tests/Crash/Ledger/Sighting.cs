namespace Granary.Crash.Ledger;

/// <summary>What a queue's consumers know of a message.</summary>
internal sealed class Sighting
{
    public int Deliveries { get; set; }

    /// <summary>The run of the broker in which it was delivered last.</summary>
    public int LastRun { get; set; }

    /// <summary>Who has it now, or null.</summary>
    public ConsumerSession? Holder { get; set; }

    public bool IsAcked { get; set; }

    /// <summary>Which run of the broker was told, and when.</summary>
    public int AckedRun { get; set; }

    public long AckedAt { get; set; }

    /// <summary>A transaction that stored the acknowledgement together with a message was answered: it may not come again.</summary>
    public bool IsAckCommitted { get; set; }

    /// <summary>The last run in which it was given back.</summary>
    public int ReturnedRun { get; set; } = -1;
}
