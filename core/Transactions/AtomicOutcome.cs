namespace Granary.Core.Transactions;

/// <summary>What became of a transaction over several queues.</summary>
public enum AtomicOutcome
{
    /// <summary>It took effect at all queues.</summary>
    Done,

    /// <summary>Nothing happened: a queue is full, and refuses messages.</summary>
    Full,

    /// <summary>Nothing happened: what is to be settled is not out to its consumer (any more), or its queue is gone.</summary>
    NotHeld,

    /// <summary>Nothing happened: messages that have to be routed have no queue.</summary>
    Unrouted,

    /// <summary>Nothing happened: a queue did not answer in time.</summary>
    OutOfReach,

    /// <summary>Nobody can say: the process stops.</summary>
    Unknown,
}

/// <param name="Missing">Queues that were not there for what was published to them.</param>
/// <param name="Silent">Queues that did not answer in time.</param>
public sealed record AtomicResult(AtomicOutcome Outcome, IReadOnlySet<string> Missing, IReadOnlySet<string> Silent);
