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

    private SameThreadContext()
    {
    }

    /// <summary>Runs <paramref name="handle"/>, and then all that it posted: none of it may block.</summary>
    public static void Run<T>(Action<T> handle, T news)
    {
        ArgumentNullException.ThrowIfNull(handle);
        var context = OfThread ??= new SameThreadContext();
        var before = Current;
        SetSynchronizationContext(context);
        try
        {
            handle(news);
        }
        finally
        {
            SetSynchronizationContext(before);
        }

        while (context._posted.TryDequeue(out var posted))
        {
            posted.Callback(posted.State);
        }
    }

    /// <summary>Called on the context's own thread alone, or by a continuation that captured it, which goes to the pool.</summary>
    public override void Post(SendOrPostCallback d, object? state)
    {
        if (ReferenceEquals(Current, this))
        {
            _posted.Enqueue((d, state));
        }
        else
        {
            base.Post(d, state);
        }
    }
}
