using Granary.Core.Topology;

namespace Granary.Core.Routing;

/// <summary>The state of one exchange that a router works on.</summary>
/// <param name="Number">Deltas from <c>Number + 1</c> on apply to it.</param>
/// <param name="AlternateExchange">Where a message goes that no binding matches, or null.</param>
[GenerateSerializer, Immutable]
public sealed record ExchangeSnapshot(
    [property: Id(0)] long Number, [property: Id(1)] ExchangeDeclaration Declaration, [property: Id(2)] string? AlternateExchange,
    [property: Id(3)] Binding[] Bindings);

/// <summary>Changes to one exchange since the delta before. Several changes to one round.</summary>
/// <param name="Deleted">The exchange is gone.</param>
[GenerateSerializer, Immutable]
public sealed record ExchangeDelta(
    [property: Id(0)] string Key, [property: Id(1)] long Number, [property: Id(2)] Binding[] Added, [property: Id(3)] Binding[] Removed,
    [property: Id(4)] bool Deleted);

/// <summary>A holder of snapshots: one per process. Unlike links it answers, and the exchange repeats a delta until it does.</summary>
public interface IExchangeObserver : IGrainObserver
{
    /// <summary>Completes when nothing is routed by the state before <paramref name="delta"/> any more. Answers with the highest number applied.</summary>
    Task<long> ApplyAsync(ExchangeDelta delta);
}
