using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Queues.Figures;

/// <summary>What the queues of this silo have done since it started, those that are gone included, and what they hold now: the meter <c>Granary.Silo</c>.</summary>
internal sealed class SiloFigures : ISampled, IHistorySource, IMetricSource
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Granary.Silo";

    /// <summary>For so long a deleted queue is told of as such, in milliseconds: longer than what was read of the store is believed.</summary>
    private const long ToldAsEnded = 20_000;

    private readonly ConcurrentDictionary<QueueFigures, byte> _queues = new();
    private readonly ConcurrentDictionary<string, long> _endedNames = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly SampleTimes _times;
    private readonly long[] _ended = new long[Enum.GetValues<QueueCount>().Length];
    private readonly Distribution _endedWaits = new(ArrivalTimes.Bounds);
    private readonly TimeProvider _clock;
    private long _failedTurns;
    private long _declared;
    private long _deleted;
    private long _restored;
    private long _fenced;

    public SiloFigures(IMeterFactory meters, SampleTimes times, TimeProvider clock)
    {
        (_times, _clock) = (times, clock);
        var meter = meters.Create(MeterName);
        Count(meter, "published", QueueCount.Publish, "Messages that queues accepted.");
        Count(meter, "refused", QueueCount.Refuse, "Messages that queues refused because they were full.");
        Count(meter, "delivered", QueueCount.Deliver, "Messages given to consumers that acknowledge.");
        Count(meter, "delivered_no_ack", QueueCount.DeliverNoAck, "Messages given to consumers that do not acknowledge.");
        Count(meter, "got", QueueCount.Get, "Messages given to basic.get, to be acknowledged.");
        Count(meter, "got_no_ack", QueueCount.GetNoAck, "Messages given to basic.get without acknowledgement.");
        Count(meter, "get_empty", QueueCount.GetEmpty, "Times that basic.get found nothing.", "{request}");
        Count(meter, "redelivered", QueueCount.Redeliver, "Messages given out that may have been seen before.");
        Count(meter, "acknowledged", QueueCount.Ack, "Messages that clients acknowledged.");
        Count(meter, "requeued", QueueCount.Requeue, "Messages that clients returned to their queues.");
        Count(meter, "rejected", QueueCount.Reject, "Messages that clients rejected for good.");
        Count(meter, "expired", QueueCount.Expire, "Messages whose time to live was up.");
        Count(meter, "dropped", QueueCount.Drop, "Messages dropped because their queue was full.");
        Count(meter, "duplicates", QueueCount.Duplicate, "Messages dropped because their queue took one like them before.");
        Count(meter, "lease_ended", QueueCount.LeaseEnd, "Messages that went back to their queues because their lease was over; they count as requeued, too.");
        Count(meter, "exhausted", QueueCount.Exhaust, "Messages that came back more often than their quorum queues allow.");
        Count(meter, "dead_lettered", QueueCount.DeadLetter, "Messages handed on as dead letters.");
        meter.CreateObservableUpDownCounter("granary.queues", () => Queues, "{queue}", "Queues that are active in this silo.");
        meter.CreateObservableUpDownCounter("granary.queue.consumers", () => Sum(static queue => queue.Consumers), "{consumer}", "Consumers of active queues.");
        meter.CreateObservableUpDownCounter("granary.queue.messages.ready", () => Sum(static queue => queue.Ready), "{message}", "Messages ready to be delivered.");
        meter.CreateObservableUpDownCounter(
            "granary.queue.messages.unacknowledged", () => Sum(static queue => queue.Unacked), "{message}", "Messages that were given out and are not settled.");
        meter.CreateObservableCounter(
            "granary.queue.turns.failed", () => Volatile.Read(ref _failedTurns), "{turn}", "Turns of queues that failed and ended their activation.");
    }

    /// <summary>Queues that are active in this silo.</summary>
    public int Queues => _queues.Count;

    /// <summary>Messages that wait in them, and those that were given out and are not settled.</summary>
    public (long Ready, long Unacked) Messages => (Sum(static queue => queue.Ready), Sum(static queue => queue.Unacked));

    /// <summary>Queues that were declared here, and those of any that were deleted.</summary>
    public (long Declared, long Deleted) Turnover => (Volatile.Read(ref _declared), Volatile.Read(ref _deleted));

    /// <summary>All counts, by <see cref="QueueCount"/>.</summary>
    public long[] Totals()
    {
        lock (_gate)
        {
            long[] totals = [.. _ended];
            foreach (var (queue, _) in _queues)
            {
                for (var i = 0; i < totals.Length; i++)
                {
                    totals[i] += queue[(QueueCount)i];
                }
            }

            return totals;
        }
    }

    /// <summary>How long messages waited for their first delivery, by their queues here, those that are gone included.</summary>
    public Distribution Waits()
    {
        lock (_gate)
        {
            var all = new Distribution(ArrivalTimes.Bounds);
            all.Add(_endedWaits);
            foreach (var (queue, _) in _queues)
            {
                if (queue.Waits is { } waits)
                {
                    all.Add(waits);
                }
            }

            return all;
        }
    }

    /// <inheritdoc/>
    public IEnumerable<ProcessMetric> Metrics =>
    [
        ProcessMetric.Histogram("queue_wait_seconds", "How long messages were in their queue when they were given out for the first time", Waits()),
        new("queues_restored_total", IsCounter: true, "Queues that were put in place here as an earlier activation left them: after a start, a move or the loss of a silo", Volatile.Read(ref _restored)),
        new("queues_lost_total", IsCounter: true, "Queues that another process took from this one, which thought to have them", Volatile.Read(ref _fenced)),
        new("queue_turns_failed_total", IsCounter: true, "Turns of queues that failed and ended their activation", Volatile.Read(ref _failedTurns)),
    ];

    /// <summary>What the queues are like that are active here.</summary>
    public QueueFigure[] All()
    {
        var now = Now;
        return [.. _queues.Select(queue => queue.Key.ToFigure(_times, now))];
    }

    private long Now => _clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>The one of that name, if it is active here.</summary>
    public QueueFigure? Find(string key)
    {
        var (vhost, name) = GrainKeys.Parse(key);
        foreach (var (queue, _) in _queues)
        {
            if (queue.IsOf(vhost, name))
            {
                return queue.ToFigure(_times, Now);
            }
        }

        return null;
    }

    /// <summary>Keys of those that were deleted here a moment ago.</summary>
    public string[] EndedNames() => [.. _endedNames.Keys];

    /// <summary>Counts a queue in, from its declaration or recovery on.</summary>
    /// <param name="isNew">It was declared.</param>
    public void Add(QueueFigures queue, bool isNew = false)
    {
        _queues[queue] = 0;
        _endedNames.TryRemove(queue.Key, out _);
        Interlocked.Increment(ref isNew ? ref _declared : ref _restored);
    }

    /// <summary>The queue was deleted.</summary>
    public void End(QueueFigures queue)
    {
        _endedNames[queue.Key] = Environment.TickCount64;
        Interlocked.Increment(ref _deleted);
        Remove(queue);
    }

    /// <summary>The queue, or its activation, has ended. What it did stays counted. Asking again changes nothing.</summary>
    public void Remove(QueueFigures queue)
    {
        lock (_gate)
        {
            if (_queues.TryRemove(queue, out _))
            {
                for (var i = 0; i < _ended.Length; i++)
                {
                    _ended[i] += queue[(QueueCount)i];
                }

                if (queue.Waits is { } waits)
                {
                    _endedWaits.Add(waits);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Look(SampleTimes times)
    {
        foreach (var (queue, _) in _queues)
        {
            queue.Look(times);
        }

        foreach (var (name, at) in _endedNames)
        {
            if (Environment.TickCount64 - at > ToldAsEnded)
            {
                _endedNames.TryRemove(KeyValuePair.Create(name, at));
            }
        }
    }

    public void Tell(HistoryQuery query, long now, List<HistoryFigure> told)
    {
        if (query.Subject != HistorySubject.Queue)
        {
            return;
        }

        var keys = query.Keys?.ToHashSet(StringComparer.Ordinal);
        foreach (var (queue, _) in _queues)
        {
            if ((keys is null || keys.Contains(queue.Key)) && queue.Tell(query.Range, now, _times) is { } history)
            {
                told.Add(history);
            }
        }
    }

    /// <summary>Another process has taken a queue that was here.</summary>
    public void NoteFenced() => Interlocked.Increment(ref _fenced);

    public void TurnFailed() => Interlocked.Increment(ref _failedTurns);

    private void Count(Meter meter, string name, QueueCount count, string description, string unit = "{message}") =>
        meter.CreateObservableCounter($"granary.queue.messages.{name}", () => Total(count), unit, description);

    private long Total(QueueCount count)
    {
        lock (_gate)
        {
            return _ended[(int)count] + Sum(queue => queue[count]);
        }
    }

    private long Sum(Func<QueueFigures, long> figure)
    {
        var sum = 0L;
        foreach (var (queue, _) in _queues)
        {
            sum += figure(queue);
        }

        return sum;
    }
}
