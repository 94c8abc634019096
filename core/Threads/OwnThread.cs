using System.Runtime.CompilerServices;

namespace Granary.Core.Threads;

/// <summary>
/// The threads that Granary keeps for sockets and for stores. Calls of grains do not begin on them: the runtime takes the object that holds a call's answer
/// from a stack of the thread that calls, and puts it back on the stack of the thread that continues, which is one of the pool. A thread that only calls
/// would find its stack empty each time, make an object, and leave it to the pool for good: about 100 bytes for each call, without a limit.
/// </summary>
public static class OwnThread
{
    [ThreadStatic]
    private static bool IsHere;

    /// <summary>Starts a thread that does not keep the process alive.</summary>
    public static Thread Start(string name, Action run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var thread = new Thread(() =>
        {
            IsHere = true;
            run();
        })
        {
            Name = name,
            IsBackground = true,
        };
        thread.Start();
        return thread;
    }

    /// <summary>To be awaited before a grain is called: continues on the pool, or at once if this is none of Granary's threads.</summary>
    public static LeaveAwaitable Leave() => default;

    /// <summary>What <see cref="Leave"/> gives to be awaited.</summary>
    public readonly struct LeaveAwaitable : ICriticalNotifyCompletion
    {
        public bool IsCompleted => !IsHere;

        public LeaveAwaitable GetAwaiter() => this;

        public void GetResult()
        {
            // There is nothing to give: that it continues is all.
        }

        public void OnCompleted(Action continuation) => ThreadPool.QueueUserWorkItem(static next => next(), continuation, preferLocal: false);

        public void UnsafeOnCompleted(Action continuation) => ThreadPool.UnsafeQueueUserWorkItem(static next => next(), continuation, preferLocal: false);
    }
}
