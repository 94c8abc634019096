namespace Granary.Silo.Queues.Figures;

/// <summary>The figures of one queue. Its turns write them, once for each batch; any thread may read them.</summary>
internal sealed class QueueFigures
{
    private static readonly int Counts = Enum.GetValues<QueueCount>().Length;

    private readonly long[] _counts = new long[Counts];
    private long _ready;
    private long _unacked;
    private int _consumers;

    public long this[QueueCount count] => Volatile.Read(ref _counts[(int)count]);

    public long Ready
    {
        get => Volatile.Read(ref _ready);
        set => Volatile.Write(ref _ready, value);
    }

    /// <summary>Delivered or got, and not settled.</summary>
    public long Unacked => Volatile.Read(ref _unacked);

    public int Consumers
    {
        get => Volatile.Read(ref _consumers);
        set => Volatile.Write(ref _consumers, value);
    }

    public void Add(QueueCount count, long messages) => _counts[(int)count] += messages;

    /// <summary>Messages were given out.</summary>
    public void Give(QueueCount how, long messages, bool isRedelivered)
    {
        _counts[(int)how] += messages;
        if (isRedelivered)
        {
            _counts[(int)QueueCount.Redeliver] += messages;
        }

        if (how is QueueCount.Deliver or QueueCount.Get)
        {
            _unacked += messages;
        }
    }

    /// <summary>Messages that were given out came back or are done with.</summary>
    public void Settle(QueueCount how, long messages)
    {
        _counts[(int)how] += messages;
        _unacked -= messages;
    }

    /// <summary>Messages that were given out and never reached anybody are back in their place.</summary>
    public void TakeBack(long messages) => _unacked -= messages;
}
