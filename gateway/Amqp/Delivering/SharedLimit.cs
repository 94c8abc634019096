namespace Granary.Gateway.Amqp.Delivering;

/// <summary>
/// basic.qos with global: one limit over all consumers of a channel. The channel lends its free places to queues that say they have messages,
/// in turn, and takes back what they do not use. Deliveries that need no acknowledgement take no place, but wait until one is free, as in RabbitMQ.
/// </summary>
internal sealed class SharedLimit(int limit)
{
    // Lent to a consumer without acknowledgements: its window is what bounds it. Loans end with a turn of the queue, so it asks again soon enough.
    private const int AsMuchAsThereIs = int.MaxValue;

    private readonly Queue<AmqpConsumer> _ready = new();

    // Places taken: unacknowledged deliveries, and those lent and not used yet.
    private int _unacked;
    private int _lent;

    public int Limit { get; set; } = limit;

    public void Ready(AmqpConsumer consumer)
    {
        _ready.Enqueue(consumer);
        Lend();
        if (_ready.Count > 0)
        {
            // Its queue need not keep messages for it.
            consumer.Lend(0);
        }
    }

    /// <summary>Messages have come from a queue: so many lent places are taken.</summary>
    public void Delivered(AmqpConsumer consumer, int count)
    {
        TakeBack(consumer, count);
        _unacked += count;
        Lend();
    }

    public void Unused(AmqpConsumer consumer, int count)
    {
        TakeBack(consumer, count);
        Lend();
    }

    /// <summary>The consumer is gone and with it what it had been lent.</summary>
    public void Gone(AmqpConsumer consumer)
    {
        TakeBack(consumer, consumer.Lent);
        Lend();
    }

    /// <summary>Deliveries that count, on their way or unacknowledged when the limit was set.</summary>
    public void Take(int count) => _unacked += count;

    public void Settled(int count)
    {
        _unacked -= count;
        Lend();
    }

    public void Lend()
    {
        while (_ready.Count > 0)
        {
            var free = Limit - _unacked - _lent;
            if (free <= 0)
            {
                return;
            }

            var share = (free + _ready.Count - 1) / _ready.Count;
            var consumer = _ready.Dequeue();
            if (!consumer.IsAttached)
            {
                continue;
            }

            if (consumer.NoAck)
            {
                consumer.Lend(AsMuchAsThereIs);
                continue;
            }

            _lent += share;
            consumer.Lent += share;
            consumer.Lend(share);
        }
    }

    // What a queue sent or gave back under an earlier limit had not been lent under this one.
    private void TakeBack(AmqpConsumer consumer, int count)
    {
        count = Math.Min(count, consumer.Lent);
        consumer.Lent -= count;
        _lent -= count;
    }
}
