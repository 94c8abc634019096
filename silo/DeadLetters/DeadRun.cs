using Granary.Silo.Queues.Messages;

namespace Granary.Silo.DeadLetters;

/// <summary>Why a message died.</summary>
internal enum DeathReason
{
    /// <summary>Rejected by a consumer, not to be requeued.</summary>
    Rejected,

    /// <summary>Its time in the queue was over.</summary>
    Expired,

    /// <summary>The queue was full.</summary>
    MaxLength,

    /// <summary>It came back more often than its quorum queue allows.</summary>
    DeliveryLimit,

    /// <summary>It did not die: it goes on from where it was delayed.</summary>
    Due,

    /// <summary>It did not die: it is sent once more, to who has come to its exchange later, and stays where it is.</summary>
    Again,
}

/// <summary>Messages that left a queue dead and are to be sent on.</summary>
/// <param name="Waiting">What counts their memory, and reads them if the run has no records; null where nothing is stored.</param>
/// <param name="Refused">What counts the memory of refused messages; null for all others.</param>
internal readonly record struct DeadRun(MessageRun Run, DeathReason Reason, DeadLetterRule Rule, WaitingDead? Waiting = null, RefusedDead? Refused = null)
{
    /// <summary>Instead of an offset: the message was refused, so the queue never had it.</summary>
    public const long NeverEnqueued = -1;
}
