using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Links;
using Granary.Gateway.Routing;
using Granary.Gateway.Transactions;

namespace Granary.Gateway.Amqp.Publishing;

/// <summary>
/// What a transactional channel gathers between tx.select or the last commit and tx.commit. For each queue the publishes and acknowledgements
/// go out in one packet, which the queue applies in one turn.
/// </summary>
internal sealed class Transaction
{
    private readonly List<(PublishPath Path, MessageBatch Batch, bool Mandatory)> _publishes = [];
    private readonly List<(SettledDelivery Delivery, Settlement Settlement)> _settlements = [];
    private OpenBatch _last;
    private bool _isCommitting;

    public void Publish(PublishPath path, in MessageBatch batch, bool mandatory)
    {
        // A batch ends with each packet that comes; what follows the last one directly joins it.
        if (_publishes.Count > 0 && ReferenceEquals(_publishes[^1].Path, path) && _publishes[^1].Mandatory == mandatory && _last.TryExtend(batch))
        {
            _publishes[^1] = (path, _last.ToBatch(), mandatory);
            return;
        }

        _publishes.Add((path, batch, mandatory));
        OpenBatch.TryStart(batch, out _last);
    }

    public void Settle(in SettledDelivery delivery, Settlement settlement) => _settlements.Add((delivery, settlement));

    /// <summary>The lease of something that it settles is over: so it does not take effect.</summary>
    public bool IsTooLate { get; set; }

    /// <summary>Deliveries whose lease is over are not its to settle any more.</summary>
    public void EndLeases(AckPatience patience, Action<SettledDelivery> ended)
    {
        if (_isCommitting)
        {
            return;
        }

        IsTooLate |= _settlements.RemoveAll(settled =>
        {
            var isOver = UnackedDeliveries.LeaseOf(settled.Delivery) is { } lease && patience.IsLeaseOver(settled.Delivery.Since, lease);
            if (isOver)
            {
                ended(settled.Delivery);
            }

            return isOver;
        }) > 0;
    }

    /// <summary>What is done at which queue, from now on without regard to leases.</summary>
    public AtomicParts Begin()
    {
        _isCommitting = true;
        var parts = new AtomicParts();
        foreach (var (path, batch, _) in _publishes)
        {
            parts.Publish(path, batch);
        }

        foreach (var (delivery, settlement) in _settlements)
        {
            parts.Settle(delivery.Session, settlement, delivery.Offsets);
        }

        return parts;
    }

    /// <summary>What goes back to its queues may be delivered again before this connection hears that it took effect.</summary>
    public void ReleaseReturned()
    {
        foreach (var (delivery, settlement) in _settlements)
        {
            if (settlement is Settlement.Requeue or Settlement.Failed)
            {
                delivery.Session.Release(delivery.Offsets);
            }
        }
    }

    /// <summary>All of it has taken effect at the queues: what remains is to be told and counted here.</summary>
    /// <param name="missing">Queues that were not there.</param>
    public void Committed(IReadOnlySet<string> missing, Action<MessageBatch> count, Action<MessageBatch> unrouted, Action<SettledDelivery, Settlement> settle)
    {
        foreach (var (path, batch, mandatory) in _publishes)
        {
            count(batch);
            path.Count(batch.Count);
            if (mandatory && path.Links.All(link => missing.Contains(link.QueueName)))
            {
                unrouted(batch);
            }
        }

        foreach (var (delivery, settlement) in _settlements)
        {
            settle(delivery, settlement);
        }

        Clear();
    }

    /// <summary>Hands everything to the links; the publishes first, as RabbitMQ does.</summary>
    public void Commit(TransactionCommit commit, Action<PublishPath, MessageBatch, PublishRun> send, Action<SettledDelivery, Settlement> settle)
    {
        var runs = 0;
        foreach (var (path, batch, mandatory) in _publishes)
        {
            var run = new PublishRun(commit, 0, batch, mandatory, path.Links.Length);
            commit.CountPublished(batch.Count);
            send(path, batch, run);
            if (path.Links.Length > 0)
            {
                runs++;
            }
            else
            {
                run.Unroutable();
            }
        }

        foreach (var (delivery, settlement) in _settlements)
        {
            settle(delivery, settlement);
        }

        Clear();
        commit.Begin(runs);
    }

    /// <summary>Throws the publishes away and gives back the deliveries that were settled: they are unacknowledged again.</summary>
    public SettledDelivery[] Rollback()
    {
        var deliveries = _settlements.Select(settlement => settlement.Delivery).ToArray();
        Clear();
        return deliveries;
    }

    private void Clear()
    {
        _publishes.Clear();
        _settlements.Clear();
        (IsTooLate, _isCommitting, _last) = (false, false, default);
    }
}
