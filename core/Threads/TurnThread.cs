using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Granary.Core.Threads;

/// <summary>
/// Where turns run. What a turn sets going follows on the same thread while all of it takes but microseconds: waking another thread for it takes longer
/// than doing it, and costs both cores. Where there is more to do the pool shares it out.
/// </summary>
public static class TurnThread
{
    // 50 microseconds: about twice what waking a thread on an idle core was measured to take.
    private static readonly long Budget = Stopwatch.Frequency / 20_000;

    private static readonly SendOrPostCallback RunPosted = static turn => Run((ITurn)turn!);

    [ThreadStatic]
    private static Queue<ITurn>? Following;

    [ThreadStatic]
    private static bool IsRunning;

    /// <summary>
    /// Has it run after the turn that runs on this thread, or once this thread has handled what it heard of (<see cref="SameThreadContext"/>), or else on
    /// a thread of the pool; never before this returns.
    /// </summary>
    public static void Schedule(ITurn turn)
    {
        ArgumentNullException.ThrowIfNull(turn);
        if (IsRunning)
        {
            Following!.Enqueue(turn);
        }
        else if (SynchronizationContext.Current is SameThreadContext context)
        {
            context.Post(RunPosted, turn);
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(turn, preferLocal: false);
        }
    }

    /// <summary>To be awaited by who may be under a gate: continues as a turn that is scheduled, see <see cref="Schedule"/>.</summary>
    public static LaterAwaitable Later() => default;

    internal static void Run(ITurn turn)
    {
        var following = Following ??= new();
        var start = Stopwatch.GetTimestamp();

        // What a turn awaits is no part of what this thread is at, and does not come back to it.
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        IsRunning = true;
        try
        {
            turn.Run();
            while (following.TryDequeue(out var next))
            {
                if (next.IsBrief)
                {
                    // Nor is what it sets going put off for what was done before it.
                    next.Run();
                    start = Stopwatch.GetTimestamp();
                }
                else if (Stopwatch.GetTimestamp() - start > Budget)
                {
                    ThreadPool.UnsafeQueueUserWorkItem(next, preferLocal: false);
                }
                else
                {
                    next.Run();
                }
            }
        }
        catch (Exception exception)
        {
            // Whose turn it was would take no other one, and nobody would know.
            Environment.FailFast("A turn failed.", exception);
        }
        finally
        {
            IsRunning = false;
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    /// <summary>What <see cref="Later"/> gives to be awaited.</summary>
    public readonly struct LaterAwaitable : ICriticalNotifyCompletion
    {
        public bool IsCompleted => false;

        public LaterAwaitable GetAwaiter() => this;

        public void GetResult()
        {
            // There is nothing to give: that it continues is all.
        }

        public void OnCompleted(Action continuation) => Schedule(new Continuation(continuation));

        public void UnsafeOnCompleted(Action continuation) => Schedule(new Continuation(continuation));
    }

    private sealed class Continuation(Action next) : ITurn
    {
        public void Run() => next();
    }
}
