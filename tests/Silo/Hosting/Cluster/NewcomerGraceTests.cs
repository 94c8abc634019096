using System.Net;
using Granary.Silo.Hosting.Cluster;
using Granary.Testing.Logs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Granary.Silo.Tests.Hosting.Cluster;

/// <summary>Which members this process may declare dead, and when.</summary>
public sealed class NewcomerGraceTests
{
    private static readonly SiloAddress Own = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 1), 7);
    private static readonly SiloAddress Other = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 2), 7);

    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly List<LogLine> _log = [];
    private readonly Listed _list;
    private readonly IMembershipTable _grace;

    public NewcomerGraceTests()
    {
        _list = new Listed(_clock);
        _grace = new NewcomerGrace(_list, new OwnSilo(Own), _clock, new LoggerFactory([new LineProvider(_log.Add, LogLevel.Information)]).CreateLogger<NewcomerGrace>());
    }

    [Theory]
    [InlineData(SiloStatus.Joining, 7)]
    [InlineData(SiloStatus.Active, 4)]
    public async Task Newcomer_ThatIsSlow_IsNotDeclaredDeadYet(SiloStatus status, int seconds)
    {
        _list.Put(Other, status);
        await _grace.ReadAllAsync(CancellationToken.None);
        await PassAsync(seconds);

        Assert.False(await DeclareDeadAsync(Other));
        Assert.Equal(status, _list.StatusOf(Other));
        Assert.Equal("Member 127.0.0.1:2 has just come and does not answer in time: it is not declared dead yet", Assert.Single(_log).Text);

        await PassAsync(2);
        Assert.True(await DeclareDeadAsync(Other));
        Assert.Equal(SiloStatus.Dead, _list.StatusOf(Other));
    }

    [Fact]
    public async Task OneThatJoined_IsNewOnceMoreAsAMember()
    {
        _list.Put(Other, SiloStatus.Joining);
        await _grace.ReadAllAsync(CancellationToken.None);
        await PassAsync(7);
        _list.Put(Other, SiloStatus.Active);
        await _grace.ReadAllAsync(CancellationToken.None);
        await PassAsync(4);

        Assert.False(await DeclareDeadAsync(Other));
        await PassAsync(2);
        Assert.True(await DeclareDeadAsync(Other));
    }

    /// <summary>Killed as soon as it had come.</summary>
    [Fact]
    public async Task Newcomer_ThatDoesNotSayThatItIsAlive_IsDeclaredDead()
    {
        _list.Put(Other, SiloStatus.Active);
        await _grace.ReadAllAsync(CancellationToken.None);
        _clock.Advance(ClusterSilo.Silence);

        Assert.True(await DeclareDeadAsync(Other));
    }

    /// <summary>To a process that has just started, all others are new.</summary>
    [Theory]
    [InlineData(SiloStatus.Joining)]
    [InlineData(SiloStatus.Active)]
    public async Task MemberThatHasRunForLong_IsDeclaredDeadAtOnce(SiloStatus status)
    {
        _list.Put(Other, status);
        await PassAsync(60);
        await _grace.ReadAllAsync(CancellationToken.None);

        Assert.True(await DeclareDeadAsync(Other));
    }

    [Fact]
    public async Task OwnEnd_AndThatOfWhoWasAtTheSameAddress_IsWritten()
    {
        var before = SiloAddress.New(Own.Endpoint, 6);
        _list.Put(Own, SiloStatus.Joining);
        _list.Put(before, SiloStatus.Active);
        await _grace.ReadAllAsync(CancellationToken.None);

        Assert.True(await DeclareDeadAsync(before));
        Assert.True(await DeclareDeadAsync(Own));
    }

    [Fact]
    public async Task OtherChanges_OfANewcomer_AreWritten()
    {
        _list.Put(Other, SiloStatus.Joining);
        await _grace.ReadAllAsync(CancellationToken.None);

        Assert.True(await _grace.UpdateRowAsync(_list.EntryOf(Other, SiloStatus.Active), "", new TableVersion(1, ""), CancellationToken.None));
        Assert.Equal(SiloStatus.Active, _list.StatusOf(Other));
    }

    [Fact]
    public void Services_WithAList_HaveItBehindTheGrace()
    {
        var services = new ServiceCollection().AddSingleton<IMembershipTable>(_list).AddSingleton<ILocalSiloDetails>(new OwnSilo(Own)).AddSingleton<TimeProvider>(_clock);
        services.AddLogging();
        services.AddSingleton<IMembershipTable>(_ => _list);
        NewcomerGrace.AddTo(services);
        using var provider = services.BuildServiceProvider();

        Assert.IsType<NewcomerGrace>(provider.GetRequiredService<IMembershipTable>());
    }

    // It says every second that it is alive.
    private async Task PassAsync(int seconds)
    {
        for (var second = 0; second < seconds; second++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            _list.SayAlive(Other);
            await _grace.ReadAllAsync(CancellationToken.None);
        }
    }

    private Task<bool> DeclareDeadAsync(SiloAddress member) =>
        _grace.UpdateRowAsync(_list.EntryOf(member, SiloStatus.Dead), "", new TableVersion(1, ""), CancellationToken.None);

    private sealed class Listed(TimeProvider clock) : ListOfMembers
    {
        private readonly Dictionary<SiloAddress, MembershipEntry> _entries = [];

        private DateTime Now => clock.GetUtcNow().UtcDateTime;

        public void Put(SiloAddress member, SiloStatus status) =>
            _entries[member] = new MembershipEntry { SiloAddress = member, Status = status, StartTime = _entries.GetValueOrDefault(member)?.StartTime ?? Now, IAmAliveTime = Now };

        public void SayAlive(SiloAddress member) => _entries[member].IAmAliveTime = Now;

        public SiloStatus StatusOf(SiloAddress member) => _entries[member].Status;

        public MembershipEntry EntryOf(SiloAddress member, SiloStatus status) =>
            new() { SiloAddress = member, Status = status, StartTime = _entries[member].StartTime, IAmAliveTime = _entries[member].IAmAliveTime };

        public override Task<MembershipTableData> ReadAll() =>
            Task.FromResult(new MembershipTableData([.. _entries.Keys.Select(member => Tuple.Create(EntryOf(member, StatusOf(member)), ""))], new TableVersion(1, "")));

        public override Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion)
        {
            _entries[entry.SiloAddress] = entry;
            return Task.FromResult(true);
        }
    }
}
