using Granary.Core.Figures;
using Granary.Core.Grains;
using Granary.Core.Members;
using Granary.Silo.Hosting.Cluster;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Placement;

/// <summary>Evens queues out over the silos, from any member.</summary>
/// <param name="moves">Null in a process without queues.</param>
/// <param name="members">Null in a process that is no member of a cluster.</param>
/// <param name="figures">Null in a process that tells nobody what it holds, and can only be asked to even out all queues.</param>
internal sealed partial class QueuePlaces(
    QueueSilos silos, ILocalSiloDetails own, TimeProvider time, ILogger<QueuePlaces> log, QueueMoves? moves = null, IMembers? members = null,
    IGrainFactory? grains = null, ClusterFigures? figures = null) : IQueuePlaces
{
    /// <summary>Queues that a silo is asked to move by one call: it may take no longer than calls may.</summary>
    private const int AtOnce = 200;

    /// <summary>Of chosen queues, so many are asked to move at once.</summary>
    private const int ChosenAtOnce = 50;

    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private (QueueChoice Choice, Task<int> Moved)? _underWay;

    public IReadOnlyList<string> Names => [.. silos.All().Select(NameOf)];

    public SiloAddress? Find(string name) => silos.All().FirstOrDefault(silo => NameOf(silo) == name);

    public async Task<SiloAddress> FindLeastLoadedAsync(CancellationToken cancellation)
    {
        var counts = await CountAsync().WaitAsync(cancellation).ConfigureAwait(false);
        return counts.Length > 0 ? counts.MinBy(silo => silo.Queues).Silo : throw new TimeoutException("There is no silo that could have queues.");
    }

    public Task<int> RebalanceAsync(QueueChoice choice, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_underWay is not { Moved.IsCompleted: false } last || last.Choice != choice)
            {
                _underWay = (choice, MoveAsync(choice, after: _underWay?.Moved ?? Task.CompletedTask));
            }

            return _underWay.Value.Moved.WaitAsync(cancellation);
        }
    }

    private static string NameOf(SiloAddress silo) => silo.Endpoint.ToString();

    private async Task<int> MoveAsync(QueueChoice choice, Task after)
    {
        await after.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
        return choice.IsAll ? await MoveAllAsync().ConfigureAwait(false) : await MoveChosenAsync(choice).ConfigureAwait(false);
    }

    private async Task<int> MoveAllAsync()
    {
        var counts = await CountAsync().ConfigureAwait(false);
        var moved = 0;
        foreach (var move in EvenShares.Of(counts))
        {
            for (var (left, went) = (move.Count, int.MaxValue); left > 0 && went > 0; left -= went)
            {
                moved += went = await MoveAsync(move.From, move.To, Math.Min(left, AtOnce)).ConfigureAwait(false);
            }
        }

        LogMoved(moved, counts.Sum(silo => silo.Queues), counts.Length);
        return moved;
    }

    private async Task<int> MoveChosenAsync(QueueChoice choice)
    {
        var places = await FindAsync(choice).ConfigureAwait(false);
        var (moved, all) = (0, places.Values.Sum(static queues => queues.Count));
        foreach (var move in EvenShares.Of([.. places.Select(static place => (place.Key, place.Value.Count))]))
        {
            // Those that cannot be moved stay, and others go in their place.
            var left = move.Count;
            for (var queues = places[move.From]; left > 0 && queues.Count > 0;)
            {
                var some = Enumerable.Range(0, Math.Min(Math.Min(left, ChosenAtOnce), queues.Count)).Select(_ => queues.Dequeue()).ToArray();
                var went = (await Task.WhenAll(some.Select(queue => TryMoveAsync(queue, move.To))).ConfigureAwait(false)).Count(static begun => begun);
                (left, moved) = (left - went, moved + went);
            }
        }

        LogMoved(moved, all, places.Count);
        return moved;
    }

    /// <summary>Where queues are that are meant, of those that are active.</summary>
    private async Task<Dictionary<SiloAddress, Queue<string>>> FindAsync(QueueChoice choice)
    {
        var picture = await (figures ?? throw new TimeoutException("Nobody knows here which queues there are.")).TakeAsync(FigureKinds.Queues, CancellationToken.None).ConfigureAwait(false);
        var nodes = picture.Nodes.ToDictionary(static node => node.Figure.Address, static node => node.Node, StringComparer.Ordinal);
        var queues = picture.Queues.ToLookup(static queue => queue.Node, static queue => queue.Figure.Key, StringComparer.Ordinal);
        var isMeant = choice.ToFilter();
        return silos.All().ToDictionary(static silo => silo, silo => new Queue<string>(
            queues[nodes.GetValueOrDefault(NameOf(silo)) ?? throw new TimeoutException($"Silo {NameOf(silo)} does not answer.")].Where(key =>
            {
                var (vhost, name) = GrainKeys.Parse(key);
                return isMeant(vhost, name);
            })));
    }

    private async Task<bool> TryMoveAsync(string queue, SiloAddress to)
    {
        try
        {
            return (await grains!.Queue(queue).MoveAsync(to).ConfigureAwait(false)).Error is null;
        }
        catch (Exception exception)
        {
            // It may be where it was, or have gone: who asks again finds out.
            LogNotMoved(exception, queue, to);
            return false;
        }
    }

    private async Task<(SiloAddress Silo, int Queues)[]> CountAsync() =>
        await Task.WhenAll(silos.All().Select(async silo => (silo, await CountAsync(silo).ConfigureAwait(false)))).ConfigureAwait(false);

    private Task<int> CountAsync(SiloAddress silo) => AskAsync(silo, moves => Task.FromResult(moves.Count), static member => member.CountQueuesAsync());

    private Task<int> MoveAsync(SiloAddress from, SiloAddress to, int count) =>
        AskAsync(from, moves => moves.MoveAsync(to, count, CancellationToken.None), member => member.MoveQueuesAsync(to, count));

    private async Task<int> AskAsync(SiloAddress silo, Func<QueueMoves, Task<int>> here, Func<IMemberService, Task<int>> there)
    {
        if (silo.Equals(own.SiloAddress) && moves is not null)
        {
            return await here(moves).ConfigureAwait(false);
        }

        try
        {
            return members?.Find(LossWatch.NameOf(silo)) is { } member
                ? await there(member).WaitAsync(AnswerLimit, time).ConfigureAwait(false)
                : throw new TimeoutException($"Silo {NameOf(silo)} is gone.");
        }
        catch (Exception exception) when (exception is not TimeoutException)
        {
            throw new TimeoutException($"Silo {NameOf(silo)} does not answer.", exception);
        }
    }

    [LoggerMessage(3603, LogLevel.Information, "Queues were evened out as it was asked for: {Moved} of {Queues} move, between {Silos} silos")]
    private partial void LogMoved(int moved, int queues, int silos);

    [LoggerMessage(3604, LogLevel.Debug, "Queue {Queue} has not answered when it was asked to move to {Silo}")]
    private partial void LogNotMoved(Exception exception, string queue, SiloAddress silo);
}
