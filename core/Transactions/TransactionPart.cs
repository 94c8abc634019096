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
    private static readonly Guid OfOutbox = new("6f757462-6f78-8000-8000-000000000001");

    /// <summary>Whose the transactions of the database's outbox are, whichever member has its turn: there is one at a time.</summary>
    public static ConnectionId ByOutbox(string? member) => new(OfOutbox, member);

    /// <summary>One of these begins when what became of the one before is decided, though not all queues may have heard of it.</summary>
    public bool IsOfOutbox => By.Value == OfOutbox;

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

    /// <summary>This activation has ended, and the next one is to be asked; or it has to find out something first, and is to be asked again.</summary>
    Elsewhere,
}
