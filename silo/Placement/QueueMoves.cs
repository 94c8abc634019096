using Granary.Silo.Queues.Activation;
using Granary.Silo.Queues.Figures;

namespace Granary.Silo.Placement;

/// <summary>Queues of this silo that go to others on request.</summary>
internal sealed class QueueMoves(LocalQueues queues, SiloFigures figures, TimeProvider time)
{
    /// <summary>Queues that are under way at once: what they have in memory is stored meanwhile, and their clients wait.</summary>
    private const int AtOnce = 50;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>How many queues are here.</summary>
    public int Count => figures.Queues;

    /// <summary>Completes when so many are on their way, or all that can be moved.</summary>
    /// <returns>How many are.</returns>
    public async Task<int> MoveAsync(SiloAddress to, int count, CancellationToken cancellation)
    {
        var moved = 0;
        using var left = queues.Inboxes.GetEnumerator();
        for (List<Task<bool>> some = []; ; some.Clear())
        {
            while (some.Count < Math.Min(AtOnce, count - moved) && left.MoveNext())
            {
                some.Add(left.Current.PostMove(to));
            }

            moved += (await Task.WhenAll(some).WaitAsync(cancellation).ConfigureAwait(false)).Count(begun => begun);
            if (moved >= count || some.Count == 0)
            {
                return moved;
            }

            await Task.Delay(Pause, time, cancellation).ConfigureAwait(false);
        }
    }
}
