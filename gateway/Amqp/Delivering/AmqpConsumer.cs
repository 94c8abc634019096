using Granary.Core;
using Granary.Core.Links;

namespace Granary.Gateway.Amqp.Delivering;

/// <summary>One basic.consume. What happens to it is written to the client in the very turn in which the queue says so, so that order holds.</summary>
internal sealed class AmqpConsumer(AmqpChannel channel, string tag, string queue, bool noAck, bool exclusive, int prefetch, bool noWait, EncodedTable arguments)
    : LinkConsumer(tag, noAck)
{
    private TaskCompletionSource<BrokerError?>? _attached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _detached;
    private bool _announced;
    private bool _attaching;

    public AmqpChannel Channel => channel;

    public string Queue => queue;

    public bool IsExclusive => exclusive;

    public int Prefetch => prefetch;

    public EncodedTable Arguments => arguments;

    /// <summary>The client may not read the queue any more: what still comes from there is not written.</summary>
    public bool IsForbidden { get; set; }

    /// <summary>Of replies, which come from no queue and without a window: what has come so far, in octets.</summary>
    public long RepliedBytes { get; set; }

    public DeliveryHead Head { get; } = new(channel.Number, tag);

    /// <summary>Places of the channel's shared limit lent to this consumer's queue and not used yet.</summary>
    public int Lent { get; set; }

    /// <summary>Completes with the queue's refusal, or null. Consume-ok has been written then.</summary>
    public Task<BrokerError?> AttachAsync(QueueSession session)
    {
        Attach(session);
        return _attached!.Task;
    }

    /// <summary>Completes when the queue has confirmed that nothing more comes.</summary>
    public Task DetachAsync()
    {
        if (_detached is null)
        {
            _detached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (IsAttached)
            {
                Session.Detach(this);
            }
            else if (!_attaching)
            {
                _detached.TrySetResult();
            }
        }

        return _detached.Task;
    }

    /// <summary>The channel's shared limit has come or gone.</summary>
    public void Share()
    {
        Lent = 0;
        SetShared(channel.Shared is not null);
    }

    public override void OnDelivery(DeliverySlice[] slices)
    {
        foreach (var slice in slices)
        {
            channel.Shared?.Delivered(this, NoAck ? 0 : slice.Batch.Count);
            if (!channel.IsReleased && !IsForbidden)
            {
                channel.Connection.Deliveries.Add(this, slice);
            }
            else if (!NoAck)
            {
                // It was on its way when the channel closed: nothing may be written behind close-ok, or cancel, and nobody would ever settle it.
                channel.GiveBack(this, new OffsetRange(slice.FirstOffset, slice.Batch.Count));
            }
        }

        if (channel.IsReleased || IsForbidden)
        {
            channel.Connection.Settlements.Emit();
        }
    }

    protected override void OnAttached(BrokerError? error)
    {
        _attaching = false;
        if (!_announced)
        {
            _announced = true;
            if (error is null)
            {
                channel.ConsumerStarted(this, noWait);
            }

            _attached!.TrySetResult(error);
            _attached = null;
        }
        else if (error is not null)
        {
            channel.ConsumerLost(this);
        }

        if (error is not null)
        {
            _detached?.TrySetResult();
        }
        else if (_detached is not null)
        {
            Session.Detach(this);
        }
    }

    protected override void OnDetached()
    {
        channel.Shared?.Gone(this);
        _detached?.TrySetResult();
    }

    protected override void OnEnded()
    {
        channel.Shared?.Gone(this);
        channel.ConsumerLost(this);
        _detached?.TrySetResult();
    }

    protected override void OnActivationLost() => channel.Shared?.Gone(this);

    public override void OnReady() => channel.Shared?.Ready(this);

    public override void OnUnused(int count) => channel.Shared?.Unused(this, count);

    private void Attach(QueueSession session)
    {
        _attaching = true;
        session.Attach(this, exclusive, prefetch, channel.Shared is not null, arguments);
    }

    public override string ToString() => $"consumer {Tag} of queue {queue}";
}
