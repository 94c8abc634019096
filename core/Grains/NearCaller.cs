namespace Granary.Core.Grains;

/// <summary>
/// Has a queue that is nowhere yet be made in the process that asks for it, if that may have queues: what only one connection uses costs no way between processes there.
/// </summary>
public static class NearCaller
{
    /// <summary>What a call carries for that.</summary>
    public const string ContextKey = "granary.near";

    /// <param name="call">Makes one call.</param>
    public static ValueTask<T> Ask<T>(Func<ValueTask<T>> call)
    {
        ArgumentNullException.ThrowIfNull(call);
        RequestContext.Set(ContextKey, true);
        try
        {
            return call();
        }
        finally
        {
            RequestContext.Remove(ContextKey);
        }
    }
}
