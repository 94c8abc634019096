using System.Collections.Immutable;
using System.Net;
using Granary.Core.Members;
using Granary.Silo.Hosting.Cluster;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Hosting;

/// <summary>Which versions of members a process joins.</summary>
public sealed class VersionGateTests
{
    private static readonly SiloAddress Own = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 1), 1);
    private static readonly SiloAddress Other = SiloAddress.New(new IPEndPoint(IPAddress.Parse("10.0.0.2"), 11111), 1);

    private readonly Table _table = new();

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Joining_MembersOneVersionApart_IsLetIn(int apart)
    {
        await CheckAsync(NameOf(ContractVersion.Current + apart), SiloStatus.Active);

        Assert.Equal(SiloStatus.Joining, _table.Own);
    }

    [Theory]
    [InlineData(2, SiloStatus.Active)]
    [InlineData(2, SiloStatus.Joining)]
    public async Task Joining_AMemberFurtherApart_IsRefusedWithBothVersions(int apart, SiloStatus status)
    {
        var refused = await Assert.ThrowsAsync<MemberRefusedException>(() => CheckAsync(NameOf(ContractVersion.Current + apart), status));

        Assert.Equal(SiloStatus.Dead, _table.Own);
        Assert.StartsWith(
            $"Member 10.0.0.2:11111 of the cluster is of contract version {ContractVersion.Current + apart}, and this process of {ContractVersion.Current}: members may be one version apart.",
            refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Silo_6d3f1")]
    [InlineData("contract-x-1")]
    [InlineData("contract-")]
    public async Task Joining_AMemberThatTellsNoVersion_IsRefused(string name)
    {
        var refused = await Assert.ThrowsAsync<MemberRefusedException>(() => CheckAsync(name, SiloStatus.Active));

        Assert.StartsWith("Member 10.0.0.2:11111 of the cluster is of no contract version that it tells, and this process of", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(SiloStatus.Dead)]
    [InlineData(SiloStatus.ShuttingDown)]
    public Task Joining_OthersThatAreGoneOrGo_IsLetIn(SiloStatus status) => CheckAsync(NameOf(ContractVersion.Current + 2), status);

    [Fact]
    public void MemberName_OfThisProcess_TellsItsVersionAndIsNeverTheSame()
    {
        Assert.Equal(ContractVersion.Current, (ushort)ContractVersion.Of(ContractVersion.NewMemberName())!);
        Assert.NotEqual(ContractVersion.NewMemberName(), ContractVersion.NewMemberName());
    }

    private static string NameOf(int version) => $"contract-{version}-0123";

    private Task CheckAsync(string other, SiloStatus status) =>
        new VersionGate(new Listed(other, status), _table, new OwnSilo(Own), NullLogger<VersionGate>.Instance).CheckAsync(CancellationToken.None);

    /// <summary>The list of members, which has the other one when it is asked for the newest.</summary>
    private sealed class Listed(string other, SiloStatus status) : IClusterMembershipService
    {
        public ClusterMembershipSnapshot CurrentSnapshot { get; private set; } = new(ImmutableDictionary<SiloAddress, ClusterMember>.Empty, new MembershipVersion(1));

        public IAsyncEnumerable<ClusterMembershipSnapshot> MembershipUpdates => throw new NotSupportedException();

        public ValueTask Refresh(MembershipVersion minimumVersion = default, CancellationToken cancellationToken = default)
        {
            ClusterMember[] members = [new(Own, SiloStatus.Joining, "of no meaning"), new(Other, status, other)];
            CurrentSnapshot = new(members.ToImmutableDictionary(member => member.SiloAddress), new MembershipVersion(2));
            return default;
        }

        public Task<bool> TryKill(SiloAddress siloAddress) => throw new NotSupportedException();
    }

    /// <summary>The list as it is stored. The first write meets somebody else's.</summary>
    private sealed class Table : ListOfMembers
    {
        private int _writes;

        public SiloStatus Own { get; private set; } = SiloStatus.Joining;

        public override Task<MembershipTableData> ReadAll() => Task.FromResult(new MembershipTableData(
            [Tuple.Create(new MembershipEntry { SiloAddress = Other, Status = SiloStatus.Active }, "1"), Tuple.Create(new MembershipEntry { SiloAddress = VersionGateTests.Own, Status = Own }, "1")],
            new TableVersion(7, "7")));

        public override Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion)
        {
            Assert.Equal((VersionGateTests.Own, 8), (entry.SiloAddress, tableVersion.Version));
            if (_writes++ == 0)
            {
                return Task.FromResult(false);
            }

            Own = entry.Status;
            return Task.FromResult(true);
        }
    }
}
