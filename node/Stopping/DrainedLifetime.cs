using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Node.Stopping;

/// <summary>
/// Stops the process at SIGTERM or SIGINT: not before whoever spreads clients over several processes had time to notice that this one is not ready any more. Clients
/// are served meanwhile. Another signal ends the wait.
/// </summary>
/// <param name="time">How long that is; nothing if nobody spreads clients.</param>
internal sealed partial class DrainedLifetime(
    TimeSpan time, Drain drain, IHostApplicationLifetime application, TimeProvider clock, ILogger<DrainedLifetime> log) : IHostLifetime, IDisposable
{
    private static readonly PosixSignal[] Signals = [PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGQUIT];

    private PosixSignalRegistration[] _registrations = [];
    private int _signals;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        _registrations = [.. Signals.Select(signal => PosixSignalRegistration.Create(signal, OnSignal))];
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }
    }

    /// <summary>The process is asked to stop.</summary>
    public void Ask()
    {
        if (Interlocked.Increment(ref _signals) > 1 || time == TimeSpan.Zero || !application.ApplicationStarted.IsCancellationRequested)
        {
            application.StopApplication();
            return;
        }

        drain.Begin();
        LogDraining(log, time);
        _ = StopLaterAsync();
    }

    private void OnSignal(PosixSignalContext context)
    {
        // The host ends the process, in good order.
        context.Cancel = true;
        Ask();
    }

    private async Task StopLaterAsync()
    {
        await Task.Delay(time, clock, application.ApplicationStopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        application.StopApplication();
    }

    [LoggerMessage(9201, LogLevel.Information, "Not ready any more: clients are served for another {Time}, then their connections are closed")]
    private static partial void LogDraining(ILogger logger, TimeSpan time);
}
