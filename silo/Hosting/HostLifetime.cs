using Microsoft.Extensions.Hosting;

namespace Granary.Silo.Hosting;

/// <summary>Waiting for the host.</summary>
internal static class HostLifetime
{
    /// <summary>Completes when everything has been started.</summary>
    public static async Task WhenStartedAsync(this IHostApplicationLifetime lifetime, CancellationToken cancellation)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(cancellation).ConfigureAwait(false);
    }
}
