using Granary.Core;
using Granary.Core.Links;
using Granary.Gateway.Amqp.Delivering;

namespace Granary.Gateway.Grpc.Consuming;

/// <summary>The consumer of one stream, and what its queue has pushed that is not written yet. Used under the gate.</summary>
internal sealed class StreamConsumer(string tag, bool noAck, Action wake) : LinkConsumer(tag, noAck)
{
    private readonly Queue<DeliverySlice> _pending = new();
    private readonly TaskCompletionSource<BrokerError?> _attached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _detached = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool HasPending => _pending.Count > 0;

    /// <summary>The queue was deleted.</summary>
    public bool HasLostQueue { get; private set; }

    /// <summary>Completes with the queue's refusal, or null.</summary>
    public Task<BrokerError?> AttachAsync(QueueSession session, bool exclusive, int prefetch, EncodedTable arguments)
    {
        session.Attach(this, exclusive, prefetch, shared: false, arguments);
        return _attached.Task;
    }

    /// <summary>Completes when nothing more comes.</summary>
    public Task DetachAsync()
    {
        if (IsAttached)
        {
            Session.Detach(this);
        }
        else
        {
            _detached.TrySetResult();
        }

        return _detached.Task;
    }

    public void SetCredit(int prefetch)
    {
        if (IsAttached && !NoAck)
        {
            SetPrefetch(prefetch);
        }
    }

    /// <summary>The next messages, up to about so many bytes, of one run of offsets.</summary>
    public bool TryTake(int bytes, out DeliverySlice slice)
    {
        if (!_pending.TryPeek(out slice))
        {
            return false;
        }

        var count = CountWithin(slice, bytes);
        if (count == slice.Batch.Count)
        {
            _pending.Dequeue();
            return true;
        }

        // The rest goes back to the front; a queue cannot do that, so it is turned once around.
        var (head, tail) = slice.Batch.Split(count);
        ReplaceFront(new DeliverySlice(tail, slice.FirstOffset + count, slice.Redelivered));
        slice = slice with { Batch = head };
        return true;
    }

    /// <summary>Gives what was never written back to the queue. Messages that need no acknowledgement are settled already, and are lost.</summary>
    public void GiveBack(SettlementBuffer settlements)
    {
        while (_pending.TryDequeue(out var slice))
        {
            if (!NoAck)
            {
                settlements.Add(Session, Settlement.Undelivered, new OffsetRange(slice.FirstOffset, slice.Batch.Count));
            }
        }

        settlements.Emit();
    }

    public override void OnDelivery(DeliverySlice[] slices)
    {
        foreach (var slice in slices)
        {
            _pending.Enqueue(slice);
        }

        wake();
    }

    protected override void OnAttached(BrokerError? error)
    {
        _attached.TrySetResult(error);
        wake();
    }

    protected override void OnDetached() => _detached.TrySetResult();

    protected override void OnEnded()
    {
        HasLostQueue = true;
        if (!NoAck)
        {
            _pending.Clear();
        }

        _detached.TrySetResult();
        wake();
    }

    public override string ToString() => $"consumer {Tag}";

    private static int CountWithin(in DeliverySlice slice, int bytes)
    {
        if (slice.Batch.Records.Length <= bytes)
        {
            return slice.Batch.Count;
        }

        var records = slice.Batch.Records.Span;
        int count = 0, at = 0;
        while (at < bytes && count < slice.Batch.Count)
        {
            at += Core.Messages.MessageRecord.LengthOf(records[at..]);
            count++;
        }

        return count;
    }

    private void ReplaceFront(in DeliverySlice rest)
    {
        _pending.Dequeue();
        var others = _pending.Count;
        _pending.Enqueue(rest);
        for (; others > 0; others--)
        {
            _pending.Enqueue(_pending.Dequeue());
        }
    }
}
