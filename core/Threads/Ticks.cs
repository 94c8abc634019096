namespace Granary.Core.Threads;

/// <summary>What is done again and again until the process stops.</summary>
public static class Ticks
{
    /// <summary>Waits for the next tick; false, where <see cref="PeriodicTimer.WaitForNextTickAsync"/> would throw, when there is none because all stops.</summary>
    public static async ValueTask<bool> NextAsync(this PeriodicTimer timer, CancellationToken stopping)
    {
        ArgumentNullException.ThrowIfNull(timer);
        try
        {
            return await timer.WaitForNextTickAsync(stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return false;
        }
    }
}
