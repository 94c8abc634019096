using System.Collections.Concurrent;
using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Silo.Hosting;
using Granary.Silo.Ownership;
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

    /// <summary>When a member of the cluster has just gone, calls fail that would have led to it.</summary>
    private const int WorthTelling = 3;

    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    /// <summary>What other silos wrote is read again so often.</summary>
    private static readonly TimeSpan ReloadAfter = TimeSpan.FromSeconds(10);

    // What was said last: an outage is told once, and its end.
    private bool _cannotLoad;
    private bool _cannotWake;

    // Looks in a row that could not activate all.
    private int _failures;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            await lifetime.WhenStartedAsync(stoppingToken).ConfigureAwait(false);

            // Not before: it needs the store open.
            var due = services.GetRequiredService<DueTable>();
            var owners = services.GetService<Owners>();
            var losses = services.GetService<SiloLosses>();
            long? loadedAt = null;
            var lossesSeen = 0;
            do
            {
                if (losses is not null && losses.Count != lossesSeen)
                {
                    // What was due at a silo that is gone is for the others now.
                    (loadedAt, lossesSeen) = (null, losses.Count);
                }

                if (loadedAt is null || (options.IsShared && time.GetElapsedTime(loadedAt.Value) >= ReloadAfter))
                {
                    loadedAt = await TryLoadAsync(due, stoppingToken).ConfigureAwait(false) ? time.GetTimestamp() : loadedAt;
                }

                await WakeAsync([.. due.TakeDue(), .. await TryFindOrphansAsync(owners, stoppingToken).ConfigureAwait(false)], stoppingToken).ConfigureAwait(false);
                due.WriteLate();
            }
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task<bool> TryLoadAsync(DueTable due, CancellationToken cancellation)
    {
        try
        {
            await due.LoadAsync(cancellation).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            if (!_cannotLoad)
            {
                LogNotLoaded(exception);
            }

            _cannotLoad = true;
            return false;
        }

        if (_cannotLoad)
        {
            LogLoadedAgain();
        }

        _cannotLoad = false;
        return true;
    }

    /// <summary>What is owned by somebody who is gone removes itself when it is activated.</summary>
    private async Task<IReadOnlyList<(DueKind Kind, string GrainKey)>> TryFindOrphansAsync(Owners? owners, CancellationToken cancellation)
    {
        try
        {
            return owners is null ? [] : await owners.TakeOrphansAsync(cancellation).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // The store's own alarm says that it is out of reach; they are looked for again in a second.
            LogOwnersNotRead(exception);
            return [];
        }
    }

    private async Task WakeAsync(List<(DueKind Kind, string GrainKey)> due, CancellationToken cancellation)
    {
        var failed = new ConcurrentBag<((DueKind Kind, string GrainKey) Grain, Exception Cause)>();
        await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation }, async (grain, _) =>
        {
            try
            {
                await WakeAsync(grain).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                // It stays due, and is woken again.
                LogNotWoken(exception, grain.Kind, grain.GrainKey);
                failed.Add((grain, exception));
            }
        }).ConfigureAwait(false);

        _failures = failed.IsEmpty ? 0 : _failures + 1;
        if (_failures >= WorthTelling && failed.TryPeek(out var one) && !_cannotWake)
        {
            LogNotAllWoken(one.Cause, failed.Count, one.Grain.Kind, one.Grain.GrainKey);
            _cannotWake = true;
        }
        else if (failed.IsEmpty && due.Count > 0 && _cannotWake)
        {
            LogWakesAgain();
            _cannotWake = false;
        }
    }

    private Task WakeAsync((DueKind Kind, string GrainKey) grain) => (grain.Kind switch
    {
        DueKind.Queue => grains.Queue(grain.GrainKey).WakeAsync(),
        DueKind.Exchange => grains.Exchange(grain.GrainKey).WakeAsync(),
        _ => grains.Access().WakeAsync(),
    }).AsTask();

    [LoggerMessage(3321, LogLevel.Warning, "What is due could not be read; it is tried again every second until it can")]
    private partial void LogNotLoaded(Exception exception);

    [LoggerMessage(3320, LogLevel.Warning, "What is due can be read again")]
    private partial void LogLoadedAgain();

    [LoggerMessage(3322, LogLevel.Warning, "{Count} queues and exchanges that are due could not be activated, one of them {Kind} {Grain}; they are tried again until they can")]
    private partial void LogNotAllWoken(Exception exception, int count, DueKind kind, string grain);

    [LoggerMessage(3326, LogLevel.Warning, "What is due can be activated again")]
    private partial void LogWakesAgain();

    [LoggerMessage(3327, LogLevel.Debug, "{Kind} {Grain} is due and could not be activated")]
    private partial void LogNotWoken(Exception exception, DueKind kind, string grain);

    [LoggerMessage(3328, LogLevel.Debug, "What belongs to members that are gone could not be looked for")]
    private partial void LogOwnersNotRead(Exception exception);

    [LoggerMessage(3323, LogLevel.Debug, "Nothing is woken any more")]
    private partial void LogStopped();
}
