using System.Collections.Concurrent;
using Granary.Core.Links;
using Granary.Core.Members;
using Granary.Core.Policies;
using Granary.Core.Transactions;
using Granary.Silo.DeadLetters;
using Granary.Silo.Exchanges;
using Granary.Silo.Ownership;
using Granary.Silo.Queues.Figures;
using Granary.Silo.Storage.Definitions;
using Granary.Silo.Transactions;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Queues.Activation;

/// <summary>What the queues of a silo share.</summary>
internal sealed record QueueServices(
    TimeProvider Time,
    DeadLetterOffice Office,
    QueueStores Stores,
    DueTable Due,
    LocalQueues Local,
    RowGrainStorage Definitions,
    BindingRemoval Removal,
    SiloFigures Figures,
    ILogger<QueueActivation> Log,
    Owners? Owners = null,
    PolicyCopy? Policies = null,
    IMembers? Members = null,
    SiloLosses? Losses = null)
{
    public TransactionDecisions Decisions { get; } = new(Stores, Time);

    /// <summary>Transactions over queues of this silo that are being carried out.</summary>
    public ConcurrentDictionary<TransactionId, Lazy<Task<JointAnswer>>> Joint { get; } = new();
}
