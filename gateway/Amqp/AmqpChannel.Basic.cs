using System.Text;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Counting;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Core.Threads;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Tracing;

namespace Granary.Gateway.Amqp;

/// <summary>The methods of the class basic but publish, which is a matter of <see cref="MessageIntake"/>.</summary>
internal sealed partial class AmqpChannel
{
    /// <summary>The queue has the consumer: the client learns of it before its first delivery.</summary>
    public void ConsumerStarted(AmqpConsumer consumer, bool noWait)
    {
        if (!noWait && !IsClosing)
        {
            Connection.Send(Number, new BasicConsumeOk(consumer.Tag));
        }
    }

    /// <summary>The queue is gone: clients that can listen are told (consumer cancel notification).</summary>
    public void ConsumerLost(AmqpConsumer consumer)
    {
        if (consumer.NoAck)
        {
            Connection.Deliveries.WriteAll(consumer);
        }
        else
        {
            Connection.Deliveries.GiveBack(consumer);
        }

        if (_consumers.Remove(consumer.Tag) && !IsClosing && Connection.Terms.Capabilities.ConsumerCancelNotify)
        {
            if (_cancelsBehindDelete is { } waiting)
            {
                waiting.Add(consumer.Tag);
            }
            else
            {
                Connection.Send(Number, new BasicCancel(consumer.Tag, NoWait: true));
            }
        }
    }

    private async ValueTask OnBasicConsumeAsync(BasicConsume method)
    {
        const uint Id = MethodId.BasicConsume;
        var queue = QueueOrLast(method.Queue, Id);
        var tag = method.ConsumerTag.Length > 0 ? method.ConsumerTag : Names.Generate("amq.ctag-");
        if (_consumers.ContainsKey(tag) || _replyConsumer?.Consumer.Tag == tag)
        {
            throw new AmqpConnectionException(ReplyCode.NotAllowed, $"attempt to reuse consumer tag '{tag}'", Id);
        }

        if (queue == ReplyAddress.PseudoQueueName)
        {
            ConsumeReplies(tag, method);
            return;
        }

        await CheckReadAsync(queue, Id).ConfigureAwait(false);
        var consumer = new AmqpConsumer(
            this, tag, queue, method.NoAck, method.Exclusive, _prefetch, method.NoWait, EncodedTable.From(method.Arguments));
        await DrainAsync(queue, Id).ConfigureAwait(false);
        Task<BrokerError?> attached;
        lock (Links.Gate)
        {
            if (IsReleased)
            {
                // The channel went while earlier traffic was waited for: nobody would ever take what the queue sends.
                return;
            }

            _consumers.Add(tag, consumer);
            attached = consumer.AttachAsync(Links.Open(queue));
            Links.Flush();
        }

        if (await AnswerAsync(attached, queue, Id).ConfigureAwait(false) is { } error)
        {
            lock (Links.Gate)
            {
                _consumers.Remove(tag);
            }

            Check(error, Id);
        }

        lock (Links.Gate)
        {
            // They may have changed while the queue was asked.
            if (Connection.Rights.Current is { } now && EndForbidden(now) is { } refusal)
            {
                throw refusal;
            }
        }
    }

    /// <summary>Ends consumers of queues that the client may not read (any more). What was written is the client's to settle.</summary>
    /// <returns>Set if the client cannot be told in another way than by closing the channel.</returns>
    public AmqpChannelException? EndForbidden(Rights now)
    {
        AmqpChannelException? error = null;
        foreach (var consumer in _consumers.Values.Where(static consumer => consumer.IsAttached).ToArray())
        {
            if (now.CheckQueue(Right.Read, consumer.Queue) is not { } refusal)
            {
                continue;
            }

            consumer.IsForbidden = true;
            _ = consumer.DetachAsync();
            ConsumerLost(consumer);
            if (!Connection.Terms.Capabilities.ConsumerCancelNotify)
            {
                error = new AmqpChannelException(refusal.Code, refusal.Explanation, MethodId.BasicConsume);
            }
        }

        return error;
    }

    /// <summary>403 unless the client may read the queue, whether there is one or not.</summary>
    private async ValueTask CheckReadAsync(string queue, uint method) =>
        Check(await Connection.Rights.CheckAsync(may => may.CheckQueue(Right.Read, queue), Connection.Gone).ConfigureAwait(false), method);

    private void ConsumeReplies(string tag, in BasicConsume method)
    {
        Check(
            !method.NoAck ? new BrokerError(ReplyCode.PreconditionFailed, "reply consumer cannot acknowledge")
            : _replyConsumer is not null ? new BrokerError(ReplyCode.PreconditionFailed, "reply consumer already set")
            : null,
            MethodId.BasicConsume);
        _replyConsumer = new DirectReplyConsumer(new AmqpConsumer(
            this, tag, ReplyAddress.PseudoQueueName, noAck: true, exclusive: false, prefetch: 0, method.NoWait, EncodedTable.Empty), Connection.Replies);
        ConsumerStarted(_replyConsumer.Consumer, method.NoWait);
    }

    private async ValueTask OnBasicCancelAsync(BasicCancel method)
    {
        if (_replyConsumer?.Consumer.Tag == method.ConsumerTag)
        {
            Connection.Replies.Remove(_replyConsumer.Id);
            _replyConsumer = null;
        }
        else if (_consumers.Remove(method.ConsumerTag, out var consumer))
        {
            await CancelAsync(consumer).ConfigureAwait(false);
        }

        if (!method.NoWait)
        {
            Connection.Send(Number, new BasicCancelOk(method.ConsumerTag));
        }
    }

    // What an acknowledging consumer was sent but had not been written goes back; what one without acknowledgements was sent is written first.
    private async ValueTask CancelAsync(AmqpConsumer consumer)
    {
        Task detached;
        lock (Links.Gate)
        {
            detached = consumer.DetachAsync();
            Links.Flush();
        }

        // One that is out of reach sends nothing either.
        await RunningTime.WaitAsync(detached, Connection.Options.OperationTimeout, Connection.Clock, Connection.Gone).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Connection.Gone.ThrowIfCancellationRequested();
        lock (Links.Gate)
        {
            if (consumer.NoAck)
            {
                Connection.Deliveries.WriteAll(consumer);
            }
            else
            {
                Connection.Deliveries.GiveBack(consumer);
                Connection.Settlements.Emit();
            }
        }
    }

    private async ValueTask OnBasicGetAsync(BasicGet method)
    {
        var queue = QueueOrLast(method.Queue, MethodId.BasicGet);
        await CheckReadAsync(queue, MethodId.BasicGet).ConfigureAwait(false);
        await DrainAsync(queue, MethodId.BasicGet).ConfigureAwait(false);
        if (!Connection.MayDeliver)
        {
            // A queue can be there again before the silo that has it has renewed the lease.
            await AnswerAsync(Connection.WhenMayDeliverAsync(), queue, MethodId.BasicGet).ConfigureAwait(false);
        }

        var answered = new TaskCompletionSource<BrokerError?>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (Links.Gate)
        {
            if (IsReleased)
            {
                return;
            }

            var session = Links.Open(queue);
            session.Get(method.NoAck, (holder, got) =>
            {
                var mayDeliver = got.Message is null || Connection.MayDeliver;
                OnGot(holder, method.NoAck, got, mayDeliver);
                answered.TrySetResult(mayDeliver ? got.Error : BrokerError.QueueOutOfReach(Connection.Terms.Vhost, queue));
            });
            Links.Flush();
        }

        Check(await AnswerAsync(answered.Task, queue, MethodId.BasicGet).ConfigureAwait(false), MethodId.BasicGet);
    }

    private void OnGot(QueueSession session, bool noAck, GotItem got, bool mayDeliver)
    {
        if (got.Error is not null)
        {
            return;
        }

        if (got.Message is not { } slice)
        {
            if (!IsReleased)
            {
                Counts.Add(MessageEvent.GetEmpty, 1);
                Connection.Send(Number, new BasicGetEmpty());
            }

            return;
        }

        if (IsReleased || !mayDeliver)
        {
            if (!noAck)
            {
                Connection.Settlements.Add(session, Settlement.Undelivered, new OffsetRange(slice.FirstOffset, 1));
                Connection.Settlements.Emit();
            }

            return;
        }

        var message = new MessageRecord(slice.Batch.Records.Span);
        var tag = ++_lastTag;
        Counts.Add(noAck ? MessageEvent.GetNoAck : MessageEvent.Get, 1);
        Counts.Add(MessageEvent.Redeliver, slice.Redelivered ? 1 : 0);
        if (!noAck)
        {
            _unacked.Add(tag, 1, session, slice.FirstOffset, null, Connection.Patience.Since(session.MessageLease is not null));
        }

        Connection.Send(Number, new BasicGetOk(
            tag, slice.Redelivered, Encoding.UTF8.GetString(message.Exchange), Encoding.UTF8.GetString(message.RoutingKey), Count(got.MessageCount)));
        Connection.Trace?.Delivered(Number, session.QueueName, message.Bytes, slice.Redelivered);
        Connection.Spans?.Delivered(message.Bytes, session.QueueName, slice.Redelivered, MessageSpans.Amqp, Connection.Terms.Vhost);
        Connection.Deliveries.WriteContent(Number, slice.Batch.Records, LargeRecord.Of(slice.Batch.Records));
    }

    private void OnBasicAck(in BasicAck method) => SettleTag(method.DeliveryTag, method.Multiple, Settlement.Ack, MethodId.BasicAck);

    private void OnBasicNack(in BasicNack method) =>
        SettleTag(method.DeliveryTag, method.Multiple, method.Requeue ? Settlement.Requeue : Settlement.Reject, MethodId.BasicNack);

    private void OnBasicReject(in BasicReject method) =>
        SettleTag(method.DeliveryTag, multiple: false, method.Requeue ? Settlement.Failed : Settlement.Reject, MethodId.BasicReject);

    private void SettleTag(ulong tag, bool multiple, Settlement settlement, uint method)
    {
        var settled = settlement switch
        {
            Settlement.Ack => _ack,
            Settlement.Reject => _reject,
            Settlement.Failed => _fail,
            _ => _requeue,
        };
        if (!_unacked.TrySettle(tag, multiple, settled))
        {
            throw new AmqpChannelException(ReplyCode.PreconditionFailed, $"unknown delivery tag {tag}", method);
        }

        if (_unacked.TakeLate() is > 0 and var late)
        {
            Counts.Add(MessageEvent.LateSettle, late);
            if (_outcomes.Transaction is { } transaction)
            {
                transaction.IsTooLate = true;
            }
        }
    }

    private void EndLease(SettledDelivery delivery)
    {
        Counts.Add(MessageEvent.LeaseEnd, delivery.Offsets.Count);
        Connection.Settlements.Add(delivery.Session, Settlement.Requeue, delivery.Offsets, isLeaseOver: true);
        if (delivery.Consumer is not null)
        {
            Shared?.Settled(delivery.Offsets.Count);
        }
    }

    private void Settle(SettledDelivery delivery, Settlement settlement)
    {
        if (_outcomes.Transaction is { } transaction)
        {
            transaction.Settle(delivery, settlement);
        }
        else
        {
            SettleNow(delivery, settlement);
        }
    }

    /// <summary>The queues know it; that they are told once more is for those that were lost before they could store it. What went back is another delivery by now.</summary>
    public void SettleCommitted(SettledDelivery delivery, Settlement settlement)
    {
        if (settlement is not (Settlement.Requeue or Settlement.Failed))
        {
            SettleNow(delivery, settlement);
        }
        else if (delivery.Consumer is not null)
        {
            Shared?.Settled(delivery.Offsets.Count);
        }
    }

    private void SettleNow(SettledDelivery delivery, Settlement settlement)
    {
        Connection.Settlements.Add(delivery.Session, settlement, delivery.Offsets);
        Counts.Add(MessageEvent.Ack, settlement == Settlement.Ack ? delivery.Offsets.Count : 0);
        if (delivery.Consumer is not null)
        {
            Shared?.Settled(delivery.Offsets.Count);
        }
    }

    private void OnBasicQos(in BasicQos method)
    {
        if (method.PrefetchSize != 0)
        {
            throw new AmqpConnectionException(ReplyCode.NotImplemented, $"prefetch_size!=0 ({method.PrefetchSize})", MethodId.BasicQos);
        }

        if (!method.Global)
        {
            _prefetch = method.PrefetchCount;
        }
        else
        {
            SetSharedLimit(method.PrefetchCount);
        }

        Connection.Send(Number, new BasicQosOk());
    }

    private void SetSharedLimit(int limit)
    {
        if (limit > 0 && Shared is { } shared)
        {
            shared.Limit = limit;
            shared.Lend();
            return;
        }

        if (limit == 0 && Shared is null)
        {
            return;
        }

        Shared = limit > 0 ? new SharedLimit(limit) : null;
        Shared?.Take(_unacked.CountOfConsumers + Connection.Deliveries.CountOf(this));
        foreach (var consumer in _consumers.Values)
        {
            consumer.Share();
        }
    }

    private void OnBasicRecover(bool requeue, uint method, bool answer)
    {
        if (!requeue)
        {
            throw new AmqpConnectionException(ReplyCode.NotImplemented, "requeue=false", method);
        }

        _unacked.TakeAll(delivery => SettleNow(delivery, Settlement.Requeue));
        if (answer)
        {
            Connection.Send(Number, new BasicRecoverOk());
        }
    }
}
