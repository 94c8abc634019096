using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues.Figures;

/// <summary>The figures of one queue. Its turns write them, once for each batch; any thread may read them.</summary>
/// <param name="arrivals">Has how long its messages waited; null: nobody knows.</param>
internal sealed class QueueFigures(QueueDefinition definition, ArrivalTimes? arrivals = null)
{
    private static readonly int Counts = Enum.GetValues<QueueCount>().Length;

    private readonly long[] _counts = new long[Counts];
    private long _ready;
    private long _readyBytes;
    private long _memoryBytes;
    private long _unacked;
    private long _waiting;
    private long _nextWaiting;
    private long _lastWaiting;
    private long _oldestReady;
    private long _oldestUnacked;
    private int _consumers;
    private CountHistory? _history;

    public string Key => GrainKeys.For(definition.Vhost, definition.Name);

    public bool IsOf(string vhost, string name) => definition.Name == name && definition.Vhost == vhost;

    public long this[QueueCount count] => Volatile.Read(ref _counts[(int)count]);

    public long Ready
    {
        get => Volatile.Read(ref _ready);
        set => Volatile.Write(ref _ready, value);
    }

    /// <summary>Octets of the records of ready messages, and those of them that are in memory.</summary>
    public (long All, long InMemory) ReadyBytes
    {
        get => (Volatile.Read(ref _readyBytes), Volatile.Read(ref _memoryBytes));
        set
        {
            Volatile.Write(ref _readyBytes, value.All);
            Volatile.Write(ref _memoryBytes, value.InMemory);
        }
    }

    /// <summary>Messages that came back and cannot be taken yet, and when the first and the last of them can, in Unix milliseconds.</summary>
    public (long Count, long Next, long Last) Waiting
    {
        get => (Volatile.Read(ref _waiting), Volatile.Read(ref _nextWaiting), Volatile.Read(ref _lastWaiting));
        set
        {
            Volatile.Write(ref _waiting, value.Count);
            Volatile.Write(ref _nextWaiting, value.Next);
            Volatile.Write(ref _lastWaiting, value.Last);
        }
    }

    /// <summary>When the oldest message that is ready came, in Unix milliseconds; 0: there is none.</summary>
    public long OldestReady
    {
        get => Volatile.Read(ref _oldestReady);
        set => Volatile.Write(ref _oldestReady, value);
    }

    /// <summary>When the oldest message came that was given out and is not settled, in Unix milliseconds; 0: there is none, or none that was given out a second ago.</summary>
    public long OldestUnacked
    {
        get => Volatile.Read(ref _oldestUnacked);
        set => Volatile.Write(ref _oldestUnacked, value);
    }

    /// <summary>How long its messages waited, in seconds; null: none was given out.</summary>
    public Distribution? Waits => arrivals?.Waits;

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

    /// <summary>Messages that were given out came back or are done with. That they never reached anybody is not counted.</summary>
    public void Settle(Settlement how, long messages)
    {
        _unacked -= messages;
        if (how != Settlement.Undelivered)
        {
            _counts[(int)CountOf(how)] += messages;
        }
    }

    /// <summary>Messages that an earlier activation gave out are still held.</summary>
    public void Hold(long messages) => _unacked += messages;

    private static QueueCount CountOf(Settlement how) => how switch
    {
        Settlement.Ack => QueueCount.Ack,
        Settlement.Requeue or Settlement.Failed => QueueCount.Requeue,
        Settlement.Reject => QueueCount.Reject,
        _ => throw new ArgumentOutOfRangeException(nameof(how), how, "Of this none are counted."),
    };

    /// <inheritdoc cref="CountHistory.Look"/>
    public void Look(SampleTimes times)
    {
        Span<long> numbers = stackalloc long[Counts + 2];
        Read(numbers);
        (_history ??= new CountHistory(times.Now)).Look(numbers, times);
    }

    /// <summary>What the figures were; null: they were not looked at yet.</summary>
    public HistoryFigure? Tell(HistoryRange range, long now, SampleTimes times)
    {
        Span<long> numbers = stackalloc long[Counts + 2];
        Read(numbers);
        return _history?.Read(Key, range, numbers, now, times);
    }

    /// <param name="now">Unix milliseconds.</param>
    public QueueFigure ToFigure(SampleTimes times, long now)
    {
        var (ready, unacked) = (OldestReady, OldestUnacked);
        var bytes = ReadyBytes;
        var history = Volatile.Read(ref _history);
        var waiting = Waiting;
        return new QueueFigure(Key, definition.ToDeclaration())
        {
            IsActive = true,
            Ready = Ready,
            Unacked = Unacked,
            Waiting = waiting.Count,
            NextWaiting = waiting.Count > 0 ? waiting.Next : 0,
            LastWaiting = waiting.Count > 0 ? waiting.Last : 0,
            OldestReadyAge = ready > 0 ? Math.Max(now - ready, 0) : null,
            OldestUnackedAge = unacked > 0 ? Math.Max(now - unacked, 0) : null,
            Consumers = Consumers,
            ReadyBytes = bytes.All,
            MemoryBytes = bytes.InMemory,
            Counts = _counts.AsSpan().ContainsAnyExcept(0) ? [.. _counts] : [],
            Rates = history?.Rates(times) ?? [],
            IdleSince = history?.IdleSince ?? 0,
        };
    }

    private void Read(Span<long> numbers)
    {
        for (var i = 0; i < Counts; i++)
        {
            numbers[i] = this[(QueueCount)i];
        }

        (numbers[Counts], numbers[Counts + 1]) = (Ready, Unacked);
    }
}
