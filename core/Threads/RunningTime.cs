namespace Granary.Core.Threads;

/// <summary>
/// How long something has been waited for. It begins anew when the process has stood still meanwhile (it was stopped, or its machine was): what is waited for may have come then, and nobody could take it.
/// </summary>
public sealed class RunningTime(TimeProvider clock)
{
    /// <summary>Nobody waits for longer at once: a standstill would not be told from that.</summary>
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    // A timer is never that late in a process that runs.
    private static readonly TimeSpan Standstill = TimeSpan.FromSeconds(2);

    private long _lookedAt = clock.GetTimestamp();

    public TimeSpan Elapsed { get; private set; }

    /// <summary>Waits for no more than <paramref name="limit"/>, standstills apart.</summary>
    /// <exception cref="TimeoutException">It has not happened.</exception>
    /// <exception cref="OperationCanceledException">It need not happen any more.</exception>
    public static async Task WaitAsync(Task task, TimeSpan limit, TimeProvider clock, CancellationToken cancellation)
    {
        await new RunningTime(clock).WaitAsync(task, limit, cancellation).ConfigureAwait(false);
        await task.ConfigureAwait(false);
    }

    /// <inheritdoc cref="WaitAsync(Task, TimeSpan, TimeProvider, CancellationToken)"/>
    public static async Task<T> WaitAsync<T>(Task<T> task, TimeSpan limit, TimeProvider clock, CancellationToken cancellation)
    {
        await new RunningTime(clock).WaitAsync(task, limit, cancellation).ConfigureAwait(false);
        return await task.ConfigureAwait(false);
    }

    /// <summary>Returns when the task is over, however it went.</summary>
    /// <param name="limit">Of <see cref="Elapsed"/>.</param>
    /// <exception cref="TimeoutException">It has not happened.</exception>
    /// <exception cref="OperationCanceledException">It need not happen any more.</exception>
    public async Task WaitAsync(Task task, TimeSpan limit, CancellationToken cancellation)
    {
        while (!task.IsCompleted)
        {
            await WaitForStepAsync(task, limit, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Waits for a second at the most. Returns whether the process has stood still.</summary>
    /// <exception cref="TimeoutException"><paramref name="limit"/> is over.</exception>
    /// <exception cref="OperationCanceledException">It need not happen any more.</exception>
    public async Task<bool> WaitForStepAsync(Task task, TimeSpan limit, CancellationToken cancellation)
    {
        var left = limit - Elapsed;
        if (left <= TimeSpan.Zero && !task.IsCompleted)
        {
            throw new TimeoutException();
        }

        await task.WaitAsync(left < Step ? left : Step, clock, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!task.IsCompleted)
        {
            cancellation.ThrowIfCancellationRequested();
        }

        return Look();
    }

    /// <summary>To be called at least each second. Returns whether the process has stood still since the last call.</summary>
    public bool Look()
    {
        var now = clock.GetTimestamp();
        var passed = clock.GetElapsedTime(_lookedAt, now);
        _lookedAt = now;
        var hasStoodStill = passed > Step + Standstill;
        Elapsed = hasStoodStill ? TimeSpan.Zero : Elapsed + passed;
        return hasStoodStill;
    }
}
