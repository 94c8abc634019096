using Granary.Core.Topology;

namespace Granary.Core.Routing;

/// <summary>The state of one exchange that a router works on.</summary>
/// <param name="Epoch">Which run of the exchange's grain numbers the changes; numbers of different runs have nothing to do with each other.</param>
/// <param name="Number">Changes from <c>Number + 1</c> on apply to it.</param>
/// <param name="AlternateExchange">Where a message goes that no binding matches, or null.</param>
[GenerateSerializer, Immutable, Alias("granary.ExchangeSnapshot")]
public sealed record ExchangeSnapshot(
    [property: Id(0)] Guid Epoch, [property: Id(1)] long Number, [property: Id(2)] ExchangeDeclaration Declaration,
    [property: Id(3)] string? AlternateExchange, [property: Id(4)] Binding[] Bindings)
{
    /// <summary>Which exchange of that name it is.</summary>
    [Id(5)]
    public Guid Incarnation { get; init; }
}

public enum ExchangeChangeKind : byte
{
    Bound,
    Unbound,
    AlternateExchange,

    /// <summary>The exchange is gone; nothing follows for who held it.</summary>
    Deleted,
}

/// <summary>One change to an exchange.</summary>
/// <param name="Binding">The binding that came or went.</param>
/// <param name="AlternateExchange">The new one, or null for none.</param>
[GenerateSerializer, Immutable, Alias("granary.ExchangeChange")]
public readonly record struct ExchangeChange(
    [property: Id(0)] ExchangeChangeKind Kind, [property: Id(1)] Binding? Binding, [property: Id(2)] string? AlternateExchange)
{
    public static readonly ExchangeChange Deleted = new(ExchangeChangeKind.Deleted, null, null);

    public static ExchangeChange Bound(Binding binding) => new(ExchangeChangeKind.Bound, binding, null);

    public static ExchangeChange Unbound(Binding binding) => new(ExchangeChangeKind.Unbound, binding, null);

    public static ExchangeChange Alternate(string? alternateExchange) => new(ExchangeChangeKind.AlternateExchange, null, alternateExchange);
}

/// <summary>Changes to one exchange, in order, one number each. A repeated delta may hold more changes than the first time.</summary>
/// <param name="Key">The exchange, as <see cref="Grains.GrainKeys"/> has it.</param>
/// <param name="After">The number of the change before the first of these.</param>
[GenerateSerializer, Immutable, Alias("granary.ExchangeDelta")]
public sealed record ExchangeDelta(
    [property: Id(0)] string Key, [property: Id(1)] Guid Epoch, [property: Id(2)] long After, [property: Id(3)] ExchangeChange[] Changes)
{
    /// <summary>The number of the last change.</summary>
    public long Number => After + Changes.Length;
}

/// <summary>A holder of snapshots: one per process. Unlike links it answers, and the exchange repeats a delta until it does.</summary>
[Alias("granary.IExchangeObserver")]
public interface IExchangeObserver : IGrainObserver
{
    /// <summary>The answer of who holds no snapshot of the exchange (any more): nothing need be sent until it watches again.</summary>
    const long NotHeld = -1;

    /// <summary>
    /// Completes when nothing is routed by a state before <paramref name="delta"/> any more. Answers with the highest number for which that
    /// is so, or <see cref="NotHeld"/>. Waits for nobody.
    /// </summary>
    [Alias("Apply")]
    Task<long> ApplyAsync(ExchangeDelta delta);
}
