using Granary.Core.Topology;
using Granary.Silo.Exchanges;

namespace Granary.Silo.Queues.Activation;

/// <summary>What outlives a queue's activation besides its messages: what it was declared as, and what is owed to others.</summary>
[GenerateSerializer, Alias("granary.QueueState")]
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

    /// <summary>Of a queue that is not durable, in a cluster: who has to be there for it to be there.</summary>
    [Id(4)]
    public string? Owner { get; set; }

    /// <summary>Of a queue that is not durable, in a cluster: the epoch of the activation that wrote this. That of the next one is higher.</summary>
    [Id(5)]
    public long Epoch { get; set; }

    /// <summary>Of a queue that is not durable: its last activation ended in good order, and its messages are in the store for the next one.</summary>
    [Id(6)]
    public bool IsHandedOver { get; set; }

    /// <summary>Those who may hold some of them: session and member, in one.</summary>
    [Id(7)]
    public List<string> HandedOverFrom { get; set; } = [];

    /// <summary>Of a queue that is not durable, and goes with its last consumer: it has had one, which may be lost together with its silo.</summary>
    [Id(8)]
    public bool HasBeenConsumed { get; set; }

    /// <summary>Of a queue that was handed over: all who had consumers are among <see cref="HandedOverFrom"/>.</summary>
    [Id(9)]
    public bool AreConsumersKnown { get; set; }

    public bool IsEmpty => Declaration is null && Debts.Count == 0;
}
