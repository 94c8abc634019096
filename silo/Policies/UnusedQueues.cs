using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Policies;
using Granary.Core.Threads;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Storage.Definitions;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Policies;

/// <summary>
/// Sees that policies reach queues that nobody uses, of which there is nothing but what is stored: a queue that is to expire is noted as due, and one that holds more than it
/// now may is activated. All others find out when they are used.
/// </summary>
/// <param name="figures">Null in a process that tells nobody what it holds.</param>
internal sealed partial class UnusedQueues(
    PolicyCopy policies, DueTable due, IGrainFactory grains, TimeProvider time, ILogger<UnusedQueues> log, ClusterFigures? figures = null)
{
    private const int AtOnce = 16;

    /// <exception cref="OperationCanceledException">The next activation of who keeps policies looks again.</exception>
    public async Task LookAsync(IReadOnlySet<string> vhosts, CancellationToken ended)
    {
        if (figures is null)
        {
            return;
        }

        await OwnThread.Leave();
        var picture = await figures.TakeAsync(FigureKinds.Queues | FigureKinds.Stored, ended).ConfigureAwait(false);
        var (table, now) = (policies.Table, time.GetUtcNow().ToUnixTimeMilliseconds());
        List<string> tooLong = [];
        foreach (var queue in picture.Queues.Select(static queue => queue.Figure).Where(static queue => !queue.IsActive))
        {
            var (vhost, name) = GrainKeys.Parse(queue.Key);
            if (!vhosts.Contains(vhost))
            {
                continue;
            }

            var definition = QueueDefinition.Stored(vhost, name, queue.Declaration);
            var policy = table.Find(vhost, definition.Type.ToTarget(), name);
            var settings = definition.SettingsWith(policy);
            if (settings.Expires is { } after && settings.Expires != definition.Settings.Expires)
            {
                due.Advance(DueKind.Queue, queue.Key, now + after);
            }

            // How many bytes its messages have is not known.
            if (settings.MaxLength < queue.Ready || (queue.Ready > 0 && settings.MaxBytes is not null && settings.MaxBytes != definition.Settings.MaxBytes))
            {
                tooLong.Add(queue.Key);
            }
        }

        await Parallel.ForEachAsync(tooLong, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ended }, async (key, cancellation) =>
        {
            try
            {
                await grains.Queue(key).WakeAsync().AsTask().WaitAsync(cancellation).ConfigureAwait(false);
            }
            catch (Exception exception) when (!cancellation.IsCancellationRequested)
            {
                // It is trimmed when it is used.
                LogNotWoken(exception, key);
            }
        }).ConfigureAwait(false);
    }

    [LoggerMessage(3813, LogLevel.Debug, "{Queue} has more messages than a policy now allows, and could not be activated to drop them; it does when it is used")]
    private partial void LogNotWoken(Exception exception, string queue);
}
