namespace Granary.Silo.Hosting.Cluster;

/// <summary>The list of members in the cluster's database: what it says of who is dead holds.</summary>
internal interface IMemberList
{
    /// <summary>Reads it now.</summary>
    /// <returns>Whether this process is a member by it.</returns>
    Task<bool> HasOwnAsync();
}

/// <inheritdoc cref="IMemberList"/>
internal sealed class MemberList(IClusterMembershipService members, ILocalSiloDetails own) : IMemberList
{
    public async Task<bool> HasOwnAsync()
    {
        // The first may be one that somebody else had begun.
        await members.Refresh(default).ConfigureAwait(false);
        await members.Refresh(default).ConfigureAwait(false);
        return members.CurrentSnapshot.GetSiloStatus(own.SiloAddress) is not (SiloStatus.None or SiloStatus.Dead);
    }
}
