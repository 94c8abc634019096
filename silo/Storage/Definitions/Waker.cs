using Granary.Core.Grains;
using Granary.Silo.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Storage.Definitions;

/// <summary>Activates grains that have something due, so that time passes for them though nobody calls: when the silo has started, and every second.</summary>
internal sealed partial class Waker(
    IServiceProvider services, IGrainFactory grains, StoreOptions options, IHostApplicationLifetime lifetime, TimeProvider time, ILogger<Waker> log) : BackgroundService
{
    /// <summary>So that thousands that come due in one moment do not all hold the store at once.</summary>
    private const int AtOnce = 32;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>What other silos wrote is read again so often.</summary>
    private static readonly TimeSpan ReloadAfter = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            await WhenStartedAsync(stoppingToken).ConfigureAwait(false);

            // Not before: it needs the store open.
            var due = services.GetRequiredService<DueTable>();
            long? loadedAt = null;
            do
            {
                if (loadedAt is null || (options.IsShared && time.GetElapsedTime(loadedAt.Value) >= ReloadAfter))
                {
                    loadedAt = await TryLoadAsync(due, stoppingToken).ConfigureAwait(false) ? time.GetTimestamp() : loadedAt;
                }

                await Parallel.ForEachAsync(due.TakeDue(), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = stoppingToken }, WakeAsync)
                    .ConfigureAwait(false);
                due.WriteLate();
            }
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task WhenStartedAsync(CancellationToken cancellation)
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = lifetime.ApplicationStarted.Register(started.SetResult);
        await started.Task.WaitAsync(cancellation).ConfigureAwait(false);
    }

    private async Task<bool> TryLoadAsync(DueTable due, CancellationToken cancellation)
    {
        try
        {
            await due.LoadAsync(cancellation).ConfigureAwait(false);
            return true;
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogNotLoaded(exception);
            return false;
        }
    }

    private async ValueTask WakeAsync((DueKind Kind, string GrainKey) grain, CancellationToken cancellation)
    {
        try
        {
            await (grain.Kind == DueKind.Queue
                ? grains.GetGrain<IQueueGrain>(grain.GrainKey).WakeAsync()
                : grains.GetGrain<IExchangeGrain>(grain.GrainKey).WakeAsync()).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // It stays due, and is woken again.
            LogNotWoken(exception, grain.Kind, grain.GrainKey);
        }
    }

    [LoggerMessage(3321, LogLevel.Warning, "What is due could not be read; trying again")]
    private partial void LogNotLoaded(Exception exception);

    [LoggerMessage(3322, LogLevel.Warning, "{Kind} {Grain} is due and could not be activated; trying again")]
    private partial void LogNotWoken(Exception exception, DueKind kind, string grain);

    [LoggerMessage(3323, LogLevel.Debug, "Nothing is woken any more")]
    private partial void LogStopped();
}
