using Granary.Core.Messages;
using Microsoft.Extensions.Hosting;

namespace Granary.Gateway.Hosting;

/// <summary>
/// Gives memory of large records back after a burst of them: what the pool keeps and nobody needs any more, and what became garbage, which stays as long as
/// nothing is allocated that would make the collector look.
/// </summary>
internal sealed class LargeRecordKeeper(LargeRecordPool pool, TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                if (pool.Tidy())
                {
                    // The one mode that gives memory back to the system at once.
                    GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process ends, and all memory with it.
        }
    }
}
