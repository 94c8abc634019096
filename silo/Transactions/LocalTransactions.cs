using Granary.Core.Grains;
using Granary.Core.Transactions;
using Granary.Silo.Queues.Activation;

namespace Granary.Silo.Transactions;

/// <summary>Transactions of gateways in the silo's own process.</summary>
/// <param name="services">Asked for when there are queues: gateways are made before the store is open.</param>
internal sealed class LocalTransactions(Func<QueueServices> services) : ILocalTransactions
{
    public ValueTask<JointAnswer>? TryCommit(string vhost, QueuePart[] parts)
    {
        var queues = new (QueueActivation? Queue, TransactionPart Part)[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (Find(vhost, parts[i].Queue) is not { } queue)
            {
                return null;
            }

            queues[i] = (queue, parts[i].Part);
        }

        return new JointCommit(services()).RunAsync(queues);
    }

    public async Task FinishAsync(string vhost, string[] queues, TransactionId transaction)
    {
        var finished = new Task[queues.Length];
        for (var i = 0; i < queues.Length; i++)
        {
            finished[i] = Find(vhost, queues[i])?.FinishAsync(transaction).AsTask()
                ?? Task.FromException(new InvalidOperationException("The queue is not active in this process."));
        }

        await Task.WhenAll(finished).ConfigureAwait(false);
        await services().Decisions.ForgetAsync(transaction).ConfigureAwait(false);
    }

    private QueueActivation? Find(string vhost, string queue) => services().Local.FindActivation(GrainKeys.For(vhost, queue));
}
