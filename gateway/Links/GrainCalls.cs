namespace Granary.Gateway.Links;

/// <summary>
/// Calls outside of links. A call that timed out may have happened, so only what may happen twice is called this way: declarations, bindings,
/// deletions.
/// </summary>
internal static class GrainCalls
{
    private const int Attempts = 5;

    /// <exception cref="TimeoutException">No answer after several attempts.</exception>
    public static async ValueTask<T> RetryAsync<T>(Func<ValueTask<T>> call)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await call().ConfigureAwait(false);
            }
            catch (TimeoutException) when (attempt < Attempts)
            {
                // Again: see above.
            }
        }
    }
}
