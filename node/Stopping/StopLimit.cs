using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Node.Stopping;

/// <summary>Ends the process when it was told to stop and has not in time: it waits for a database, or for members, that may never answer. What was confirmed is stored by then.</summary>
/// <param name="end">Ends the process with a code.</param>
internal sealed partial class StopLimit(IHostApplicationLifetime application, TimeProvider clock, ILogger<StopLimit> log, Action<int> end) : IHostedService, IDisposable
{
    /// <summary>How the process ends.</summary>
    public const int ExitCode = 4;

    /// <summary>What the host gives those that are to stop in good order, and a little for those that take no notice.</summary>
    public static readonly TimeSpan Time = TimeSpan.FromSeconds(35);

    private CancellationTokenRegistration _told;
    private ITimer? _timer;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _told = application.ApplicationStopping.Register(() => _timer = clock.CreateTimer(_ => OnTimer(), null, Time, Timeout.InfiniteTimeSpan));
        return Task.CompletedTask;
    }

    // Stopping is not over with this.
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _told.Dispose();
        _timer?.Dispose();
    }

    private void OnTimer()
    {
        LogEnding(Time);
        end(ExitCode);
    }

    [LoggerMessage(9202, LogLevel.Warning, "Not stopped in good order after {Time}: something does not answer. The process ends without it")]
    private partial void LogEnding(TimeSpan time);
}
