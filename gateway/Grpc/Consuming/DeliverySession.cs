using Google.Protobuf.Collections;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Access;
using Granary.Core.Counting;
using Granary.Core.Links;
using Granary.Core.Threads;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Grpc.Access;
using Granary.Gateway.Grpc.Connections;
using Granary.Gateway.Grpc.Messages;
using Granary.Gateway.Tracing;
using Granary.V1;
using Grpc.Core;
using Settlement = Granary.Core.Links.Settlement;
using Wire = Granary.Amqp;

namespace Granary.Gateway.Grpc.Consuming;

/// <summary>
/// A stream that one consumer delivers to, for as long as it lasts: what <c>Consume</c> and <c>Serve</c> have in common. What is not settled at its
/// end goes back to the queue.
/// </summary>
internal abstract class DeliverySession<TRequest, TResponse>(
    GrpcServer server, Caller caller, IAsyncStreamReader<TRequest> requests, IServerStreamWriter<TResponse> responses, ServerCallContext context)
    : DuplexSession<TRequest, TResponse>(server, caller, requests, responses, context)
    where TRequest : class
    where TResponse : class
{
    // Record bytes per response, but for a message that is larger: enough to pay for a write, little enough for every client's limit.
    private const int ResponseBytes = 64 * 1024;

    private readonly DeliveryDecoder _decoder = new();
    private readonly UnackedDeliveries _open = new();
    private readonly List<NumberRange> _expired = [];
    private StreamConsumer? _consumer;
    private Subscribe _subscribed = new();
    private EncodedTable _arguments;
    private AckPatience? _patience;
    private AmqpException? _overdue;
    private string _queue = "";
    private CancelReason _cancelled;
    private string _cancelDetail = "";
    private bool _subscribedSaid;
    private bool _cancelledSaid;
    private bool _allRead;
    private bool _waitsForLease;
    private bool _isForbidden;
    private ulong _lastTag;
    private int _takenMessages;
    private int _takenBytes;

    public override ConsumerView? Consumer
    {
        get
        {
            lock (Links.Gate)
            {
                return _consumer is { } consumer
                    ? new ConsumerView(_queue, consumer.Tag, consumer.NoAck, _subscribed.Exclusive, consumer.NoAck ? 0 : ToPrefetch(_subscribed.Credit), _open.Count, _arguments)
                    : null;
            }
        }
    }

    protected SettlementBuffer Settlements { get; } = new();

    protected override bool IsComplete => _allRead && _consumer is not { HasPending: true } && !HasUnconfirmed;

    /// <summary>Something that was begun must end before the stream may. Under the gate.</summary>
    protected virtual bool HasUnconfirmed => false;

    protected abstract Subscribe? SubscribeOf(TRequest request);

    /// <summary>Does what a request says beside subscribing. Under the gate. True when the consumer is to be cancelled.</summary>
    protected abstract bool Apply(TRequest request);

    protected abstract TResponse Respond(Subscribed subscribed);

    protected abstract TResponse Respond(Cancelled cancelled);

    /// <param name="expired">Tags of deliveries whose lease is over.</param>
    protected abstract TResponse Respond(IEnumerable<NumberRange> expired);

    /// <summary>A response, and where its deliveries belong.</summary>
    protected abstract (TResponse Response, RepeatedField<Delivery> Deliveries) RespondWithDeliveries();

    /// <summary>Called with deliveries before they are written. Under the gate.</summary>
    protected virtual void OnDelivering(in DeliverySlice slice, ulong firstTag)
    {
    }

    /// <summary>Completes when a request may be applied.</summary>
    protected virtual ValueTask BeforeRequestAsync(TRequest request, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Work that the last request left for after the gate.</summary>
    protected virtual void AfterRequest()
    {
    }

    /// <summary>Completes when the next request may be read.</summary>
    protected virtual Task WaitForRoomAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    protected override async ValueTask OnRequestAsync(TRequest request, CancellationToken cancellationToken)
    {
        var subscribe = SubscribeOf(request);
        if (_consumer is null)
        {
            await SubscribeAsync(subscribe ?? throw CallErrors.Invalid("the first request has no subscribe"), cancellationToken).ConfigureAwait(false);
        }
        else if (subscribe is not null)
        {
            throw CallErrors.Invalid("subscribe in a later request than the first");
        }

        await BeforeRequestAsync(request, cancellationToken).ConfigureAwait(false);
        bool cancel;
        try
        {
            lock (Links.Gate)
            {
                cancel = Apply(request);
                Settlements.Emit();
                Links.Flush();
            }
        }
        finally
        {
            AfterRequest();
        }

        await WaitForRoomAsync(cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);

        if (cancel)
        {
            await CancelAsync(CancelReason.Client, "", cancellationToken).ConfigureAwait(false);
        }
    }

    protected override async ValueTask OnRequestsEndedAsync(CancellationToken cancellationToken)
    {
        if (_consumer is null)
        {
            throw CallErrors.Invalid("the stream ended before it subscribed");
        }

        await CancelAsync(CancelReason.Unspecified, "", cancellationToken).ConfigureAwait(false);
        lock (Links.Gate)
        {
            _allRead = true;
        }
    }

    /// <summary>Settles open deliveries. Under the gate.</summary>
    /// <exception cref="AmqpChannelException">406: no such delivery is open.</exception>
    protected void Settle(ulong tag, bool multiple, Action<SettledDelivery> settled)
    {
        if (!_open.TrySettle(tag, multiple, settled))
        {
            throw CallErrors.Precondition($"unknown delivery tag {tag}");
        }

        CountLate();
    }

    /// <summary>The lease of a delivery is over: what is said of it has no effect, and is counted. Under the gate.</summary>
    protected bool IsTooLate(ulong tag)
    {
        var isLate = _open.IsLate(tag);
        Links.Counts.Add(MessageEvent.LateSettle, isLate ? 1 : 0);
        return isLate;
    }

    /// <summary>Has the leases of deliveries end later, or sooner. Under the gate.</summary>
    /// <exception cref="AmqpChannelException">406, 502: no such delivery is open, or the time is out of range.</exception>
    protected void Extend(Extension extension)
    {
        if (extension.LeaseMs > MessageLease.Longest)
        {
            throw CallErrors.Invalid($"lease_ms is {extension.LeaseMs}, more than {MessageLease.Longest}");
        }

        var patience = _patience!;
        var until = extension.LeaseMs == 0 ? (long?)null : patience.In(TimeSpan.FromMilliseconds(extension.LeaseMs));
        foreach (var tag in extension.DeliveryTags)
        {
            if (!_open.TryExtend(tag, patience, _consumer!.Lease, until))
            {
                throw CallErrors.Precondition($"unknown delivery tag {tag}");
            }
        }

        CountLate();
    }

    private int CountLate()
    {
        var late = _open.TakeLate();
        Links.Counts.Add(MessageEvent.LateSettle, late);
        return late;
    }

    protected void Ack(SettledDelivery delivery) => Settle(delivery, Settlement.Ack);

    private Settlement OutcomeOf(V1.Settlement settlement)
    {
        var outcome = settlement.Outcome switch
        {
            Outcome.Ack => Settlement.Ack,
            Outcome.Requeue => Settlement.Requeue,
            Outcome.Reject => Settlement.Reject,
            _ => throw CallErrors.Invalid($"delivery {settlement.DeliveryTag} is settled without a known outcome"),
        };
        return _consumer!.NoAck ? throw CallErrors.Precondition($"unknown delivery tag {settlement.DeliveryTag}") : outcome;
    }

    protected void Settle(V1.Settlement settlement)
    {
        var outcome = OutcomeOf(settlement);
        Settle(settlement.DeliveryTag, settlement.Multiple, delivery =>
        {
            Settle(delivery, outcome);
            OnSettled(delivery.FirstTag, delivery.Offsets.Count);
        });
    }

    /// <summary>Takes deliveries that a transaction settles; they are not open until <see cref="Restore"/>. Under the gate.</summary>
    /// <returns>False: the lease of one is over.</returns>
    /// <exception cref="AmqpChannelException">406, 502: no such delivery is open, or there is no outcome.</exception>
    protected bool Take(V1.Settlement settlement, List<(SettledDelivery Delivery, Settlement Outcome)> taken)
    {
        var outcome = OutcomeOf(settlement);
        if (!_open.TrySettle(settlement.DeliveryTag, settlement.Multiple, delivery => taken.Add((delivery, outcome))))
        {
            throw CallErrors.Precondition($"unknown delivery tag {settlement.DeliveryTag}");
        }

        return CountLate() == 0;
    }

    /// <summary>Nothing came of the transaction. Under the gate.</summary>
    protected void Restore(List<(SettledDelivery Delivery, Settlement Outcome)> taken) => _open.Restore(taken.Select(static one => one.Delivery), _patience!.Since(hasLease: true));

    /// <summary>The transaction has taken effect. Under the gate.</summary>
    protected void Settle(List<(SettledDelivery Delivery, Settlement Outcome)> taken)
    {
        foreach (var (delivery, outcome) in taken)
        {
            if (outcome != Settlement.Requeue)
            {
                // The queue knows; that it is told once more is for one that was lost before it could store it. What went back is another delivery by now.
                Settle(delivery, outcome);
            }

            OnSettled(delivery.FirstTag, delivery.Offsets.Count);
        }

        Settlements.Emit();
        Links.Flush();
    }

    private void Settle(SettledDelivery delivery, Settlement outcome)
    {
        Links.Counts.Add(MessageEvent.Ack, outcome == Settlement.Ack ? delivery.Offsets.Count : 0);
        Settlements.Add(delivery.Session, outcome, delivery.Offsets);
    }

    /// <summary>Deliveries are no longer open. Under the gate.</summary>
    protected virtual void OnSettled(ulong firstTag, int count)
    {
    }

    protected void SetCredit(uint credit) => _consumer!.SetCredit(ToPrefetch(credit));

    protected override TResponse? TakeResponse()
    {
        if (_overdue is { } error)
        {
            throw error;
        }

        if (_subscribedSaid && _expired.Count > 0)
        {
            var response = Respond(_expired);
            _expired.Clear();
            return response;
        }

        if (_consumer is not { } consumer || (!_subscribedSaid && !consumer.IsAttached && !consumer.HasLostQueue))
        {
            return null;
        }

        if (!_subscribedSaid)
        {
            _subscribedSaid = true;
            return Respond(new Subscribed { ConsumerTag = consumer.Tag });
        }

        // What needs no acknowledgement is the client's already.
        if (consumer.HasPending && (!_isForbidden || consumer.NoAck))
        {
            if (!Server.Lease.IsOver)
            {
                return TakeDeliveries(consumer);
            }

            _ = WakeWhenRenewedAsync();
            return null;
        }

        if (consumer.HasLostQueue && _cancelled == CancelReason.Unspecified && !_allRead)
        {
            (_cancelled, _cancelDetail) = (CancelReason.QueueDeleted, "the queue was deleted");
        }

        if (_cancelled != CancelReason.Unspecified && !_cancelledSaid)
        {
            _cancelledSaid = true;
            return Respond(new Cancelled { Reason = _cancelled, Detail = _cancelDetail });
        }

        return null;
    }

    protected override void OnWritten()
    {
        if (_takenMessages > 0)
        {
            _consumer!.Written(_takenMessages, _takenBytes);
            _takenMessages = _takenBytes = 0;
        }
    }

    protected override void OnEnded() => _consumer?.GiveBack(Settlements);

    protected override void OnRights(Rights now)
    {
        if (_consumer is { IsAttached: true } && !_isForbidden && now.CheckQueue(Right.Read, _queue) is { } refusal)
        {
            _isForbidden = true;
            _ = CancelAsync(CancelReason.AccessRefused, refusal.Explanation, CancellationToken.None);
        }
    }

    private async Task WakeWhenRenewedAsync()
    {
        if (!_waitsForLease)
        {
            _waitsForLease = true;
            await Server.Lease.WaitAsync(Server.Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            lock (Links.Gate)
            {
                _waitsForLease = false;
            }

            Wake();
        }
    }

    // Under the gate.
    private void LookForOverdue()
    {
        if (_patience!.Tick() && _open.FindOverdue(_patience) is { } timeout)
        {
            _overdue ??= CallErrors.Precondition(
                $"delivery acknowledgement timed out. Timeout value used: {timeout.TotalMilliseconds:F0} ms. "
                + "This timeout value can be configured, see consumers doc guide to learn more");
            Wake();
        }

        if (_patience.LooksForLeases() && _consumer is { } consumer)
        {
            _open.EndLeases(_patience, consumer.Lease, EndLease);
            Settlements.Emit();
        }
    }

    private void EndLease(SettledDelivery delivery)
    {
        Links.Counts.Add(MessageEvent.LeaseEnd, delivery.Offsets.Count);
        Settlements.Add(delivery.Session, Settlement.Requeue, delivery.Offsets, isLeaseOver: true);
        OnSettled(delivery.FirstTag, delivery.Offsets.Count);
        _expired.Add(new NumberRange { First = delivery.FirstTag, Last = delivery.FirstTag + (ulong)delivery.Offsets.Count - 1 });
        Wake();
    }

    private TResponse TakeDeliveries(StreamConsumer consumer)
    {
        var (response, deliveries) = RespondWithDeliveries();
        while (_takenBytes < ResponseBytes && consumer.TryTake(ResponseBytes - _takenBytes, out var slice))
        {
            var count = slice.Batch.Count;
            _decoder.Decode(slice, _lastTag + 1, deliveries);
            Trace?.Delivered(Number, _queue, slice.Batch.Records.Span, slice.Redelivered);
            Server.Spans?.Delivered(slice.Batch.Records.Span, _queue, slice.Redelivered, MessageSpans.Grpc, Links.Vhost);
            Links.Counts.Add(consumer.NoAck ? MessageEvent.DeliverNoAck : MessageEvent.Deliver, count);
            Links.Counts.Add(MessageEvent.Redeliver, slice.Redelivered ? count : 0);
            if (!consumer.NoAck)
            {
                OnDelivering(slice, _lastTag + 1);
                var hasLease = consumer.Lease is not null || consumer.Session.MessageLease is not null;
                _open.Add(_lastTag + 1, count, consumer.Session, slice.FirstOffset, consumer: null, _patience!.Since(hasLease));
            }

            _lastTag += (ulong)count;
            _takenMessages += count;
            _takenBytes += slice.Batch.Records.Length;
        }

        return response;
    }

    private async ValueTask SubscribeAsync(Subscribe subscribe, CancellationToken cancellationToken)
    {
        var queue = Names.Clean(ShortStrings.Check(subscribe.Queue, "queue"));
        if (ReplyAddress.IsReplyName(queue))
        {
            throw CallErrors.Precondition("the direct reply-to queue is for AMQP channels; use Rpc.Call");
        }

        _queue = queue;
        CallErrors.ThrowIf(await Rights.CheckAsync(may => may.CheckQueue(Right.Read, queue), cancellationToken).ConfigureAwait(false));
        var tag = ShortStrings.Check(subscribe.ConsumerTag, "consumer_tag") is { Length: > 0 } given ? given : Names.Generate("amq.ctag-");
        var arguments = EncodedTable.From(ArgumentsOf(subscribe));
        Task<BrokerError?> attached;
        lock (Links.Gate)
        {
            _patience = new AckPatience(Server.ConsumerTimeout, Links);
            Links.Ticked = LookForOverdue;
            (_subscribed, _arguments) = (subscribe, arguments);
            _consumer = new StreamConsumer(tag, subscribe.NoAck, Wake);
            attached = _consumer.AttachAsync(Links.Open(queue), subscribe.Exclusive, ToPrefetch(subscribe.Credit), arguments);
            Links.Flush();
        }

        try
        {
            CallErrors.ThrowIf(await RunningTime.WaitAsync(attached, Server.Patience, Server.Clock, cancellationToken).ConfigureAwait(false));
        }
        catch (TimeoutException)
        {
            throw CallErrors.From(BrokerError.QueueOutOfReach(Caller.Vhost, queue));
        }

        lock (Links.Gate)
        {
            // They may have changed while the queue was asked.
            if (Rights.Current is { } now)
            {
                OnRights(now);
            }
        }
    }

    private static Wire.FieldTable ArgumentsOf(Subscribe subscribe)
    {
        var arguments = FieldTableEncoding.Encode(subscribe.Arguments);
        return subscribe.LeaseMs == 0 ? arguments
            : subscribe.LeaseMs > MessageLease.Longest ? throw CallErrors.Invalid($"lease_ms is {subscribe.LeaseMs}, more than {MessageLease.Longest}")
            : arguments.ContainsKey(MessageLease.Argument) ? throw CallErrors.Invalid($"lease_ms beside the argument {MessageLease.Argument}")
            : arguments.With(MessageLease.Argument, (long)subscribe.LeaseMs);
    }

    // What an acknowledging consumer was pushed but had not been written goes back; what one without acknowledgements was pushed is written first.
    private async ValueTask CancelAsync(CancelReason reason, string detail, CancellationToken cancellationToken)
    {
        var consumer = _consumer!;
        Task detached;
        lock (Links.Gate)
        {
            detached = consumer.DetachAsync();
            Links.Flush();
        }

        await detached.WaitAsync(cancellationToken).ConfigureAwait(false);
        lock (Links.Gate)
        {
            if (!consumer.NoAck)
            {
                consumer.GiveBack(Settlements);
                Links.Flush();
            }

            if (_cancelled == CancelReason.Unspecified)
            {
                (_cancelled, _cancelDetail) = (reason, detail);
            }
        }

        Wake();
    }

    private static int ToPrefetch(uint credit) => (int)Math.Min(credit, int.MaxValue);
}
