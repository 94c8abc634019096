namespace Granary.Core.Threads;

/// <summary>
/// The context of a thread that hears of something, such as what has arrived at a socket or is written: what is posted here runs on this thread as soon
/// as that is handled. Waking another thread for a message that travels alone takes several times what the message itself takes.
/// </summary>
public sealed class SameThreadContext : SynchronizationContext
{
    [ThreadStatic]
    private static SameThreadContext? OfThread;

    private readonly Queue<(SendOrPostCallback Callback, object? State)> _posted = new();
    private readonly Queue<(Action<object> Callback, object State)> _last = new();
    private bool _isRunning;

    private SameThreadContext()
    {
    }

    /// <summary>Runs <paramref name="handle"/>, then all that it posted, and then what was left for the end: none of it may block.</summary>
    public static void Run<T>(Action<T> handle, T news)
    {
        ArgumentNullException.ThrowIfNull(handle);
        var context = OfThread ??= new SameThreadContext();
        if (context._isRunning)
        {
            handle(news);
            return;
        }

        var before = Current;
        SetSynchronizationContext(context);
        context._isRunning = true;
        try
        {
            handle(news);
        }
        finally
        {
            context.Finish();
            SetSynchronizationContext(before);
        }
    }

    /// <summary>
    /// Leaves something for the end, when it can be done once for all that this thread is at: sending, or waking others. False if the thread is at
    /// nothing that has an end.
    /// </summary>
    public static bool TryAtEnd(Action<object> callback, object state)
    {
        if (OfThread is not { _isRunning: true } context)
        {
            return false;
        }

        context._last.Enqueue((callback, state));
        return true;
    }

    /// <summary>Called on the context's own thread alone, or by a continuation that captured it, which goes to the pool.</summary>
    public override void Post(SendOrPostCallback d, object? state)
    {
        if (_isRunning && ReferenceEquals(OfThread, this))
        {
            _posted.Enqueue((d, state));
        }
        else
        {
            base.Post(d, state);
        }
    }

    private void Finish()
    {
        try
        {
            while (_posted.TryDequeue(out var posted))
            {
                posted.Callback(posted.State);
            }
        }
        finally
        {
            _isRunning = false;
            while (_last.TryDequeue(out var last))
            {
                last.Callback(last.State);
            }
        }
    }
}
