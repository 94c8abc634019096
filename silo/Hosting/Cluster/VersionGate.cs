using Granary.Core.Members;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting.Cluster;

/// <summary>
/// Lets this process become a member only if every other is of its contract's version, or one apart. It looks when the process is on the list as one that joins, so that of
/// two that come at once one sees the other, and when those on it that are lost have been declared dead.
/// </summary>
internal sealed partial class VersionGate(IClusterMembershipService members, IMembershipTable table, ILocalSiloDetails own, ILogger<VersionGate> log) : ILifecycleParticipant<ISiloLifecycle>
{
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(nameof(VersionGate), ServiceLifecycleStage.ValidateInitialConnectivity + 1, CheckAsync);

    /// <exception cref="MemberRefusedException">Members are too far apart.</exception>
    public async Task CheckAsync(CancellationToken cancellation)
    {
        await members.Refresh(default, cancellation).ConfigureAwait(false);
        foreach (var other in members.CurrentSnapshot.Members.Values)
        {
            if (other.SiloAddress.Equals(own.SiloAddress) || other.Status is not (SiloStatus.Joining or SiloStatus.Active))
            {
                continue;
            }

            var version = ContractVersion.Of(other.Name);
            if (version is not { } known || !ContractVersion.AreAdjacent(known, ContractVersion.Current))
            {
                await LeaveAsync(cancellation).ConfigureAwait(false);
                throw new MemberRefusedException(
                    $"Member {other.SiloAddress.Endpoint} of the cluster is of {(version is null ? "no contract version that it tells" : $"contract version {version}")}, and this process of {ContractVersion.Current}: "
                    + "members may be one version apart. Upgrade by way of the versions between, or stop all members first (docs/operations.md, \"Upgrading\").");
            }

            if (known != ContractVersion.Current)
            {
                LogAdjacent(other.SiloAddress.Endpoint, known, ContractVersion.Current);
            }
        }
    }

    /// <summary>Somebody who is on the list as one that joins, and does not, would be a reason not to join for those who come next.</summary>
    private async Task LeaveAsync(CancellationToken cancellation)
    {
        for (var isWritten = false; !isWritten;)
        {
            var list = await table.ReadAllAsync(cancellation).ConfigureAwait(false);
            var (entry, etag) = list.Members.First(member => member.Item1.SiloAddress.Equals(own.SiloAddress));
            entry.Status = SiloStatus.Dead;
            isWritten = await table.UpdateRowAsync(entry, etag, list.Version.Next(), cancellation).ConfigureAwait(false);
        }
    }

    [LoggerMessage(3531, LogLevel.Information, "Member {Member} is of contract version {Version}, this process of {Own}: both serve until all members are of one")]
    private partial void LogAdjacent(System.Net.IPEndPoint member, int version, int own);
}
