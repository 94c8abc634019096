using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core;
using Granary.Core.Counting;
using Granary.Core.Figures;
using Granary.Core.Links;
using Granary.Core.Threads;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Amqp.Publishing;

namespace Granary.Gateway.Amqp;

/// <summary>One channel: its consumers, what is unacknowledged, what is being published. Used under the gate of its connection.</summary>
internal sealed partial class AmqpChannel
{
    private readonly PublishOutcomes _outcomes;
    private readonly MessageIntake _intake;
    private readonly ContentAssembler _content;
    private readonly UnackedDeliveries _unacked = new();
    private readonly Dictionary<string, AmqpConsumer> _consumers = [];
    private readonly Action<SettledDelivery> _ack;
    private readonly Action<SettledDelivery> _requeue;
    private readonly Action<SettledDelivery> _reject;
    private readonly Action<SettledDelivery> _endLease;
    private readonly Action<SettledDelivery> _fail;
    private DirectReplyConsumer? _replyConsumer;
    private List<string>? _cancelsBehindDelete;
    private ushort _prefetch;
    private string? _lastQueue;
    private ulong _lastTag;

    public AmqpChannel(AmqpConnection connection, ushort number)
    {
        (Connection, Number) = (connection, number);
        Counts = new MessageCounts(connection.Links.Counts);
        History = new CountHistory(connection.Clock.GetUtcNow().ToUnixTimeMilliseconds());
        _outcomes = new PublishOutcomes(this);
        _intake = new MessageIntake(this, _outcomes);
        _content = _intake.Content;
        _ack = delivery => Settle(delivery, Settlement.Ack);
        _requeue = delivery => Settle(delivery, Settlement.Requeue);
        _reject = delivery => Settle(delivery, Settlement.Reject);
        _endLease = EndLease;
        _fail = delivery => Settle(delivery, Settlement.Failed);
    }

    public AmqpConnection Connection { get; }

    public ushort Number { get; }

    public MessageCounts Counts { get; }

    /// <summary>How fast <see cref="Counts"/> grow. Looked at by one who samples.</summary>
    public CountHistory History { get; }

    public IReadOnlyCollection<AmqpConsumer> Consumers => _consumers.Values;

    public int Unacked => _unacked.Count;

    /// <summary>That its next consumers get.</summary>
    public ushort Prefetch => _prefetch;

    public PublishOutcomes Outcomes => _outcomes;

    /// <summary>channel.close was sent: everything but close and close-ok is ignored.</summary>
    public bool IsClosing { get; set; }

    /// <summary>Its consumers have ended: what a queue still sends them goes back.</summary>
    public bool IsReleased { get; private set; }

    /// <summary>The limit that basic.qos set for the whole channel, or null.</summary>
    public SharedLimit? Shared { get; private set; }

    /// <summary>Where replies to this channel's requests go, once it consumes them.</summary>
    public byte[]? AddressForReplies => _replyConsumer?.AddressBytes;

    /// <summary>Tags count from 1 on each channel.</summary>
    public ulong NextDeliveryTag => _lastTag + 1;

    private LinkSet Links => Connection.Links;

    /// <summary>Handles one frame; false when it must be handled again after the operation that was begun.</summary>
    public bool OnFrame(FrameType type, ReadOnlySpan<byte> payload)
    {
        if (IsClosing)
        {
            OnFrameWhileClosing(type, payload);
            return true;
        }

        switch (type)
        {
            case FrameType.Method when _content.IsIdle:
                var id = MethodFrame.ReadId(payload, out var fields);
                OnMethod(id, fields);
                return true;
            case FrameType.Header when _content.ExpectsHeader:
                return _intake.OnHeader(payload);
            case FrameType.Body when _content.ExpectsBody:
                return _intake.OnBody(payload);
            default:
                throw OutOfOrder();
        }
    }

    /// <summary>What a body frame that begins now goes to in parts; null when it is not the time for one, which is found out when it is there as a whole.</summary>
    public MessageIntake? BodyIntake => !IsClosing && _content.ExpectsBody ? _intake : null;

    /// <summary>Numbers deliveries that were just written.</summary>
    public void Delivered(AmqpConsumer consumer, int count, long firstOffset, bool redelivered)
    {
        Counts.Add(consumer.NoAck ? MessageEvent.DeliverNoAck : MessageEvent.Deliver, count);
        Counts.Add(MessageEvent.Redeliver, redelivered ? count : 0);
        if (!consumer.NoAck)
        {
            var hasLease = consumer.Lease is not null || consumer.Session.MessageLease is not null;
            _unacked.Add(_lastTag + 1, count, consumer.Session, firstOffset, consumer, Connection.Patience.Since(hasLease));
        }

        _lastTag += (ulong)count;
    }

    /// <summary>Why the channel is to be closed, if a delivery was not acknowledged in time (rabbit_channel's handle_consumer_timed_out).</summary>
    public AmqpChannelException? FindOverdue() => _unacked.FindOverdue(Connection.Patience) is { } timeout
        ? new AmqpChannelException(
            ReplyCode.PreconditionFailed,
            $"delivery acknowledgement on channel {Number} timed out. Timeout value used: {timeout.TotalMilliseconds:F0} ms. "
            + "This timeout value can be configured, see consumers doc guide to learn more")
        : null;

    /// <summary>Deliveries whose lease is over go back, those included that a transaction settles which is not committed.</summary>
    public void EndLeases()
    {
        _unacked.EndLeases(Connection.Patience, ofConsumer: null, _endLease);
        _outcomes.Transaction?.EndLeases(Connection.Patience, delivery =>
        {
            _unacked.NoteEnded(delivery);
            _endLease(delivery);
        });
    }

    /// <summary>Deliveries that were never written go back.</summary>
    public void GiveBack(AmqpConsumer consumer, OffsetRange offsets)
    {
        Shared?.Settled(offsets.Count);
        Connection.Settlements.Add(consumer.Session, Settlement.Undelivered, offsets);
    }

    /// <summary>Lets go of everything: consumers end, what was not written or not acknowledged goes back, an open transaction is rolled back.</summary>
    public void Release()
    {
        IsReleased = true;
        Connection.Publisher.Seal();
        _content.Abandon();
        if (_replyConsumer is { } reply)
        {
            Connection.Replies.Remove(reply.Id);
            _replyConsumer = null;
        }

        foreach (var consumer in _consumers.Values)
        {
            Connection.Deliveries.GiveBack(consumer);
            _ = consumer.DetachAsync();
        }

        _consumers.Clear();
        if (_outcomes.Transaction is { } transaction)
        {
            _unacked.Restore(transaction.Rollback(), Connection.Patience.Now);
        }

        _unacked.TakeAll(delivery => Connection.Settlements.Add(delivery.Session, Settlement.Failed, delivery.Offsets));
        Connection.Settlements.Emit();
        _outcomes.Abandon();
    }

    private void OnFrameWhileClosing(FrameType type, ReadOnlySpan<byte> payload)
    {
        if (type != FrameType.Method)
        {
            return;
        }

        var id = MethodFrame.ReadId(payload, out _);
        switch (id)
        {
            case MethodId.ChannelClose:
                // The client's close and the broker's have crossed: its close-ok follows.
                Connection.Send(Number, new ChannelCloseOk());
                break;
            case MethodId.ChannelCloseOk:
                Connection.Forget(this);
                break;
            case MethodId.ChannelOpen:
                throw SecondOpen();
        }
    }

    private void OnMethod(uint id, ReadOnlySpan<byte> fields)
    {
        if (id is not (MethodId.BasicPublish or MethodId.BasicAck or MethodId.BasicNack or MethodId.BasicReject))
        {
            // What gathered so far takes effect before any other method.
            Connection.Publisher.Seal();
            Connection.Settlements.Emit();
        }

        switch (id)
        {
            case MethodId.BasicPublish:
                _intake.OnMethod(BasicPublishView.Read(fields));
                break;
            case MethodId.BasicAck:
                OnBasicAck(MethodFrame.Read<BasicAck>(fields));
                break;
            case MethodId.BasicNack:
                OnBasicNack(MethodFrame.Read<BasicNack>(fields));
                break;
            case MethodId.BasicReject:
                OnBasicReject(MethodFrame.Read<BasicReject>(fields));
                break;
            case MethodId.BasicGet:
                Begin(OnBasicGetAsync(MethodFrame.Read<BasicGet>(fields)));
                break;
            case MethodId.BasicConsume:
                Begin(OnBasicConsumeAsync(MethodFrame.Read<BasicConsume>(fields)));
                break;
            case MethodId.BasicCancel:
                Begin(OnBasicCancelAsync(MethodFrame.Read<BasicCancel>(fields)));
                break;
            case MethodId.BasicCancelOk:
                // The answer to the broker's own basic.cancel, which needs none.
                _ = MethodFrame.Read<BasicCancelOk>(fields);
                break;
            case MethodId.BasicQos:
                OnBasicQos(MethodFrame.Read<BasicQos>(fields));
                break;
            case MethodId.BasicRecover:
                OnBasicRecover(MethodFrame.Read<BasicRecover>(fields).Requeue, id, answer: true);
                break;
            case MethodId.BasicRecoverAsync:
                OnBasicRecover(MethodFrame.Read<BasicRecoverAsync>(fields).Requeue, id, answer: false);
                break;
            case MethodId.QueueDeclare:
                Begin(OnQueueDeclareAsync(MethodFrame.Read<QueueDeclare>(fields)));
                break;
            case MethodId.QueueBind:
                Begin(OnQueueBindAsync(MethodFrame.Read<QueueBind>(fields)));
                break;
            case MethodId.QueueUnbind:
                Begin(OnQueueUnbindAsync(MethodFrame.Read<QueueUnbind>(fields)));
                break;
            case MethodId.QueuePurge:
                Begin(OnQueuePurgeAsync(MethodFrame.Read<QueuePurge>(fields)));
                break;
            case MethodId.QueueDelete:
                Begin(OnQueueDeleteAsync(MethodFrame.Read<QueueDelete>(fields)));
                break;
            case MethodId.ExchangeDeclare:
                Begin(OnExchangeDeclareAsync(MethodFrame.Read<ExchangeDeclare>(fields)));
                break;
            case MethodId.ExchangeDelete:
                Begin(OnExchangeDeleteAsync(MethodFrame.Read<ExchangeDelete>(fields)));
                break;
            case MethodId.ExchangeBind:
                Begin(OnExchangeBindAsync(MethodFrame.Read<ExchangeBind>(fields)));
                break;
            case MethodId.ExchangeUnbind:
                Begin(OnExchangeUnbindAsync(MethodFrame.Read<ExchangeUnbind>(fields)));
                break;
            case MethodId.ConfirmSelect:
                OnConfirmSelect(MethodFrame.Read<ConfirmSelect>(fields));
                break;
            case MethodId.TxSelect:
                OnTxSelect();
                break;
            case MethodId.TxCommit:
                Begin(OnTxCommitAsync());
                break;
            case MethodId.TxRollback:
                OnTxRollback();
                break;
            case MethodId.ChannelOpen:
                throw SecondOpen();
            case MethodId.ChannelClose:
                _ = MethodFrame.Read<ChannelClose>(fields);
                Begin(OnChannelCloseAsync());
                break;
            case MethodId.ChannelFlow:
                OnChannelFlow(MethodFrame.Read<ChannelFlow>(fields));
                break;
            case MethodId.AccessRequest:
                _ = MethodFrame.Read<AccessRequest>(fields);
                Connection.Send(Number, new AccessRequestOk(1));
                break;
            default:
                throw new AmqpConnectionException(ReplyCode.CommandInvalid, "unimplemented method", id);
        }
    }

    private void OnChannelFlow(in ChannelFlow method)
    {
        if (!method.Active)
        {
            throw new AmqpConnectionException(ReplyCode.NotImplemented, "active=false", MethodId.ChannelFlow);
        }

        Connection.Send(Number, new ChannelFlowOk(true));
    }

    private async ValueTask OnChannelCloseAsync()
    {
        Release();
        IsClosing = true;

        // A queue that is out of reach does not keep the client: what it has to be told is told when it can be.
        await Links.DrainAllAsync().AsTask().WaitAsync(Connection.Options.CloseTimeout / 2, Connection.Clock, Connection.Gone)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (Links.Gate)
        {
            Connection.Send(Number, new ChannelCloseOk());
            Connection.Forget(this);
        }
    }

    /// <summary>Waits until what was sent to a queue earlier has taken effect there.</summary>
    private ValueTask DrainAsync(string queue, uint method)
    {
        var drained = Links.DrainAsync(queue);
        return drained.IsCompletedSuccessfully ? drained : new ValueTask(AnswerAsync(Done(drained), queue, method));

        static async Task<bool> Done(ValueTask task)
        {
            await task.ConfigureAwait(false);
            return true;
        }
    }

    /// <summary>Waits for what a queue says, but not for ever.</summary>
    private async Task<T> AnswerAsync<T>(Task<T> answer, string queue, uint method)
    {
        try
        {
            return await RunningTime.WaitAsync(answer, Connection.Options.OperationTimeout, Connection.Clock, Connection.Gone).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Check(BrokerError.QueueOutOfReach(Links.Vhost, queue), method);
            throw;
        }
    }

    private void Begin(ValueTask operation) => Connection.Begin(this, operation);

    private static AmqpConnectionException SecondOpen() => new(ReplyCode.ChannelError, "second 'channel.open' seen", MethodId.ChannelOpen);

    private AmqpConnectionException OutOfOrder()
    {
        var text = _content.ExpectsHeader ? "expected content header for class 60, got non content header frame instead"
            : _content.ExpectsBody ? "expected content body, got non content body frame instead"
            : "expected method frame, got non method frame instead";
        return new AmqpConnectionException(ReplyCode.UnexpectedFrame, text, _content.IsIdle ? 0 : MethodId.BasicPublish);
    }

    /// <summary>Throws what a refusal means to the client.</summary>
    public static void Check(BrokerError? error, uint method)
    {
        if (error is null)
        {
            return;
        }

        throw error.Code.ClosesConnection()
            ? new AmqpConnectionException(error.Code, error.Explanation, method)
            : new AmqpChannelException(error.Code, error.Explanation, method);
    }
}
