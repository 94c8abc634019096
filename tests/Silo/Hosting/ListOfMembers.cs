namespace Granary.Silo.Tests.Hosting;

/// <summary>A list of members that a test plays. What it does not play is not asked.</summary>
internal abstract class ListOfMembers : IMembershipTable
{
    public abstract Task<MembershipTableData> ReadAll();

    public abstract Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion);

    public Task InitializeMembershipTable(bool tryInitTableVersion) => throw new NotSupportedException();

    public Task DeleteMembershipTableEntries(string clusterId) => throw new NotSupportedException();

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => throw new NotSupportedException();

    public Task<MembershipTableData> ReadRow(SiloAddress key) => throw new NotSupportedException();

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => throw new NotSupportedException();

    public Task UpdateIAmAlive(MembershipEntry entry) => throw new NotSupportedException();
}

/// <summary>The silo of the process, as far as its address goes.</summary>
internal sealed class OwnSilo(SiloAddress address) : ILocalSiloDetails
{
    public string Name => "";

    public string ClusterId => "";

    public string DnsHostName => "";

    public SiloAddress SiloAddress => address;

    public SiloAddress GatewayAddress => address;
}
