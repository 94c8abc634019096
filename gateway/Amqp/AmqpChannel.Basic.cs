using System.Text;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Publishing;

namespace Granary.Gateway.Amqp;

/// <summary>The methods of the classes basic, confirm and tx.</summary>
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
            Connection.Send(Number, new BasicCancel(consumer.Tag, NoWait: true));
        }
    }

    private void OnBasicPublish(in BasicPublishView method)
    {
        if (method.Immediate)
        {
            throw new AmqpConnectionException(ReplyCode.NotImplemented, "immediate=true", MethodId.BasicPublish);
        }

        _content.OnMethod(method.Exchange, method.RoutingKey, method.Mandatory);
    }

    private bool OnContentHeader(ReadOnlySpan<byte> payload)
    {
        var header = ContentHeader.Read(payload);
        if (header.ClassId != MethodId.BasicClass)
        {
            throw new AmqpConnectionException(
                ReplyCode.UnexpectedFrame, $"expected content header for class 60, got one for class {header.ClassId} instead", MethodId.BasicPublish);
        }

        if (header.BodySize > (ulong)Connection.Options.MaxMessageSize)
        {
            throw new AmqpChannelException(
                ReplyCode.PreconditionFailed,
                $"message size {header.BodySize} is larger than configured max size {Connection.Options.MaxMessageSize}", MethodId.BasicPublish);
        }

        var properties = header.Properties;
        _properties.Read(properties, Connection.Terms.User);
        if (FindPath(properties) is not { } path)
        {
            return false;
        }

        if (_properties.WantsDirectReply)
        {
            properties = WithReplyAddress(properties);
        }

        if (_properties.HasCopies)
        {
            properties = BasicPropertiesEdit.WithoutHeader(properties, "BCC"u8);
        }

        Connection.NotePublished();
        if (_content.OnHeader(Connection.Publisher.Chunks, path, _properties, properties, (int)header.BodySize))
        {
            OnContentComplete();
        }

        return true;
    }

    private void OnContentBody(ReadOnlySpan<byte> payload)
    {
        if (_content.OnBody(payload))
        {
            OnContentComplete();
        }
    }

    private void OnContentComplete()
    {
        if (_replyTarget is { } target)
        {
            _replyTarget = null;
            Connection.Publisher.Seal();
            var reply = new MessageBatch(_content.Array.AsMemory(_content.Start, _content.Length), 1);
            Connection.Reply(target, reply);
            Track(reply, _content.IsMandatory, targets: 1)?.Passed();
        }
        else
        {
            Connection.Publisher.Add(this, _content.Path!, _content.Array, _content.Start, _content.Length, _content.IsMandatory);
        }

        _content.Release();
    }

    // Null: a snapshot must be fetched first, an operation for that has begun.
    private PublishPath? FindPath(ReadOnlySpan<byte> properties)
    {
        var exchange = _content.Exchange;
        var key = _content.RoutingKey;
        if (exchange.IsEmpty && ReplyAddress.IsReplyKey(key))
        {
            // A requester that is gone is as if its queue had been deleted.
            Connection.Replies.TryFind(key, out _replyTarget);
            return PublishPath.Nowhere;
        }

        if (!_properties.HasCopies && Connection.Paths.TryGet(exchange, key, out var path) && path.IsCurrent(Links))
        {
            return path;
        }

        BasicPropertiesView.Read(properties).TryGetHeaders(out var headers);
        var copies = _properties.HasCopies ? CopyKeys.Read(headers) : [];
        var route = Interlocked.Exchange(ref _fetchedRoute, null) ?? Connection.Router.TryRoute(Links.Vhost, exchange, key, copies, headers);
        if (route is null)
        {
            Begin(FetchRouteAsync(exchange.ToArray(), key.ToArray(), copies, headers.ToArray()));
            return null;
        }

        Check(route.Error, MethodId.BasicPublish);
        path = PublishPath.Open(route, Links);
        if (!_properties.HasCopies && !route.DependsOnHeaders)
        {
            Connection.Paths.Set(exchange, key, path);
        }

        return path;
    }

    // The header frame is handled again after this, and takes the route from here: that an exchange is missing holds for one message only.
    private async ValueTask FetchRouteAsync(byte[] exchange, byte[] key, ReadOnlyMemory<byte>[] copies, byte[] headers) =>
        _fetchedRoute = await Connection.Router.RouteAsync(Links.Vhost, exchange, key, copies, headers, CancellationToken.None).ConfigureAwait(false);

    private byte[] WithReplyAddress(ReadOnlySpan<byte> properties)
    {
        if (_replyConsumer is not { } consumer)
        {
            throw new AmqpChannelException(ReplyCode.PreconditionFailed, "fast reply consumer does not exist", MethodId.BasicPublish);
        }

        return BasicPropertiesEdit.WithText(properties, BasicProperty.ReplyTo, consumer.AddressBytes);
    }

    private void WriteReturns(in MessageBatch batch)
    {
        var records = batch.Records.Span;
        for (var at = 0; at < records.Length;)
        {
            var message = new MessageRecord(records[at..]);
            Connection.Send(
                Number,
                new BasicReturn(ReplyCode.NoRoute, "NO_ROUTE", Encoding.UTF8.GetString(message.Exchange), Encoding.UTF8.GetString(message.RoutingKey)));
            Connection.Deliveries.WriteContent(Number, [], message);
            at += message.Length;
        }
    }

    private async ValueTask OnBasicConsumeAsync(BasicConsume method)
    {
        const uint Id = MethodId.BasicConsume;
        var tag = method.ConsumerTag.Length > 0 ? method.ConsumerTag : Names.Generate("amq.ctag-");
        if (_consumers.ContainsKey(tag) || _replyConsumer?.Consumer.Tag == tag)
        {
            throw new AmqpConnectionException(ReplyCode.NotAllowed, $"attempt to reuse consumer tag '{tag}'", Id);
        }

        if (method.Queue == ReplyAddress.PseudoQueueName)
        {
            ConsumeReplies(tag, method);
            return;
        }

        var queue = QueueOrLast(method.Queue, Id);
        var consumer = new AmqpConsumer(
            this, tag, queue, method.NoAck, method.Exclusive, method.NoAck ? 0 : _prefetch, method.NoWait, EncodedTable.From(method.Arguments));
        await Links.DrainAsync(queue).ConfigureAwait(false);
        Task<BrokerError?> attached;
        lock (Links.Gate)
        {
            _consumers.Add(tag, consumer);
            attached = consumer.AttachAsync(Links.Open(queue));
            Links.Flush();
        }

        if (await attached.ConfigureAwait(false) is { } error)
        {
            lock (Links.Gate)
            {
                _consumers.Remove(tag);
            }

            Check(error, Id);
        }
    }

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

        await detached.ConfigureAwait(false);
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
        await Links.DrainAsync(queue).ConfigureAwait(false);
        var answered = new TaskCompletionSource<BrokerError?>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (Links.Gate)
        {
            var link = Links.Open(queue);
            link.Get(method.NoAck, got =>
            {
                OnGot(link, method.NoAck, got);
                answered.TrySetResult(got.Error);
            });
            Links.Flush();
        }

        Check(await answered.Task.ConfigureAwait(false), MethodId.BasicGet);
    }

    private void OnGot(Links.QueueLink link, bool noAck, GotItem got)
    {
        if (got.Error is not null)
        {
            return;
        }

        if (got.Message is not { } slice)
        {
            Connection.Send(Number, new BasicGetEmpty());
            return;
        }

        if (IsClosing)
        {
            if (!noAck)
            {
                Connection.Settlements.Add(link, Settlement.Undelivered, new OffsetRange(slice.FirstOffset, 1));
                Connection.Settlements.Emit();
            }

            return;
        }

        var message = new MessageRecord(slice.Batch.Records.Span);
        var tag = ++_lastTag;
        if (!noAck)
        {
            _unacked.Add(tag, 1, link, slice.FirstOffset, null);
        }

        Connection.Send(Number, new BasicGetOk(
            tag, slice.Redelivered, Encoding.UTF8.GetString(message.Exchange), Encoding.UTF8.GetString(message.RoutingKey), Count(got.MessageCount)));
        Connection.Deliveries.WriteContent(Number, [], message);
    }

    private void OnBasicAck(in BasicAck method) => SettleTag(method.DeliveryTag, method.Multiple, Settlement.Ack, MethodId.BasicAck);

    private void OnBasicNack(in BasicNack method) =>
        SettleTag(method.DeliveryTag, method.Multiple, method.Requeue ? Settlement.Requeue : Settlement.Reject, MethodId.BasicNack);

    private void OnBasicReject(in BasicReject method) =>
        SettleTag(method.DeliveryTag, multiple: false, method.Requeue ? Settlement.Requeue : Settlement.Reject, MethodId.BasicReject);

    private void SettleTag(ulong tag, bool multiple, Settlement settlement, uint method)
    {
        var settled = settlement switch
        {
            Settlement.Ack => _ack,
            Settlement.Reject => _reject,
            _ => _requeue,
        };
        if (!_unacked.TrySettle(tag, multiple, settled))
        {
            throw new AmqpChannelException(ReplyCode.PreconditionFailed, $"unknown delivery tag {tag}", method);
        }
    }

    private void Settle(SettledDelivery delivery, Settlement settlement)
    {
        if (Transaction is { } transaction)
        {
            transaction.Settle(delivery, settlement);
        }
        else
        {
            SettleNow(delivery, settlement);
        }
    }

    private void SettleNow(SettledDelivery delivery, Settlement settlement)
    {
        Connection.Settlements.Add(delivery.Link, settlement, delivery.Offsets);
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
        Shared?.Take(_unacked.CountOfConsumers);
        foreach (var consumer in _consumers.Values)
        {
            consumer.Reattach();
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

    private void OnConfirmSelect(in ConfirmSelect method)
    {
        if (Transaction is not null)
        {
            throw new AmqpChannelException(ReplyCode.PreconditionFailed, "cannot switch from tx to confirm mode", MethodId.ConfirmSelect);
        }

        // What was published before is not counted.
        Connection.Publisher.Seal();
        _confirms ??= new Confirms();
        if (!method.NoWait)
        {
            Connection.Send(Number, new ConfirmSelectOk());
        }
    }

    private void OnTxSelect()
    {
        if (_confirms is not null)
        {
            throw new AmqpChannelException(ReplyCode.PreconditionFailed, "cannot switch from confirm to tx mode", MethodId.TxSelect);
        }

        Connection.Publisher.Seal();
        Transaction ??= new Transaction(this);
        Connection.Send(Number, new TxSelectOk());
    }

    private async ValueTask OnTxCommitAsync()
    {
        var transaction = RequireTransaction(MethodId.TxCommit);
        Task committed;
        lock (Links.Gate)
        {
            Connection.Publisher.Seal();
            _commitFailed = false;
            _committed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            committed = _committed.Task;
            _uncommittedRuns = transaction.Commit(static (path, batch, run) => Publisher.Send(path, batch, run), SettleNow);
            Connection.Settlements.Emit();
            Links.Flush();
            if (_uncommittedRuns == 0)
            {
                _committed.TrySetResult();
            }
        }

        await committed.ConfigureAwait(false);
        await Links.DrainAllAsync().ConfigureAwait(false);
        _committed = null;
        Check(_commitFailed ? new BrokerError(ReplyCode.PreconditionFailed, "partial tx completion") : null, MethodId.TxCommit);
        Connection.Send(Number, new TxCommitOk());
    }

    private void OnTxRollback()
    {
        var transaction = RequireTransaction(MethodId.TxRollback);
        Connection.Publisher.Seal();
        _unacked.Restore(transaction.Rollback());
        Connection.Send(Number, new TxRollbackOk());
    }

    private Transaction RequireTransaction(uint method) =>
        Transaction ?? throw new AmqpChannelException(ReplyCode.PreconditionFailed, "channel is not transactional", method);
}
