using System.IO.Pipelines;
using Granary.Amqp;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Gateway.Amqp.DirectReply;
using Granary.Gateway.Tracing;

namespace Granary.Gateway.Amqp.Delivering;

/// <summary>What queues have pushed to one connection, in order, and how it gets into the socket: a part at a time, as the socket takes it.</summary>
internal sealed class DeliveryWriter(PipeWriter pipe, int frameMax)
{
    // A message beyond this is written piece by piece instead of into one span of the pipe.
    private const int LargeMessage = 16 * 1024;

    private readonly int _maxPayload = frameMax - Frame.Overhead;
    private Pending[] _pending = new Pending[4];
    private int _head;
    private int _count;

    public bool HasPending => _count > 0;

    public void Add(AmqpConsumer consumer, in DeliverySlice slice)
    {
        if (_count == _pending.Length)
        {
            Grow();
        }

        _pending[(_head + _count++) & (_pending.Length - 1)] = new Pending { Consumer = consumer, Slice = slice };
    }

    /// <summary>How many deliveries that will have to be acknowledged are waiting for the socket.</summary>
    public int CountOf(AmqpChannel channel)
    {
        var count = 0;
        for (var i = 0; i < _count; i++)
        {
            ref var pending = ref _pending[(_head + i) & (_pending.Length - 1)];
            count += ReferenceEquals(pending.Consumer.Channel, channel) && !pending.Consumer.NoAck ? pending.Slice.Batch.Count : 0;
        }

        return count;
    }

    /// <summary>Encodes up to about <paramref name="budget"/> bytes.</summary>
    public void WriteSome(int budget)
    {
        while (budget > 0 && _count > 0)
        {
            ref var front = ref _pending[_head];
            budget -= Write(ref front, budget);
            if (front.Slice.Batch.Count == 0)
            {
                front = default;
                _head = (_head + 1) & (_pending.Length - 1);
                _count--;
            }
        }
    }

    /// <summary>Encodes all that is left for a consumer, whatever the socket's state: it is bounded by the consumer's window.</summary>
    public void WriteAll(AmqpConsumer consumer)
    {
        foreach (var taken in TakeAll(consumer))
        {
            var pending = taken;
            Write(ref pending, int.MaxValue);
        }
    }

    /// <summary>Forgets what is left for a consumer and gives it back to its queue.</summary>
    public void GiveBack(AmqpConsumer consumer)
    {
        foreach (var pending in TakeAll(consumer))
        {
            if (!consumer.NoAck)
            {
                consumer.Channel.GiveBack(consumer, new OffsetRange(pending.Slice.FirstOffset, pending.Slice.Batch.Count));
            }
        }
    }

    /// <summary>Writes one message outside the stream of deliveries: the content of basic.get-ok and basic.return.</summary>
    /// <param name="owner">To be let go of when it is sent.</param>
    public void WriteContent(ushort channel, ReadOnlyMemory<byte> message, LargeRecord? owner) =>
        ContentWriter.WriteLarge(pipe, channel, _maxPayload, [], message, owner);

    // Everything about a message is done here and once: two copies of names and properties, one of the body, a tag.
    private int Write(ref Pending pending, int budget)
    {
        var consumer = pending.Consumer;
        var channel = consumer.Channel;
        var redelivered = pending.Slice.Redelivered;
        var batch = pending.Slice.Batch;
        var records = batch.Records.Span;
        var firstTag = channel.NextDeliveryTag;
        var tag = firstTag;
        var span = Span<byte>.Empty;
        int at = 0, used = 0, written = 0;
        while (at < records.Length && written < budget)
        {
            var message = new MessageRecord(records[at..]);
            var head = consumer.Head.For(tag, redelivered, message);
            var size = ContentWriter.SizeOf(head.Length, message, _maxPayload);
            if (size > span.Length - used)
            {
                pipe.Advance(used);
                used = 0;
                span = size <= LargeMessage ? pipe.GetSpan(size) : [];
            }

            // A large one is written into the span as well where there is room for it behind the others: only then do those stay what they are.
            if (size <= span.Length - used)
            {
                used += ContentWriter.Write(span[used..], channel.Number, _maxPayload, head, message);
            }
            else
            {
                ContentWriter.WriteLarge(pipe, channel.Number, _maxPayload, head, batch.Records[at..], LargeRecord.Of(batch.Records));
            }

            at += message.Length;
            written += size;
            tag++;
        }

        pipe.Advance(used);
        var count = (int)(tag - firstTag);
        if (channel.Connection.Trace is { } trace && consumer.Queue != ReplyAddress.PseudoQueueName)
        {
            trace.Delivered(channel.Number, consumer.Queue, records[..at], redelivered);
        }

        if (channel.Connection.Spans is { } spans && consumer.Queue != ReplyAddress.PseudoQueueName)
        {
            spans.Delivered(records[..at], consumer.Queue, redelivered, MessageSpans.Amqp, channel.Connection.Terms.Vhost);
        }

        channel.Delivered(consumer, count, pending.Slice.FirstOffset, redelivered);
        pending.Slice = new DeliverySlice(batch with { Records = batch.Records[at..], Count = batch.Count - count }, pending.Slice.FirstOffset + count, redelivered);
        consumer.Written(count, at);
        return written;
    }

    // Removes what is pending for one consumer; the others keep their order.
    private List<Pending> TakeAll(AmqpConsumer consumer)
    {
        var taken = new List<Pending>();
        var kept = 0;
        for (var i = 0; i < _count; i++)
        {
            ref var pending = ref _pending[(_head + i) & (_pending.Length - 1)];
            if (ReferenceEquals(pending.Consumer, consumer))
            {
                taken.Add(pending);
            }
            else
            {
                _pending[(_head + kept++) & (_pending.Length - 1)] = pending;
            }
        }

        for (var i = kept; i < _count; i++)
        {
            _pending[(_head + i) & (_pending.Length - 1)] = default;
        }

        _count = kept;
        return taken;
    }

    private void Grow()
    {
        var grown = new Pending[_pending.Length * 2];
        for (var i = 0; i < _count; i++)
        {
            grown[i] = _pending[(_head + i) & (_pending.Length - 1)];
        }

        (_pending, _head) = (grown, 0);
    }

    private struct Pending
    {
        public AmqpConsumer Consumer;
        public DeliverySlice Slice;
    }
}
