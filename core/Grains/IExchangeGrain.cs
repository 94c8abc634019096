using Granary.Core.Routing;
using Granary.Core.Topology;

namespace Granary.Core.Grains;

/// <summary>One exchange other than the default one, key <see cref="GrainKeys"/>. <c>amq.*</c> exchanges exist from the start.</summary>
public interface IExchangeGrain : IGrainWithStringKey
{
    /// <summary>Creates the exchange, or checks that the existing one is equivalent.</summary>
    ValueTask<BrokerError?> DeclareAsync(ExchangeDeclaration declaration);

    /// <summary>Passive declare: null when the exchange exists, else 404.</summary>
    ValueTask<BrokerError?> CheckAsync();

    /// <summary>Deletes the exchange with its bindings in both directions. A missing one is fine.</summary>
    ValueTask<BrokerError?> DeleteAsync(bool ifUnused);

    /// <summary>Answers when every holder of the snapshot has the binding. Adding one that exists is fine.</summary>
    ValueTask<BrokerError?> BindAsync(Binding binding);

    /// <summary>Answers when no holder routes by the binding any more. A missing binding is fine; a missing exchange is 404.</summary>
    ValueTask<BrokerError?> UnbindAsync(Binding binding);

    /// <summary>Removes every binding to a destination that is gone. Idempotent.</summary>
    ValueTask RemoveDestinationAsync(Destination destination);

    /// <summary>Records that another exchange has, or is about to have, a binding to this one, so that deleting this one removes it.</summary>
    ValueTask<BrokerError?> AddBindingSourceAsync(string exchange);

    /// <summary>Starts keeping a holder current by numbered deltas, and answers with the state they build on, or null when there is no such exchange.</summary>
    ValueTask<ExchangeSnapshot?> WatchAsync(Guid holder, IExchangeObserver observer);

    ValueTask UnwatchAsync(Guid holder);
}
