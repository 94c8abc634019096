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

    /// <summary>Queues that have them already, and are to have them once; null: none has.</summary>
    public string[]? Confirmed { get; init; }

    /// <summary>The store has not got all of them: their records may not be let go of.</summary>
    public bool IsInMemoryOnly { get; init; }

    /// <summary>They were tried before.</summary>
    public bool IsTriedAgain { get; init; }

    /// <summary>See <see cref="DeadLetterRule.Keeps"/>.</summary>
    public bool IsKept => Rule.Keeps && Waiting is not null;

    /// <summary>One of them, with its record only if the store may not have it and it is kept.</summary>
    public DeadRun Only(long offset, ReadOnlyMemory<byte> record) =>
        this with { Run = Run with { Records = IsKept && IsInMemoryOnly ? record : default, First = offset, Count = 1 } };

    /// <summary>The same messages and those behind them, of both of which only the store has the records; false: they differ in something else, too.</summary>
    public bool TryJoin(in DeadRun next, out DeadRun joined)
    {
        var (run, behind) = (Run, next.Run);
        joined = this with { Run = run with { Count = unchecked(run.Count + behind.Count) } };
        return !run.IsLoaded && !behind.IsLoaded && run.End == behind.First && run.Count <= int.MaxValue - behind.Count && Reason == next.Reason && Rule == next.Rule
            && Waiting == next.Waiting && IsTriedAgain == next.IsTriedAgain && (Confirmed ?? []).AsSpan().SequenceEqual(next.Confirmed);
    }
}
