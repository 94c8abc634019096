using System.Diagnostics;
using Granary.Crash.Load;

namespace Granary.Crash.Ledger;

/// <summary>Notes what publishers and consumers did and saw, and judges every delivery by it.</summary>
internal sealed class CrashLedger
{
    private readonly Lock _gate = new();
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Faults _faults;
    private readonly List<SentMessage>[] _sent;
    private readonly QueueLedger[] _queues;
    private readonly DeliveryRules _rules;
    private readonly List<long> _killedAt = [];
    private int _transactions;
    private bool _isKilling;

    public CrashLedger(Plan plan, Faults faults)
    {
        _faults = faults;
        _sent = [.. Enumerable.Range(0, plan.PublisherIds).Select(_ => new List<SentMessage>())];
        _queues = [.. Enumerable.Range(0, plan.Queues).Select(queue => new QueueLedger(queue))];
        _rules = new DeliveryRules(_sent, _killedAt, faults);
    }

    public Totals Totals { get; } = new();

    /// <summary>The run of the broker, from 0.</summary>
    public int Run => Locked(() => _killedAt.Count);

    /// <summary>The broker is about to be killed, or was and is not back: what clients lose now is no fault.</summary>
    public bool IsKilling => Locked(() => _isKilling);

    /// <summary>Confirmed persistent messages, counted in every queue, that were not acknowledged yet.</summary>
    public int Owed => Locked(() => _queues.Sum(queue => queue.Owed));

    /// <summary>Deliveries that a consumer has not settled.</summary>
    public int Held => Locked(() => _queues.Sum(queue => queue.Sightings.Values.Count(sighting => sighting.Holder is not null)));

    public void BeginKill() => Locked(() => { _isKilling = true; });

    /// <summary>The broker is gone: what is still read from sockets was in no client's hands.</summary>
    public void EndRun()
    {
        lock (_gate)
        {
            _killedAt.Add(_clock.ElapsedMilliseconds);
            foreach (var queue in _queues)
            {
                queue.EndRun();
                foreach (var sighting in queue.Sightings.Values)
                {
                    sighting.Holder = null;
                }
            }
        }
    }

    public void BeginRun() => Locked(() => { _isKilling = false; });

    public int BeginTransaction() => Locked(() => ++_transactions);

    public MessageId Send(ushort publisher, Route route, int size, bool persistent, int transaction = 0)
    {
        lock (_gate)
        {
            Totals.Published++;
            _sent[publisher].Add(new SentMessage(route, size, persistent, _killedAt.Count, transaction, _clock.ElapsedMilliseconds)
            {
                Fate = transaction == 0 ? Fate.Sent : Fate.Open,
            });
            return new MessageId(publisher, (uint)_sent[publisher].Count);
        }
    }

    /// <summary>The broker said what became of a message, or the client says what it asked for.</summary>
    public void Decide(MessageId id, Fate fate)
    {
        lock (_gate)
        {
            var message = _sent[id.Publisher][(int)id.Number - 1];
            message.Fate = fate;
            message.KnownAt = _clock.ElapsedMilliseconds;
            if (fate == Fate.Refused)
            {
                Totals.Refused++;
                if (!message.Route.MayRefuse)
                {
                    _faults.Add($"message {id} was refused, though no queue of '{message.Route.Exchange}' with '{message.Route.Key}' may refuse any");
                }

                foreach (var queue in message.Route.Queues.Where(queue => _queues[queue].Sightings.ContainsKey(id)))
                {
                    _faults.Add($"{_queues[queue].Name}: {_rules.Tell(id, _queues[queue])} was refused after it had been delivered");
                }
            }
            else if (fate == Fate.Confirmed)
            {
                Totals.Confirmed++;
                foreach (var queue in message.Route.Queues)
                {
                    if (message.Persistent && _queues[queue].Sightings.GetValueOrDefault(id) is not { IsAcked: true })
                    {
                        _queues[queue].Owed++;
                    }
                }
            }
        }
    }

    public ConsumerSession BeginSession(ConsumerPlan plan)
    {
        lock (_gate)
        {
            var queue = _queues[plan.Queue];
            if (!queue.Fresh.TryGetValue(plan.Name, out var fresh))
            {
                queue.Fresh[plan.Name] = fresh = [];
            }

            return new ConsumerSession(queue, plan.Name, _killedAt.Count, fresh);
        }
    }

    /// <summary>The consumer takes no more; what it has comes back, and what is on its way to it.</summary>
    public void BeginLeave(ConsumerSession session)
    {
        lock (_gate)
        {
            session.IsClosed = true;
            if (session.Run == _killedAt.Count)
            {
                session.Queue.Leaving++;
                foreach (var sighting in session.Queue.Sightings.Values.Where(sighting => sighting.Holder == session))
                {
                    sighting.Holder = null;
                    sighting.ReturnedRun = session.Run;
                }
            }
        }
    }

    /// <summary>The broker knows that it has left, or is gone.</summary>
    public void EndLeave(ConsumerSession session)
    {
        lock (_gate)
        {
            if (session.Run == _killedAt.Count)
            {
                session.Queue.Leaving--;
                for (var publisher = 0; publisher < _sent.Length; publisher++)
                {
                    session.Queue.MayReturn[(ushort)publisher] = (uint)_sent[publisher].Count;
                }
            }
        }
    }

    /// <summary>Judges a delivery; null when it is not to be settled: its session is over, or the body is nobody's.</summary>
    public MessageId? Deliver(ConsumerSession session, ReadOnlySpan<byte> body, bool redelivered)
    {
        lock (_gate)
        {
            if (session.IsClosed || session.Run != _killedAt.Count)
            {
                return null;
            }

            Totals.Delivered++;
            Totals.Redelivered += redelivered ? 1 : 0;
            if (!_rules.TryIdentify(session, body, out var id))
            {
                return null;
            }

            var queue = session.Queue;
            if (!queue.Sightings.TryGetValue(id, out var sighting))
            {
                queue.Sightings[id] = sighting = new Sighting();
            }

            _rules.Judge(session, id, sighting, redelivered);
            if (sighting.IsAcked)
            {
                Totals.CameBack++;
                sighting.IsAcked = false;
                Owe(queue, id, 1);
            }

            sighting.Deliveries++;
            sighting.LastRun = session.Run;
            sighting.Holder = session;
            return id;
        }
    }

    /// <summary>An acknowledgement is sent now.</summary>
    public void Ack(ConsumerSession session, MessageId id)
    {
        lock (_gate)
        {
            // One that goes to a broker that is gone settles nothing. While it is being killed nobody knows.
            if (session.Run == _killedAt.Count && session.Queue.Sightings[id] is { IsAcked: false } sighting)
            {
                sighting.IsAcked = true;
                sighting.AckedRun = session.Run;
                sighting.AckedAt = _clock.ElapsedMilliseconds;
                sighting.Holder = null;
                Totals.Acked++;
                Owe(session.Queue, id, -1);
            }
        }
    }

    /// <summary>A transaction with its acknowledgement and a message for the same queue, which are stored as one, was answered.</summary>
    public void CommitAck(ConsumerSession session, MessageId id) => Locked(() => { session.Queue.Sightings[id].IsAckCommitted = true; });

    /// <summary>It is given back now.</summary>
    public void Return(ConsumerSession session, MessageId id)
    {
        lock (_gate)
        {
            var sighting = session.Queue.Sightings[id];
            sighting.ReturnedRun = session.Run;
            sighting.Holder = null;
            Totals.Returned++;
        }
    }

    /// <summary>Judges the whole when all queues are drained.</summary>
    public void Close(uint[] left)
    {
        lock (_gate)
        {
            _rules.JudgeEnd(_queues, left);
        }
    }

    /// <summary>What a message that is waited for went through, for the report of a drain that does not end.</summary>
    public IEnumerable<string> TellOwed(int most)
    {
        lock (_gate)
        {
            return [.. _rules.Owed(_queues).Take(most)];
        }
    }

    private void Owe(QueueLedger queue, MessageId id, int change)
    {
        var message = _sent[id.Publisher][(int)id.Number - 1];
        if (message is { Persistent: true, Fate: Fate.Confirmed })
        {
            queue.Owed += change;
        }
    }

    private void Locked(Action change)
    {
        lock (_gate)
        {
            change();
        }
    }

    private T Locked<T>(Func<T> read)
    {
        lock (_gate)
        {
            return read();
        }
    }
}
