using System.Collections.Concurrent;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Topology;

namespace Granary.Gateway.Topology;

/// <summary>
/// Keeps vhosts to the number of queues that they may have. They are counted only where there is a limit, and only before a new one: a process declares one at a
/// time there. Two processes may each declare the last one at once, as in RabbitMQ.
/// </summary>
/// <param name="figures">Asked for when they are needed: whoever makes them needs the server of connections, which needs this.</param>
internal sealed class QueueLimits(Func<ClusterFigures> figures)
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _declaring = new(StringComparer.Ordinal);

    /// <summary>Declares a queue that is not there, if there may be one more.</summary>
    public async ValueTask<QueueAnswer> DeclareAsync(string vhost, string name, long most, Func<ValueTask<QueueAnswer>> declare, CancellationToken cancellation)
    {
        var turn = _declaring.GetOrAdd(vhost, static _ => new SemaphoreSlim(1, 1));
        await turn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            return await CountAsync(vhost, cancellation).ConfigureAwait(false) < most
                ? await declare().ConfigureAwait(false)
                : QueueAnswer.Refused(new BrokerError(
                    ReplyCode.PreconditionFailed, $"cannot declare queue '{name}': queue limit in vhost '{vhost}' ({most}) is reached"));
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task<long> CountAsync(string vhost, CancellationToken cancellation)
    {
        var prefix = GrainKeys.For(vhost, "");
        var picture = await figures().TakeAsync(FigureKinds.Queues | FigureKinds.Stored, cancellation).ConfigureAwait(false);
        return picture.Queues.LongCount(queue => queue.Figure.Key.StartsWith(prefix, StringComparison.Ordinal));
    }
}
