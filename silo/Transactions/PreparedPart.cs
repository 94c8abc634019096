using Granary.Core.Links;
using Granary.Core.Transactions;
using Granary.Silo.Queues.Consumers;
using Granary.Silo.Queues.Links;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Transactions;

/// <summary>A transaction's part that a queue is ready for. What it settles is neither the session's nor anybody's until it is decided; what it publishes is not in the queue yet.</summary>
internal sealed class PreparedPart(TransactionPart part, long now)
{
    public TransactionPart Part { get; } = part;

    public TransactionId Id => Part.Id;

    /// <summary>On the queue's clock.</summary>
    public long Since { get; } = now;

    /// <summary>What is to be settled, taken from the session that has it, and who got it, if that was a consumer: until it is decided it takes up that one's prefetch.</summary>
    public List<(Settlement Settlement, MessageRun Run, Consumer? Holder)> Taken { get; } = [];

    /// <summary>The session's link when a stream got ready for it: what goes back frees room there. Null: an earlier activation did that.</summary>
    public QueueLink? Link { get; set; }

    /// <summary>Completes when the part is stored, if it has to be.</summary>
    public Task Stored { get; set; } = Task.CompletedTask;

    /// <summary>The store has, or soon has, a row of it.</summary>
    public bool HasRow { get; set; }

    /// <summary>Completes when what was done here is stored, and with it that the row is gone; fails with <see cref="RowConflictException"/> if the row is still there. Null: that it goes is for later.</summary>
    public Task? Removed { get; set; }

    /// <summary>An earlier activation prepared it, and may have shown what it published.</summary>
    public bool IsAgain { get; init; }

    /// <summary>It has taken effect in memory.</summary>
    public bool IsCommitted { get; set; }

    /// <summary>Nobody has said for too long what becomes of it: the decision is looked for.</summary>
    public bool IsLookedFor { get; set; }
}
