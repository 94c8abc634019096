namespace Granary.Core.Transactions;

/// <summary>
/// Carries out transactions over queues whose grains are all active in this process, without a call: a call of Orleans costs a message there and one back, and a turn
/// on another thread for each. Not to be used under a gate.
/// </summary>
public interface ILocalTransactions
{
    /// <summary>As <see cref="Grains.IQueueGrain.CommitTogetherAsync"/>.</summary>
    /// <returns>Null: not all of the queues are here, and nothing was done.</returns>
    ValueTask<JointAnswer>? TryCommit(string vhost, QueuePart[] parts);

    /// <summary>As <see cref="Grains.IQueueGrain.FinishAsync"/> for each queue, and then <see cref="Grains.ITransactionGrain.ForgetAsync"/>.</summary>
    /// <exception cref="InvalidOperationException">A queue is not here (any more): it has to be asked where it is.</exception>
    Task FinishAsync(string vhost, string[] queues, TransactionId transaction);
}
