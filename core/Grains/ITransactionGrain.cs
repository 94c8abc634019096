using Granary.Core.Members;
using Granary.Core.Transactions;
using Orleans.CodeGeneration;

namespace Granary.Core.Grains;

/// <summary>
/// Writes down what becomes of transactions over several queues: any silo can, since a row of the store decides. Any number of these grains are active, and they know
/// nothing. The methods may be called twice.
/// </summary>
[Alias("granary.ITransactionGrain"), Version(ContractVersion.Current)]
public interface ITransactionGrain : IGrainWithStringKey
{
    /// <summary>All queues are prepared: it takes effect, unless one of them has waited too long for that and has decided otherwise.</summary>
    /// <returns>Whether it takes effect.</returns>
    [Alias("Decide")]
    ValueTask<bool> DecideAsync(TransactionId id);

    /// <summary>Nobody knows whether it takes effect: it does not, unless that has been decided.</summary>
    /// <returns>Whether it takes effect.</returns>
    [Alias("Resolve")]
    ValueTask<bool> ResolveAsync(TransactionId id);

    /// <summary>Everybody knows what became of it: nobody will ask any more.</summary>
    [Alias("Forget")]
    ValueTask ForgetAsync(TransactionId id);
}
