using Granary.Core.Topology;

namespace Granary.Silo.Queues;

/// <summary>What outlives a queue's activation besides its messages: what it was declared as, and what is owed to others.</summary>
[GenerateSerializer]
internal sealed class QueueState
{
    /// <summary>Null: there is no such queue (any more).</summary>
    [Id(0)]
    public QueueDeclaration? Declaration { get; set; }

    [Id(1)]
    public Guid Incarnation { get; set; }

    /// <summary>Exchanges that have, or may have, bindings to the queue.</summary>
    [Id(2)]
    public List<string> BindingSources { get; set; } = [];

    /// <summary>Bindings of deleted queues of this name that their exchanges may still have.</summary>
    [Id(3)]
    public List<BindingDebt> Debts { get; set; } = [];

    public bool IsEmpty => Declaration is null && Debts.Count == 0;
}

/// <summary>A destination that is gone, and the exchanges that have or may have bindings to it.</summary>
[GenerateSerializer, Immutable]
internal sealed record BindingDebt([property: Id(0)] Destination Destination, [property: Id(1)] string[] Sources);
