namespace Granary.Gateway.Sockets;

/// <summary>
/// The context of a thread that handles what has arrived at a socket: what is posted here runs on this thread as soon as that is handled. Waking
/// another thread for a message that travels alone takes several times what the message itself takes.
/// </summary>
internal sealed class ArrivalContext : SynchronizationContext
{
    [ThreadStatic]
    private static ArrivalContext? OfThread;

    private readonly Queue<(SendOrPostCallback Callback, object? State)> _posted = new();

    /// <summary>Runs <paramref name="handle"/>, and then all that it posted.</summary>
    public static void Run<T>(Action<T> handle, T arrived)
    {
        var context = OfThread ??= new ArrivalContext();
        var before = Current;
        SetSynchronizationContext(context);
        try
        {
            handle(arrived);
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
