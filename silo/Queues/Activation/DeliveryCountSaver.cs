using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Queues.Activation;

/// <summary>Has the store know how often the messages of a queue came back, and until when they wait. Nobody waits for that: the last returns before a crash may not count.</summary>
internal sealed partial class DeliveryCountSaver(GroupCommit? commit, string queueKey, ILogger log)
{
    /// <summary>Completes when all is written that was to be saved so far, or cannot be.</summary>
    public Task Saved { get; private set; } = Task.CompletedTask;

    /// <summary>At the end of a turn.</summary>
    public void Save(Queue queue)
    {
        if (commit is not null && queue.DeliveryCounts is { HasChanges: true } counts)
        {
            Write(queue.Incarnation, counts.TakeChanges());
        }
    }

    /// <summary>Gives a queue what an earlier activation had saved of it.</summary>
    public async Task RestoreAsync(Queue queue, CancellationToken cancellation)
    {
        if (commit is null || queue.DeliveryCounts is not { } counts)
        {
            return;
        }

        foreach (var row in await commit.Store.ReadRowsAsync(DeliveryCountRows.TableOf(queueKey), cancellation).ConfigureAwait(false))
        {
            var (incarnation, block) = DeliveryCountRows.Parse(row);
            if (incarnation == queue.Incarnation)
            {
                counts.Restore(block);
            }
            else
            {
                // Of a queue that was deleted while this could not be.
                Write(incarnation, [new DeliveryCountBlock(block.Number, null, null)]);
            }
        }

        // Messages may have gone without that being known before the end.
        counts.Forget(0, queue.Storage?.Backlog.First ?? 0);
    }

    private void Write(Guid incarnation, DeliveryCountBlock[] changes) =>
        Saved = Task.WhenAll([Saved, .. changes.Select(change => WriteAsync(commit!, DeliveryCountRows.Changed(queueKey, incarnation, change)))]);

    private async Task WriteAsync(GroupCommit commit, RowChange change)
    {
        try
        {
            await commit.WriteAsync(change).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // The node stops: these returns do not count.
            LogNotSaved(exception, queueKey);
        }
    }

    [LoggerMessage(3017, LogLevel.Debug, "How often messages of queue {Queue} came back could not be stored")]
    private partial void LogNotSaved(Exception exception, string queue);
}
