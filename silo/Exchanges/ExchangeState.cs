using Granary.Core.Topology;

namespace Granary.Silo.Exchanges;

/// <summary>What is stored of an exchange but for its bindings, which are rows of their own.</summary>
[GenerateSerializer, Alias("granary.ExchangeState")]
internal sealed record ExchangeState
{
    /// <summary>Null when there is none and only debts are left.</summary>
    [Id(0)]
    public ExchangeDeclaration? Declaration { get; init; }

    [Id(1)]
    public Guid Incarnation { get; init; }

    /// <summary>Exchanges that have, or may have, bindings to this one.</summary>
    [Id(2)]
    public string[] Sources { get; init; } = [];

    /// <summary>Exchanges of this name that are deleted, and whose sources may still have bindings to them.</summary>
    [Id(3)]
    public BindingDebt[] Debts { get; init; } = [];

    /// <summary>Of an exchange that is not durable, in a cluster: the run of the cluster that it was declared in, and ends with.</summary>
    [Id(4)]
    public string? Owner { get; init; }
}
