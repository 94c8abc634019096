using Granary.Core.Members;
using Granary.Core.Policies;
using Orleans.CodeGeneration;

namespace Granary.Core.Grains;

/// <summary>
/// Policies and parameters. There is one, under the key <see cref="GrainReferences.PolicyKey"/>. A change is answered when it is stored and all queues and exchanges go by
/// it, but for those of processes that were silent for as long as changes wait (<see cref="PolicyLease"/>). What is asked twice may be done twice.
/// </summary>
[Alias("granary.IPolicyGrain"), Version(ContractVersion.Current)]
public interface IPolicyGrain : IGrainWithStringKey
{
    /// <summary>All there is.</summary>
    [Alias("Read")]
    ValueTask<PolicySnapshot> ReadAsync();

    /// <summary>Puts policies and parameters, which were checked, in the place of those of the same names: all of them in one change.</summary>
    [Alias("Put")]
    ValueTask PutAsync(Policy[] policies, Parameter[] parameters);

    /// <returns>False: there was none.</returns>
    [Alias("DeletePolicy")]
    ValueTask<bool> DeletePolicyAsync(string vhost, string name, bool isOperator);

    /// <param name="vhost">Null: a global one.</param>
    /// <returns>False: there was none.</returns>
    [Alias("DeleteParameter")]
    ValueTask<bool> DeleteParameterAsync(string? vhost, string component, string name);

    /// <summary>Removes all of a vhost, which is deleted.</summary>
    [Alias("RemoveVhost")]
    ValueTask RemoveVhostAsync(string vhost);

    /// <summary>Starts keeping a process current by numbered deltas, and answers with the state they build on. Changes wait until it has renewed once: by then it goes by that state.</summary>
    /// <param name="session">Higher each time one holder watches: calls that arrive late are told by it.</param>
    [Alias("Watch")]
    ValueTask<PolicySnapshot> WatchAsync(Guid holder, long session, IPolicyObserver observer);

    /// <summary>Says that the holder is there, and goes by what it was told. False: it is not kept current (any more) and must watch again.</summary>
    [Alias("Renew")]
    ValueTask<bool> RenewAsync(Guid holder, long session, Guid epoch);
}
