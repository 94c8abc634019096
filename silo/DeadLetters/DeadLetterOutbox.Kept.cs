using Microsoft.Extensions.Logging;

namespace Granary.Silo.DeadLetters;

/// <summary>Dead messages that are kept until they have arrived, and tried again until then (<see cref="DeadLetterRule.Keeps"/>).</summary>
internal sealed partial class DeadLetterOutbox
{
    private static readonly TimeSpan TellAgainAfter = TimeSpan.FromMinutes(1);

    private volatile bool _keepsNoMore;
    private UnsentDead? _unsent;

    /// <summary>How many that are tried again wait to be sent. Under the gate.</summary>
    private long _triedAgain;
    private long _toldAt;

    /// <summary>The queue is deleted, or another activation's: what waits to be tried again goes with it, and what is on its way is not tried again.</summary>
    public void KeepNoMore()
    {
        _keepsNoMore = true;
        Volatile.Read(ref _unsent)?.Close();
    }

    private bool IsTryingAgain()
    {
        lock (_gate)
        {
            return _triedAgain > 0;
        }
    }

    private bool IsSending()
    {
        lock (_gate)
        {
            return _isRunning;
        }
    }

    // On any thread, possibly under the gate of the links.
    private void Keep(DeadRun dead, DateTimeOffset at)
    {
        if (_keepsNoMore)
        {
            return;
        }

        var unsent = Volatile.Read(ref _unsent) ?? NewUnsent();
        unsent.Add(dead, at);
        if (_keepsNoMore)
        {
            unsent.Close();
        }
    }

    private UnsentDead NewUnsent()
    {
        var mine = new UnsentDead(office.Time, office.Stopping, IsTryingAgain, SendAgain);
        return Interlocked.CompareExchange(ref _unsent, mine, null) ?? mine;
    }

    private void SendAgain(IReadOnlyList<(DeadRun Dead, DateTimeOffset At)> all)
    {
        TellOfKept();

        // What the queue goes by may have changed, possibly because they went nowhere.
        var isRuled = rule is not null;
        var now = rule?.Invoke();
        if (isRuled && now is null)
        {
            foreach (var (dead, _) in all)
            {
                dead.Waiting?.Remove(dead.Run.Length);
                Arrived(dead);
            }

            return;
        }

        if (now is { Keeps: false })
        {
            // Once more, and whatever becomes of it: nobody tells.
            _unsent!.NoteArrived(all.Sum(static one => one.Dead.Run.Count));
        }

        lock (_gate)
        {
            foreach (var (dead, at) in all)
            {
                Enqueue(dead with { Rule = now ?? dead.Rule }, at);
                _triedAgain += dead.Run.Count;
            }

            if (!TryBegin())
            {
                return;
            }
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    private void TellOfKept()
    {
        var now = office.Time.GetTimestamp();
        if (_toldAt == 0 || office.Time.GetElapsedTime(_toldAt, now) >= TellAgainAfter)
        {
            _toldAt = now;
            LogKept(office.Log, queue, vhost);
        }
    }

    [LoggerMessage(3228, LogLevel.Warning, "Dead messages of queue {Queue} in vhost {Vhost} were refused, or found no queue; they are kept, and tried again")]
    private static partial void LogKept(ILogger logger, string queue, string vhost);
}
