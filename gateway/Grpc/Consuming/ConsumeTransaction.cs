using Granary.Core.Counting;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Routing;
using Granary.Core.Transactions;
using Granary.Gateway.Access;
using Granary.Gateway.Amqp;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Routing;
using Granary.Gateway.Tracing;
using Granary.Gateway.Transactions;
using Granary.V1;
using Grpc.Core;
using Settlement = Granary.Core.Links.Settlement;

namespace Granary.Gateway.Grpc.Consuming;

/// <summary>The transactions of one <c>Consume</c>, one at a time: what they settle is taken from the stream, and given back if nothing comes of it.</summary>
/// <param name="take">Takes deliveries that are open; false if the lease of one is over. These three are called under the gate.</param>
/// <param name="settle">They are settled for good.</param>
/// <param name="restore">They are open again.</param>
/// <param name="published">Told what was published, where to.</param>
internal sealed class ConsumeTransaction(
    GrpcServer server, Caller caller, LinkSet links, ClientRights rights, Func<V1.Settlement, List<(SettledDelivery, Settlement)>, bool> take,
    Action<List<(SettledDelivery, Settlement)>> settle, Action<List<(SettledDelivery, Settlement)>> restore, Action<MessageBatch, QueueSession[]> published)
{
    private readonly MessageEncoder _encoder = new(caller.User, server.MaxMessageSize);
    private readonly PathFinder _paths = new(links, server.Router, rights);

    /// <param name="ended">The stream has ended: what has not begun at the queues does not begin.</param>
    /// <exception cref="Granary.Amqp.AmqpException">403, 404, 406, 502: a tag or a message makes no sense, or may not be published; the stream ends.</exception>
    public async Task<TransactionResult> RunAsync(Transaction transaction, CancellationToken ended)
    {
        await server.WaitToPublishAsync(ended).ConfigureAwait(false);
        var messages = new List<(PublishPath Path, MessageBatch Batch, bool IsMandatory)>();
        _paths.BeginMessages();
        foreach (var message in transaction.Messages)
        {
            messages.Add(await ReadAsync(message, ended).ConfigureAwait(false));
        }

        var parts = new AtomicParts();
        var taken = new List<(SettledDelivery Delivery, Settlement Outcome)>();
        bool isTooLate;
        ended.ThrowIfCancellationRequested();
        lock (links.Gate)
        {
            foreach (var (path, batch, _) in messages)
            {
                parts.Publish(path, batch);
            }

            isTooLate = !TakeAll(transaction, taken);
            foreach (var (delivery, outcome) in taken)
            {
                parts.Settle(delivery.Session, outcome, delivery.Offsets);
            }
        }

        var became =
            isTooLate ? AtomicOutcome.NotHeld
            : messages.Exists(static message => message.IsMandatory && message.Path.Links.Length == 0) ? AtomicOutcome.Unrouted
            : parts.Count == 0 ? AtomicOutcome.Done
            : await CommitAsync(parts, messages, taken).ConfigureAwait(false);
        lock (links.Gate)
        {
            if (became == AtomicOutcome.Done)
            {
                Count(messages);
                settle(taken);
            }
            else
            {
                restore(taken);
            }
        }

        return ToResult(transaction.Id, became);
    }

    private async ValueTask<(PublishPath Path, MessageBatch Batch, bool IsMandatory)> ReadAsync(Message message, CancellationToken ended)
    {
        _encoder.Read(message);
        if (_encoder.IsReply)
        {
            throw CallErrors.Precondition("a direct reply cannot be part of a transaction");
        }

        var record = new byte[_encoder.Size];
        _encoder.Write(record);
        var batch = new MessageBatch(record, 1, _encoder.Flags);
        RoutePath? fetched = null;
        while (true)
        {
            lock (links.Gate)
            {
                if (_encoder.FindPath(_paths, fetched) is { } path)
                {
                    return (path, server.Spans?.Published(batch, MessageSpans.Grpc, links.Vhost) ?? batch, message.Mandatory);
                }
            }

            fetched = await _encoder.FetchPathAsync(_paths, server.GrainsFor(caller, ended)).ConfigureAwait(false);
        }
    }

    /// <summary>False: the lease of one is over.</summary>
    private bool TakeAll(Transaction transaction, List<(SettledDelivery Delivery, Settlement Outcome)> taken)
    {
        try
        {
            var isInTime = true;
            foreach (var tag in transaction.Acks)
            {
                isInTime &= take(new V1.Settlement { DeliveryTag = tag, Outcome = Outcome.Ack }, taken);
            }

            foreach (var settlement in transaction.Settlements)
            {
                isInTime &= take(settlement, taken);
            }

            return isInTime;
        }
        catch
        {
            // The stream ends, and gives back what it holds.
            restore(taken);
            throw;
        }
    }

    private async Task<AtomicOutcome> CommitAsync(
        AtomicParts parts, List<(PublishPath Path, MessageBatch Batch, bool IsMandatory)> messages, List<(SettledDelivery Delivery, Settlement Outcome)> taken)
    {
        // What was said before comes before it.
        await links.DrainAllAsync().ConfigureAwait(false);

        // What goes back may be delivered again before this is answered.
        OfReturned(taken, static (session, offsets) => session.Release(offsets));
        var result = await server.AtomicallyFor(caller).RunAsync(
            parts.ToParts(server.Id),
            missing => !messages.Exists(message => message.IsMandatory && message.Path.Links.All(link => missing.Contains(link.QueueName)))).ConfigureAwait(false);
        if (result.Outcome != AtomicOutcome.Done)
        {
            OfReturned(taken, static (session, offsets) => session.Hold(offsets));
        }

        return result.Outcome == AtomicOutcome.Unknown ? throw CallErrors.QueueLost() : result.Outcome;
    }

    private void OfReturned(List<(SettledDelivery Delivery, Settlement Outcome)> taken, Action<QueueSession, OffsetRange> action)
    {
        lock (links.Gate)
        {
            foreach (var (delivery, outcome) in taken)
            {
                if (outcome == Settlement.Requeue)
                {
                    action(delivery.Session, delivery.Offsets);
                }
            }
        }
    }

    private void Count(List<(PublishPath Path, MessageBatch Batch, bool IsMandatory)> messages)
    {
        links.Counts.Add(MessageEvent.Publish, messages.Count);
        links.Counts.Add(MessageEvent.Confirm, messages.Count);
        foreach (var (path, batch, _) in messages)
        {
            path.Count(batch.Count);
            published(batch, path.Links);
        }
    }

    private static TransactionResult ToResult(ulong id, AtomicOutcome outcome)
    {
        var (code, text) = outcome switch
        {
            AtomicOutcome.Done => (StatusCode.OK, ""),
            AtomicOutcome.Full => (StatusCode.ResourceExhausted, "a queue refused a message"),
            AtomicOutcome.NotHeld => (StatusCode.FailedPrecondition, "a delivery is not out to this consumer any more"),
            AtomicOutcome.Unrouted => (StatusCode.NotFound, "a mandatory message has no queue"),
            _ => (StatusCode.Unavailable, "a queue did not answer in time"),
        };
        return new TransactionResult { Id = id, Code = (uint)code, Message = text };
    }
}
