using Granary.Silo.Queues.Messages;

namespace Granary.Silo.DeadLetters;

/// <summary>
/// Dead messages of one queue that are kept (<see cref="DeadLetterRule.Keeps"/>) because a queue refused them, or there was none, until they are tried again. Some are after each
/// pause: few while nobody takes them, as each has to be read from the store, and more and more while most of them arrive. Those that were not taken come last the next time.
/// </summary>
/// <param name="isBusy">Those that were sent before are still on their way.</param>
/// <param name="send">Tries them again. Called by one thread at a time.</param>
internal sealed class UnsentDead(TimeProvider time, CancellationToken stopping, Func<bool> isBusy, Action<IReadOnlyList<(DeadRun Dead, DateTimeOffset At)>> send)
{
    private const int Fewest = 256;
    private const int Most = 64 * 1024;

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(16);

    private readonly Lock _gate = new();

    /// <summary>Since the last try. Under the gate.</summary>
    private readonly RingBuffer<(DeadRun Dead, DateTimeOffset At)> _come = new();

    // Touched by nobody but the timer.
    private readonly RingBuffer<(DeadRun Dead, DateTimeOffset At)> _waiting = new();
    private int _most = Fewest;
    private int _sent;

    private ITimer? _timer;
    private int _isArmed;
    private int _arrived;
    private long _pause = FirstPause.Ticks;
    private volatile bool _isClosed;

    /// <summary>Called on any thread, possibly under a gate.</summary>
    public void Add(in DeadRun dead, DateTimeOffset at)
    {
        if (_isClosed)
        {
            return;
        }

        dead.Waiting!.Add(dead.Run.Length);
        lock (_gate)
        {
            AddLast(_come, (dead with { IsTriedAgain = true }, at));
        }

        Arm();
    }

    /// <summary>So many of those that were tried again were taken. Called on any thread, possibly under a gate.</summary>
    public void NoteArrived(int count)
    {
        Interlocked.Add(ref _arrived, count);
        Volatile.Write(ref _pause, FirstPause.Ticks);
    }

    /// <summary>Nothing is kept any more, nor tried again.</summary>
    public void Close() => _isClosed = true;

    private void Arm()
    {
        if (Interlocked.Exchange(ref _isArmed, 1) == 0)
        {
            _timer ??= NewTimer();
            _timer.Change(new TimeSpan(Volatile.Read(ref _pause)), Timeout.InfiniteTimeSpan);
        }
    }

    // Of nobody's call: it would be kept for as long as the timer is.
    private ITimer NewTimer()
    {
        if (ExecutionContext.IsFlowSuppressed())
        {
            return time.CreateTimer(static unsent => ((UnsentDead)unsent!).TryAgain(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        using (ExecutionContext.SuppressFlow())
        {
            return NewTimer();
        }
    }

    private void TryAgain()
    {
        lock (_gate)
        {
            while (_come.Count > 0)
            {
                AddLast(_waiting, _come.RemoveFirst());
            }
        }

        if (_isClosed || stopping.IsCancellationRequested)
        {
            _waiting.Clear();
            return;
        }

        if (!isBusy())
        {
            Pace();
            var round = TakeRound();
            _sent = round.Sum(static one => one.Dead.Run.Count);
            if (_sent > 0)
            {
                send(round);
            }
        }

        Interlocked.Exchange(ref _isArmed, 0);
        if (_waiting.Count > 0 || HaveSomeCome())
        {
            Arm();
        }
    }

    private bool HaveSomeCome()
    {
        lock (_gate)
        {
            return _come.Count > 0;
        }
    }

    private void Pace()
    {
        var arrived = Interlocked.Exchange(ref _arrived, 0);
        _most = arrived > 0 && arrived >= _sent / 2 ? Math.Min(_most * 2, Most) : Fewest;
        if (arrived == 0 && _sent > 0)
        {
            Volatile.Write(ref _pause, Math.Min(Volatile.Read(ref _pause) * 2, LongestPause.Ticks));
        }
    }

    private List<(DeadRun Dead, DateTimeOffset At)> TakeRound()
    {
        List<(DeadRun Dead, DateTimeOffset At)> round = [];
        for (var room = _most; room > 0 && _waiting.Count > 0;)
        {
            ref var first = ref _waiting[0];
            var (run, dead, at) = (first.Dead.Run, first.Dead, first.At);
            if (run.Count <= room)
            {
                round.Add(_waiting.RemoveFirst());
                room -= run.Count;
                continue;
            }

            // What is in memory is one each.
            round.Add((dead with { Run = run.Part(0, room) }, at));
            first.Dead = dead with { Run = run.Part(room, run.Count) };
            room = 0;
        }

        return round;
    }

    private static void AddLast(RingBuffer<(DeadRun Dead, DateTimeOffset At)> all, in (DeadRun Dead, DateTimeOffset At) one)
    {
        if (all.Count > 0 && all[^1] is var last && last.At.ToUnixTimeSeconds() == one.At.ToUnixTimeSeconds() && last.Dead.TryJoin(one.Dead, out var joined))
        {
            all[^1] = (joined, last.At);
            return;
        }

        all.AddLast(one);
    }
}
