using Granary.Core.Grains;
using Granary.Core.Transactions;
using Orleans.Concurrency;

namespace Granary.Silo.Transactions;

/// <summary>What gateways ask of <see cref="TransactionDecisions"/>, at the nearest silo.</summary>
[GrainType(GrainReferences.TransactionType)]
[StatelessWorker(1)]
[Reentrant]
internal sealed class TransactionGrain(TransactionDecisions decisions) : Grain, ITransactionGrain
{
    public ValueTask<bool> DecideAsync(TransactionId id) => decisions.DecideAsync(id);

    public ValueTask<bool> ResolveAsync(TransactionId id) => decisions.ResolveAsync(id);

    public ValueTask ForgetAsync(TransactionId id) => decisions.ForgetAsync(id);
}
