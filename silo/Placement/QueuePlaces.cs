using Granary.Core.Members;
using Granary.Silo.Hosting.Cluster;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Placement;

/// <summary>Evens queues out over the silos, from any member.</summary>
/// <param name="moves">Null in a process without queues.</param>
/// <param name="members">Null in a process that is no member of a cluster.</param>
internal sealed partial class QueuePlaces(
    QueueSilos silos, ILocalSiloDetails own, TimeProvider time, ILogger<QueuePlaces> log, QueueMoves? moves = null, IMembers? members = null) : IQueuePlaces
{
    /// <summary>Queues that a silo is asked to move by one call: it may take no longer than calls may.</summary>
    private const int AtOnce = 200;

    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private Task<int>? _underWay;

    public IReadOnlyList<string> Names => [.. silos.All().Select(NameOf)];

    public SiloAddress? Find(string name) => silos.All().FirstOrDefault(silo => NameOf(silo) == name);

    public async Task<SiloAddress> FindLeastLoadedAsync(CancellationToken cancellation)
    {
        var counts = await CountAsync().WaitAsync(cancellation).ConfigureAwait(false);
        return counts.Length > 0 ? counts.MinBy(silo => silo.Queues).Silo : throw new TimeoutException("There is no silo that could have queues.");
    }

    public Task<int> RebalanceAsync(CancellationToken cancellation)
    {
        lock (_gate)
        {
            return (_underWay is { IsCompleted: false } ? _underWay : _underWay = MoveAllAsync()).WaitAsync(cancellation);
        }
    }

    private static string NameOf(SiloAddress silo) => silo.Endpoint.ToString();

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
}
