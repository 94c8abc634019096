using System.Diagnostics;

namespace Granary.Crash.Features;

/// <summary>Which run of the broker it is, and what time, on one clock for all who write down what they see.</summary>
internal sealed class World
{
    /// <summary>What a client has said so long before a kill is in the store, on however slow a machine; in milliseconds.</summary>
    private const long SafeAfter = 5_000;

    /// <summary>The broker and the clients each have whole milliseconds, which begin at different times: what happens after so many may seem one less.</summary>
    public const int Rounding = 1;

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly List<long> _killedAt = [];

    /// <summary>Held by all notes: what clients of one queue see may be compared with what those of another do.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Milliseconds.</summary>
    public long Now => _clock.ElapsedMilliseconds;

    /// <summary>From 0.</summary>
    public int Run
    {
        get
        {
            lock (Gate)
            {
                return _killedAt.Count;
            }
        }
    }

    /// <summary>When the broker was ready in this run.</summary>
    public long ReadyAt { get; private set; }

    /// <summary>What clients lose now is no fault.</summary>
    public bool IsKilling { get; private set; }

    public void BeginKill()
    {
        lock (Gate)
        {
            IsKilling = true;
        }
    }

    /// <summary>It is gone.</summary>
    public void EndRun()
    {
        lock (Gate)
        {
            _killedAt.Add(Now);
        }
    }

    public void BeginRun()
    {
        lock (Gate)
        {
            (IsKilling, ReadyAt) = (false, Now);
        }
    }

    /// <summary>Whether what a client said then must be known now: it was said in this run, or long before the kill that ended its run.</summary>
    public bool IsKnown(int run, long at) => run == _killedAt.Count || _killedAt[run] - at > SafeAfter;
}
