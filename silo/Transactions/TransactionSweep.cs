using Granary.Core.Grains;
using Granary.Core.Threads;
using Granary.Core.Transactions;
using Granary.Silo.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Transactions;

/// <summary>
/// Clears up after transactions whose gateway died: wakes queues that were prepared and are not active, which look what became of it, and removes what nobody asks for
/// any more.
/// </summary>
internal sealed partial class TransactionSweep(
    Func<GroupCommit> commit, IGrainFactory grains, TimeProvider time, ILogger<TransactionSweep> log) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    /// <summary>For so long a gateway may not have heard yet that something takes effect.</summary>
    private static readonly TimeSpan KeepsYes = TimeSpan.FromMinutes(5);

    /// <summary>For much less a gateway asks that something takes effect.</summary>
    private static readonly TimeSpan KeepsNo = TimeSpan.FromHours(1);

    // Seen by the last look: what is older than a period is nobody's.
    private HashSet<(string Queue, TransactionId Id)> _seen = [];

    /// <summary>One look.</summary>
    public async Task SweepAsync(CancellationToken cancellation)
    {
        var store = commit();
        var decided = await store.Store.ReadRowsAsync(TransactionDecisions.Table, cancellation).ConfigureAwait(false);
        var prepared = (await store.Store.ReadTablesAsync(PreparedRows.Prefix, cancellation).ConfigureAwait(false))
            .Select(static row => (Queue: PreparedRows.QueueOf(row), Id: PreparedRows.IdOf(row))).ToHashSet();
        foreach (var queue in prepared.Where(_seen.Contains).Select(static part => part.Queue).Distinct())
        {
            await grains.Queue(queue).WakeAsync().AsTask().WaitAsync(cancellation).ConfigureAwait(false);
        }

        _seen = prepared;
        var open = prepared.Select(static part => part.Id).ToHashSet();
        foreach (var row in decided)
        {
            var (id, takesEffect, at) = TransactionDecisions.Parse(row);
            if (!open.Contains(id) && time.GetUtcNow() - at > (takesEffect ? KeepsYes : KeepsNo))
            {
                await store.WriteAsync(new RowChange(row.Key, null)).WaitAsync(cancellation).ConfigureAwait(false);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        while (await timer.NextAsync(stoppingToken).ConfigureAwait(false))
        {
            try
            {
                await SweepAsync(stoppingToken).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                // The store is out of reach, or a silo, or the node stops: there is time.
                LogNotSwept(exception);
            }
        }
    }

    [LoggerMessage(3022, LogLevel.Debug, "What is left of transactions could not be cleared up; it is tried again in a minute")]
    private partial void LogNotSwept(Exception exception);
}
