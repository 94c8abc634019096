using Granary.Core;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Topology;
using Granary.Core.Transactions;
using Granary.Silo.Placement;
using Granary.Silo.Queues.Activation;
using Orleans.Concurrency;
using Orleans.Placement;

namespace Granary.Silo.Queues;

/// <summary>
/// What the runtime calls of a queue. All it does is to hand on: turns of a queue run on any thread, and no member of <see cref="Grain"/> may be touched there,
/// so none is in reach of <see cref="QueueActivation"/>.
/// </summary>
[GrainType(GrainReferences.QueueType)]
[Reentrant]
[SpreadPlacement]
[Immovable]
internal sealed class QueueGrain : Grain, IQueueGrain
{
    private readonly QueueActivation _queue;

    public QueueGrain(QueueServices services) => _queue = new QueueActivation(services, GrainContext, this.GetPrimaryKeyString());

    public ValueTask WakeAsync()
    {
        _queue.Wake();
        return ValueTask.CompletedTask;
    }

    public ValueTask<QueueAnswer> DeclareAsync(QueueDeclaration declaration) => _queue.DeclareAsync(declaration);

    public ValueTask<QueueAnswer> DescribeAsync(ConnectionId by) => _queue.DescribeAsync(by);

    public ValueTask<QueueAnswer> DeleteAsync(ConnectionId by, bool ifUnused, bool ifEmpty) => _queue.DeleteAsync(by, ifUnused, ifEmpty);

    public ValueTask RemoveAsync() => _queue.RemoveAsync();

    public ValueTask<QueueAnswer> PurgeAsync(ConnectionId by) => _queue.PurgeAsync(by);

    public ValueTask<QueueAnswer> AddBindingSourceAsync(ConnectionId by, string exchange) => _queue.AddBindingSourceAsync(by, exchange);

    public ValueTask<LinkAnswer> SendAsync(LinkUp up) => ValueTask.FromResult(_queue.Send(up));

    public ValueTask<QueuePlace> MoveAsync(SiloAddress silo) => _queue.MoveAsync(silo);

    public ValueTask<BrowseAnswer> BrowseAsync(ConnectionId by, string after, int most, int bytes) => _queue.BrowseAsync(by, after, most, bytes);

    public ValueTask<DelayedAnswer> ListDelayedAsync(string after, int most) => _queue.ListDelayedAsync(after, most);

    public ValueTask ReplayAsync(Destination to, Guid request) => _queue.ReplayAsync(to, request);

    public ValueTask<QueueAnswer> CancelDelayedAsync(string id, Guid request) => _queue.CancelDelayedAsync(id, request);

    public ValueTask<PrepareAnswer> PrepareAsync(TransactionPart part) => _queue.PrepareAsync(part);

    public ValueTask<JointAnswer> CommitTogetherAsync(QueuePart[] parts) => _queue.CommitTogetherAsync(parts);

    public ValueTask DecideAsync(TransactionId transaction, bool takesEffect)
    {
        _queue.Decide(transaction, takesEffect);
        return ValueTask.CompletedTask;
    }

    public ValueTask FinishAsync(TransactionId transaction) => _queue.FinishAsync(transaction);

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (_queue.BeginsAsOutsider())
        {
            return;
        }

        // Only its own turns end it: the collector might find it idle just before a declare, and end it just after.
        DelayDeactivation(Timeout.InfiniteTimeSpan);
        await _queue.RestoreAsync(cancellationToken);
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) =>
        _queue.EndAsync(isStopping: reason.ReasonCode == DeactivationReasonCode.ShuttingDown, cancellationToken);
}
