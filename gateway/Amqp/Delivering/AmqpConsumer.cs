using Granary.Core;
using Granary.Core.Links;
using Granary.Gateway.Links;

namespace Granary.Gateway.Amqp.Delivering;

/// <summary>One basic.consume. What happens to it is written to the client in the very turn in which the queue says so, so that order holds.</summary>
internal sealed class AmqpConsumer(AmqpChannel channel, string tag, string queue, bool noAck, bool exclusive, int prefetch, bool noWait, EncodedTable arguments)
    : LinkConsumer(tag, noAck)
{
    private TaskCompletionSource<BrokerError?>? _attached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _detached;
    private bool _announced;
    private bool _attaching;
    private bool _reattaching;

    // Whether the queue took the consumer, or is about to take it, as one of several under a limit.
    private bool _isSharedThere;

    public AmqpChannel Channel => channel;

    public DeliveryHead Head { get; } = new(channel.Number, tag);

    /// <summary>Places of the channel's shared limit lent to this consumer's queue and not used yet.</summary>
    public int Lent { get; set; }

    private bool IsShared => !NoAck && channel.Shared is not null;

    /// <summary>Completes with the queue's refusal, or null. Consume-ok has been written then.</summary>
    public Task<BrokerError?> AttachAsync(QueueLink link)
    {
        Attach(link);
        return _attached!.Task;
    }

    /// <summary>Completes when the queue has confirmed that nothing more comes.</summary>
    public Task DetachAsync()
    {
        if (_detached is null)
        {
            _detached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (IsAttached && !_reattaching)
            {
                Link.Detach(this);
            }
            else if (!IsAttached && !_attaching)
            {
                _detached.TrySetResult();
            }
        }

        return _detached.Task;
    }

    /// <summary>The channel's shared limit has come or gone: the queue learns of it by a new attachment, which the client does not see.</summary>
    public void Reattach()
    {
        if (IsAttached && !NoAck && !_reattaching)
        {
            _reattaching = true;
            Link.Detach(this);
        }
    }

    public override void OnDelivery(DeliverySlice[] slices)
    {
        foreach (var slice in slices)
        {
            channel.Shared?.Delivered(this, NoAck ? 0 : slice.Batch.Count);
            if (!channel.IsReleased)
            {
                channel.Connection.Deliveries.Add(this, slice);
            }
            else if (!NoAck)
            {
                // It was on its way when the channel closed: nothing may be written behind close-ok, and nobody would ever settle it.
                channel.GiveBack(this, new OffsetRange(slice.FirstOffset, slice.Batch.Count));
            }
        }

        if (channel.IsReleased)
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
            Link.Detach(this);
        }
        else if (_isSharedThere != IsShared)
        {
            Reattach();
        }
    }

    protected override void OnDetached()
    {
        channel.Shared?.Gone(this);
        if (_reattaching && _detached is null)
        {
            _reattaching = false;
            Attach(Link);
            return;
        }

        _detached?.TrySetResult();
    }

    protected override void OnEnded()
    {
        channel.Shared?.Gone(this);
        channel.ConsumerLost(this);
        _detached?.TrySetResult();
    }

    public override void OnReady() => channel.Shared?.Ready(this);

    public override void OnUnused(int count) => channel.Shared?.Unused(this, count);

    private void Attach(QueueLink link)
    {
        (_attaching, _isSharedThere) = (true, IsShared);
        link.Attach(this, exclusive, prefetch, _isSharedThere, arguments);
    }

    public override string ToString() => $"consumer {Tag} of queue {queue}";
}
