using Granary.Core.Grains;
using Granary.Core.Threads;
using Microsoft.Extensions.Logging;

namespace Granary.Core.Routing;

/// <summary>How a router's views reach the exchanges: watching with retries, renewals and give-ups that nobody waits for, the clock, and their leases.</summary>
/// <param name="exchange">Gives an exchange by its key.</param>
/// <param name="createObserver">Gives the reference that exchanges send their changes to. Called at the first watch: no reference can be had before the silo runs.</param>
/// <param name="isLocal">Whether a queue of a vhost is in this process; null: all are.</param>
internal sealed partial class SnapshotSource(
    Func<string, IExchangeGrain> exchange, Func<IExchangeObserver> createObserver, Guid holder, TimeProvider time, ILogger logger,
    Func<string, string, bool>? isLocal = null)
{
    // A call may have happened and still fail; watching again does no harm. Beyond this a publisher is told rather than kept waiting.
    private static readonly TimeSpan RetryFor = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(50);

    private long _sessions;
    private IExchangeObserver? _observer;
    private object? _observerGate;

    private static readonly double HolderLimitSeconds = SnapshotLease.HolderLimit.TotalSeconds;

    /// <summary>A timestamp of the clock, in its own unit; it says nothing beyond this process.</summary>
    public long Now => time.GetTimestamp();

    public LeaseEnds Leases { get; } = new();

    public bool IsLocal(string vhost, string queue) => isLocal?.Invoke(vhost, queue) ?? true;

    public TimeSpan Elapsed(long since) => time.GetElapsedTime(since);

    /// <summary>When a snapshot may not be routed by any more that was last heard of at <paramref name="heardAt"/>.</summary>
    public long EndOfLease(long heardAt) => heardAt + (long)(HolderLimitSeconds * time.TimestampFrequency);

    private IExchangeObserver Observer => LazyInitializer.EnsureInitialized(ref _observer, ref _observerGate, createObserver);

    public long NextSession() => Interlocked.Increment(ref _sessions);

    public async Task<ExchangeSnapshot?> WatchAsync(string key, long session)
    {
        var startedAt = Now;
        while (true)
        {
            try
            {
                await OwnThread.Leave();
                return await exchange(key).WatchAsync(holder, session, Observer).ConfigureAwait(false);
            }
            catch (Exception error) when (Elapsed(startedAt) < RetryFor)
            {
                LogWatchFailed(error, key);
            }

            await Task.Delay(RetryAfter, time).ConfigureAwait(false);
        }
    }

    public void Renew(ExchangeView view, long session, Guid epoch, long sentAt) => _ = RenewAsync(view, session, epoch, sentAt);

    public void Unwatch(string key, long session) => _ = UnwatchAsync(key, session);

    private async Task RenewAsync(ExchangeView view, long session, Guid epoch, long sentAt)
    {
        try
        {
            await OwnThread.Leave();
            var kept = await exchange(view.Key).RenewAsync(holder, session, epoch).ConfigureAwait(false);
            view.Renewed(session, sentAt, kept);
        }
        catch (Exception error)
        {
            // The next renewal follows; without any the view gives itself up.
            LogRenewalFailed(error, view.Key);
        }
    }

    private async Task UnwatchAsync(string key, long session)
    {
        try
        {
            await OwnThread.Leave();
            await exchange(key).UnwatchAsync(holder, session).ConfigureAwait(false);
        }
        catch (Exception error)
        {
            // Without renewals the exchange forgets this holder by itself.
            LogUnwatchFailed(error, key);
        }
    }

    [LoggerMessage(2001, LogLevel.Debug, "Watching exchange {Key} failed; trying again.")]
    private partial void LogWatchFailed(Exception error, string key);

    [LoggerMessage(2002, LogLevel.Debug, "Renewing the hold on exchange {Key} failed.")]
    private partial void LogRenewalFailed(Exception error, string key);

    [LoggerMessage(2003, LogLevel.Debug, "Giving up the hold on exchange {Key} failed.")]
    private partial void LogUnwatchFailed(Exception error, string key);
}
