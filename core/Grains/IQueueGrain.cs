using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Core.Topology;
using Granary.Core.Transactions;
using Orleans.CodeGeneration;

namespace Granary.Core.Grains;

/// <summary>One queue, key <see cref="GrainKeys"/>. Errors come back as values; the methods throw only when the call itself fails.</summary>
[Alias("granary.IQueueGrain"), Version(ContractVersion.Current)]
public interface IQueueGrain : IGrainWithStringKey
{
    /// <summary>Creates the queue, or checks that the existing one is equivalent (exclusive owner, durable, auto-delete, then arguments).</summary>
    [Alias("Declare")]
    ValueTask<QueueAnswer> DeclareAsync(QueueDeclaration declaration);

    /// <summary>Passive declare: counts, or 404, or 405 for another connection's exclusive queue.</summary>
    [Alias("Describe")]
    ValueTask<QueueAnswer> DescribeAsync(ConnectionId by);

    /// <summary>Deletes the queue, ends its links and has its bindings removed. A missing queue is fine and counts 0 messages.</summary>
    [Alias("Delete")]
    ValueTask<QueueAnswer> DeleteAsync(ConnectionId by, bool ifUnused, bool ifEmpty);

    /// <summary>Deletes the queue, whosever it is: its vhost is deleted.</summary>
    [Alias("Remove")]
    ValueTask RemoveAsync();

    /// <summary>Removes the ready messages and says how many there were.</summary>
    [Alias("Purge")]
    ValueTask<QueueAnswer> PurgeAsync(ConnectionId by);

    /// <summary>
    /// Records that an exchange has, or is about to have, a binding to this queue, so that deleting the queue removes it.
    /// Comes before the exchange learns of the binding. Answers with the incarnation the binding is for.
    /// </summary>
    [Alias("AddBindingSource")]
    ValueTask<QueueAnswer> AddBindingSourceAsync(ConnectionId by, string exchange);

    /// <summary>One packet of a link.</summary>
    [Alias("Send")]
    ValueTask<LinkAnswer> SendAsync(LinkUp up);

    /// <summary>
    /// Has the queue go to another silo. Answers before it has gone: who asks again is answered by the activation there. 404 when there is no such queue, 406 with
    /// the reason when it cannot be moved.
    /// </summary>
    [Alias("Move")]
    ValueTask<QueuePlace> MoveAsync(SiloAddress silo);

    /// <summary>Ready messages, in the order in which they would be delivered; they stay where and as they are. A stream shows none.</summary>
    /// <param name="by">Who asks: an exclusive queue shows what it has to its owner alone.</param>
    /// <param name="after">The place of the message before the first (<see cref="BrowsedMessage.Place"/>), or where an answer said to go on; empty: from the start.</param>
    /// <param name="most">How many at the most, 1 to 1,000.</param>
    /// <param name="bytes">About how many bytes at the most, up to 1 MiB; one message may be larger.</param>
    [Alias("Browse")]
    ValueTask<BrowseAnswer> BrowseAsync(ConnectionId by, string after, int most, int bytes);

    /// <summary>Messages that an exchange delays, the next to be due first; none where the queue is not an exchange's own.</summary>
    /// <param name="after">The id of the one before the first; empty: from the start.</param>
    /// <param name="most">How many at the most.</param>
    [Alias("ListDelayed")]
    ValueTask<DelayedAnswer> ListDelayedAsync(string after, int most);

    /// <summary>Drops a message that an exchange delays; 404 if it is not there any more. Answers when that is stored.</summary>
    /// <param name="request">Who asks again, with the same, is answered the same: the first answer may have been lost.</param>
    [Alias("CancelDelayed")]
    ValueTask<QueueAnswer> CancelDelayedAsync(string id, Guid request);

    /// <summary>
    /// Has an exchange's own queue send all that it has, once more and in its order, to who is bound to the exchange now; it keeps all of it. Answers when it is where
    /// it goes. Of any other queue nothing is sent.
    /// </summary>
    /// <param name="to">A queue, or an exchange whose bindings say where each message goes.</param>
    /// <param name="request">Who asks again, with the same, has nothing sent again.</param>
    [Alias("Replay")]
    ValueTask ReplayAsync(Destination to, Guid request);

    /// <summary>
    /// Has the queue get ready for its part of a transaction: what is settled stays unacknowledged, what is published stays unseen, and both are stored where they have to
    /// be, until it is decided. Asked twice it answers the same.
    /// </summary>
    [Alias("Prepare")]
    ValueTask<PrepareAnswer> PrepareAsync(TransactionPart part);

    /// <summary>
    /// Has queues of the silo that this one is on do what belongs together, in one flush. To be asked once: whoever has no answer asks what was decided
    /// (<see cref="ITransactionGrain.ResolveAsync"/>).
    /// </summary>
    /// <param name="parts">This queue's is one of them.</param>
    [Alias("CommitTogether")]
    ValueTask<JointAnswer> CommitTogetherAsync(QueuePart[] parts);

    /// <summary>The transaction is decided. A queue that does not know it (any more) has nothing to do.</summary>
    [Alias("Decide")]
    ValueTask DecideAsync(TransactionId transaction, bool takesEffect);

    /// <summary>The transaction takes effect, as the queue has been told, if it could be. Completes when the store has what it did at this queue, and nothing else of it.</summary>
    [Alias("Finish")]
    ValueTask FinishAsync(TransactionId transaction);

    /// <summary>Activates the grain, which does what is due.</summary>
    [Alias("Wake")]
    ValueTask WakeAsync();
}
