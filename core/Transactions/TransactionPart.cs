using Granary.Core.Links;
using Granary.Core.Messages;

namespace Granary.Core.Transactions;

/// <summary>What one transaction does at one queue: all of it or nothing, and as at all its other queues.</summary>
/// <param name="By">Whose it is: when its member is gone, nobody decides any more.</param>
/// <param name="Session">That was delivered what is settled.</param>
[GenerateSerializer, Immutable, Alias("granary.TransactionPart")]
public sealed record TransactionPart(
    [property: Id(0)] TransactionId Id, [property: Id(1)] ConnectionId By, [property: Id(2)] SessionId Session, [property: Id(3)] SettleItem[] Settlements,
    [property: Id(4)] MessageBatch[] Batches)
{
    /// <summary>Messages that are settled.</summary>
    public long Settled => Settlements.Sum(static settle => settle.Offsets.Sum(static range => (long)range.Count));
}

/// <summary>Whether a queue can do its part of a transaction.</summary>
public enum PrepareAnswer
{
    /// <summary>It will, whatever happens, unless it is told that nothing comes of it.</summary>
    Prepared,

    /// <summary>There is no such queue.</summary>
    NoQueue,

    /// <summary>It is full, and refuses messages.</summary>
    Full,

    /// <summary>What is to be settled is not out to that session (any more).</summary>
    NotHeld,

    /// <summary>This activation has ended: the next one is to be asked.</summary>
    Elsewhere,
}
