using Granary.Core;
using Granary.Core.Links;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;

namespace Granary.Silo.Ownership;

/// <summary>
/// In a cluster: who owns what is not durable, and whether that owner is still there. An exclusive queue belongs to its connection, and goes at the latest with the
/// member that has it; other transient queues and exchanges belong to the run of the cluster, which ends when no silo of it is left.
/// </summary>
internal sealed class Owners(ClusterRun run, IClusterMembershipService members, GroupCommit commit, SiloLosses losses, TimeProvider time)
{
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMinutes(1);

    private int _lossesSeen = -1;
    private bool _hadOrphans;
    private long _lookedAt;

    /// <summary>The owner of what is declared now and belongs to no connection.</summary>
    /// <exception cref="StoreUnavailableException">It cannot be said while the store is out of reach.</exception>
    public async ValueTask<string> RunAsync(CancellationToken cancellation) => await run.IdAsync(cancellation).ConfigureAwait(false);

    /// <summary>The owner of an exclusive queue.</summary>
    public static string OwnerOf(ConnectionId connection) => connection.Member ?? "";

    /// <summary>Whether an owner of which a row tells is there no more.</summary>
    public async ValueTask<bool> IsGoneAsync(string owner, CancellationToken cancellation)
    {
        if (ClusterRun.IsRun(owner))
        {
            return owner != await run.IdAsync(cancellation).ConfigureAwait(false);
        }

        if (StatusOf(owner) is not SiloStatus.None)
        {
            return StatusOf(owner) == SiloStatus.Dead;
        }

        // A member that has just joined may not be known here yet.
        await members.Refresh(default, cancellation).ConfigureAwait(false);
        return StatusOf(owner) is SiloStatus.None or SiloStatus.Dead;
    }

    /// <summary>Whether the member that has a connection is known to have gone.</summary>
    public bool HasGone(ConnectionId connection) => connection.Member is { } member && StatusOf(member) == SiloStatus.Dead;

    /// <summary>
    /// Those whose owner is gone, each time that this may have changed and until there are none: whoever activates them has them removed. Not to be called by two at once.
    /// </summary>
    public async Task<IReadOnlyList<(DueKind Kind, string GrainKey)>> TakeOrphansAsync(CancellationToken cancellation)
    {
        var seen = losses.Count;
        if (seen == _lossesSeen && !_hadOrphans && time.GetElapsedTime(_lookedAt) < LookAgainAfter)
        {
            return [];
        }

        var gone = new Dictionary<string, bool>(StringComparer.Ordinal);
        List<(DueKind Kind, string GrainKey)> orphans = [];
        foreach (var row in await commit.Store.ReadRowsAsync(OwnedRows.Table, cancellation).ConfigureAwait(false))
        {
            var (kind, key, owner) = OwnedRows.Parse(row);
            if (!gone.TryGetValue(owner, out var isGone))
            {
                gone.Add(owner, isGone = await IsGoneAsync(owner, cancellation).ConfigureAwait(false));
            }

            if (isGone)
            {
                orphans.Add((kind, key));
            }
        }

        (_lossesSeen, _hadOrphans, _lookedAt) = (seen, orphans.Count > 0, time.GetTimestamp());
        return orphans;
    }

    private SiloStatus StatusOf(string member)
    {
        try
        {
            return members.CurrentSnapshot.GetSiloStatus(SiloAddress.FromParsableString(member));
        }
        catch (FormatException)
        {
            // Of no cluster at all: a lone node had the database before.
            return SiloStatus.Dead;
        }
    }
}
