namespace Granary.Core.Transactions;

/// <summary>What a transaction does at one queue, and at which.</summary>
/// <param name="Queue">Its name.</param>
[GenerateSerializer, Immutable, Alias("granary.QueuePart")]
public sealed record QueuePart([property: Id(0)] string Queue, [property: Id(1)] TransactionPart Part);

/// <summary>What became of a transaction that one silo was asked to carry out at once.</summary>
public enum JointOutcome
{
    /// <summary>Nothing: the queues are not all on one silo.</summary>
    Apart,

    /// <summary>Nothing: a queue cannot do its part, or has just gone elsewhere.</summary>
    Refused,

    /// <summary>It took effect at all queues.</summary>
    Done,

    /// <summary>It takes effect; queues that have just gone elsewhere do it when they are asked for.</summary>
    DoneElsewhere,
}

/// <param name="Answers">Of the queues, in the order in which they were asked; none where nobody asked them.</param>
[GenerateSerializer, Immutable, Alias("granary.JointAnswer")]
public sealed record JointAnswer([property: Id(0)] JointOutcome Outcome, [property: Id(1)] PrepareAnswer[] Answers);
