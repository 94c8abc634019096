using System.Diagnostics;

namespace Orleans.StandIn;

/// <summary>Something that runs on a pool thread: the turns of an activation, the calls to an observer, the answer to a call.</summary>
internal interface ITurn : IThreadPoolWorkItem
{
    /// <summary>Runs code of whoever awaited a call: it may block, so nothing may wait behind it on its thread.</summary>
    bool MayBlock => false;

    void Run();

    void IThreadPoolWorkItem.Execute() => TurnThread.Run(this);
}

/// <summary>
/// What a turn sets going follows on the same thread while all of it takes but microseconds: waking another thread for it takes longer than doing it,
/// and costs both cores. Where there is more to do the pool shares it out.
/// </summary>
internal static class TurnThread
{
    // 50 microseconds: about twice what waking a thread on an idle core was measured to take.
    private static readonly long Budget = Stopwatch.Frequency / 20_000;

    [ThreadStatic]
    private static Queue<ITurn>? Following;

    [ThreadStatic]
    private static bool IsRunning;

    /// <summary>After the turn that is running on this thread, or on a thread of the pool.</summary>
    public static void Schedule(ITurn turn)
    {
        if (IsRunning)
        {
            Following!.Enqueue(turn);
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(turn, preferLocal: false);
        }
    }

    public static void Run(ITurn turn)
    {
        var following = Following ??= new();
        var start = Stopwatch.GetTimestamp();
        try
        {
            RunOne(turn);
            while (following.TryDequeue(out var next))
            {
                var mayHoldUp = next.MayBlock && following.Count > 0;
                if (mayHoldUp || Stopwatch.GetTimestamp() - start > Budget)
                {
                    ThreadPool.UnsafeQueueUserWorkItem(next, preferLocal: false);
                }
                else
                {
                    RunOne(next);
                }
            }
        }
        finally
        {
            IsRunning = false;
        }
    }

    private static void RunOne(ITurn turn)
    {
        IsRunning = !turn.MayBlock;
        turn.Run();
        IsRunning = true;
    }
}
