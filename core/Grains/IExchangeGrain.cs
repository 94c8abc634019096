using Granary.Core.Members;
using Granary.Core.Routing;
using Granary.Core.Topology;
using Orleans.CodeGeneration;

namespace Granary.Core.Grains;

/// <summary>One exchange other than the default one, key <see cref="GrainKeys"/>. <c>amq.*</c> exchanges exist from the start.</summary>
[Alias("granary.IExchangeGrain"), Version(ContractVersion.Current)]
public interface IExchangeGrain : IGrainWithStringKey
{
    /// <summary>Creates the exchange, or checks that the existing one is equivalent.</summary>
    [Alias("Declare")]
    ValueTask<BrokerError?> DeclareAsync(ExchangeDeclaration declaration);

    /// <summary>Passive declare: null when the exchange exists, else 404.</summary>
    [Alias("Check")]
    ValueTask<BrokerError?> CheckAsync();

    /// <summary>Deletes the exchange with its bindings in both directions. A missing one is fine.</summary>
    [Alias("Delete")]
    ValueTask<BrokerError?> DeleteAsync(bool ifUnused);

    /// <summary>Deletes the exchange, or what is bound to it if it is one that cannot be deleted: its vhost is deleted.</summary>
    [Alias("Remove")]
    ValueTask RemoveAsync();

    /// <summary>What is declared by the name; null: nothing.</summary>
    [Alias("Describe")]
    ValueTask<ExchangeDeclaration?> DescribeAsync();

    /// <summary>
    /// Answers when every holder of the snapshot has the binding, and it is stored if both ends are durable. Adding one that exists is fine; 404 when the
    /// exchange is not there, or the destination has gone since it was asked.
    /// </summary>
    /// <param name="toDurable">The destination is durable: what it answered when it recorded the source.</param>
    [Alias("Bind")]
    ValueTask<BrokerError?> BindAsync(Binding binding, bool toDurable);

    /// <summary>
    /// Answers when no holder routes by the binding any more. A missing binding is fine; a missing exchange is 404.
    /// A destination without incarnation means whichever there is.
    /// </summary>
    [Alias("Unbind")]
    ValueTask<BrokerError?> UnbindAsync(Binding binding);

    /// <summary>
    /// Removes every binding to a destination that is gone, without incarnation those of all its incarnations. Idempotent; answers when no
    /// holder routes by them any more.
    /// </summary>
    [Alias("RemoveDestination")]
    ValueTask RemoveDestinationAsync(Destination destination);

    /// <summary>
    /// Records that another exchange has, or is about to have, a binding to this one, so that deleting this one removes it.
    /// Comes before the source learns of the binding. Answers with the incarnation the binding is for, or 404.
    /// </summary>
    [Alias("AddBindingSource")]
    ValueTask<ExchangeAnswer> AddBindingSourceAsync(string exchange);

    /// <summary>The queue that the exchange has for itself, where there may not be anything yet; 404 when there is no such exchange, 406 when it delays nothing.</summary>
    [Alias("FindOwnQueue")]
    ValueTask<OwnQueueAnswer> FindOwnQueueAsync();

    /// <summary>The bindings from this exchange, empty when there is none.</summary>
    [Alias("ListBindings")]
    ValueTask<Binding[]> ListBindingsAsync();

    /// <summary>
    /// Starts keeping a holder current by numbered deltas, and answers with the state they build on, or null when there is no such exchange.
    /// A holder watches only while it routes by no earlier state of this exchange.
    /// </summary>
    /// <param name="session">Higher each time one holder watches: calls that arrive late are told by it.</param>
    [Alias("Watch")]
    ValueTask<ExchangeSnapshot?> WatchAsync(Guid holder, long session, IExchangeObserver observer);

    /// <summary>Says that the holder is there (<see cref="SnapshotLease"/>). False: it is not kept current (any more) and must watch again.</summary>
    [Alias("Renew")]
    ValueTask<bool> RenewAsync(Guid holder, long session, Guid epoch);

    [Alias("Unwatch")]
    ValueTask UnwatchAsync(Guid holder, long session);

    /// <summary>Activates the grain, which does what is due.</summary>
    [Alias("Wake")]
    ValueTask WakeAsync();
}
